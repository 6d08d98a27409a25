import { useEffect, useState } from 'react';
import { get } from '../api/client';
import { useHere } from '../app/context';
import { duration, useNow } from '../core/time';
import { FILTERS, lanes, type Bar, type Entry, type Filter, type Story } from '../core/timeline';
import { useWords } from '../i18n';
import { Press } from '../ui/parts';

/** Live stories are asked for again this often. */
const AGAIN_MS = 2000;
const WIDTH = 1000;
const LANE = 34;
const LABEL_MIN = 60;

/** What happened in one call: lanes by person, and the list that says the same in words. */
export function TimelinePage() {
  const here = useHere();
  const { say, language } = useWords();
  const { story } = here;
  const [entries, setEntries] = useState<Entry[] | 'failed' | null>(null);
  const [filter, setFilter] = useState<Filter>('all');
  const [copied, setCopied] = useState(false);
  const [tries, setTries] = useState(0);
  const live = story !== null && here.desk.calls.some((call) => call.reservation_sid === story.reservation);
  const path = story && `/Workspaces/${here.desk.me.workspace_sid}/Workers/${story.worker}/Calls/${story.reservation}/Timeline`;
  useEffect(() => {
    if (!path) return;
    let there = true;
    const load = () => get<{ timeline: Entry[] }>(path).then(
      (answer) => there && setEntries(answer.timeline),
      () => there && setEntries((before) => (Array.isArray(before) ? before : 'failed')),
    );
    void load();
    const again = setInterval(() => void load(), AGAIN_MS);
    return () => {
      there = false;
      clearInterval(again);
    };
  }, [path, tries]);
  const now = useNow();
  if (!story) return <div className="board"><h2>{say('nav.timeline')}</h2><p className="empty">{say('timeline.none')}</p></div>;
  const time = new Intl.DateTimeFormat(language, { timeStyle: 'medium' });
  const told = Array.isArray(entries) ? entries : [];
  // The server writes what workers are called in routing; here they have the names that colleagues know.
  const names = new Map<string, string>();
  for (const { text, data } of told) {
    const person = here.desk.people.find((one) => one.worker_sid === data?.['worker_sid']);
    const written = /^(?:rings|connected with|picked up by) (.+)$/.exec(text)?.[1];
    if (person && written) names.set(written, person.name);
  }
  const drawn = lanes(told, live ? now : Date.parse(told.at(-1)?.at ?? '') || now);
  const copy = async () => {
    await navigator.clipboard.writeText(JSON.stringify({ reservation_sid: story.reservation, timeline: told }, null, 2));
    setCopied(true);
  };
  return (
    <div className="board story">
      <h2>{say('timeline.title', { name: story.name })}</h2>
      {entries === 'failed' && (
        <p className="hint">{say('detail.timeline.failed')} <Press tone="quiet" onClick={() => setTries(tries + 1)}>{say('detail.retry')}</Press></p>
      )}
      {drawn && <Lanes story={drawn} name={(who) => names.get(who) ?? who} />}
      <div className="buttons">
        <label className="pick">
          <span>{say('timeline.filter')}</span>
          <select value={filter} onChange={(event) => setFilter(event.target.value as Filter)}>
            {(Object.keys(FILTERS) as Filter[]).map((one) => <option key={one} value={one}>{say(`timeline.filter.${one}`)}</option>)}
          </select>
        </label>
        <Press onClick={() => void copy()}>{say('timeline.copy')}</Press>
        <span role="status">{copied && say('timeline.copied')}</span>
      </div>
      <table>
        <thead>
          <tr>
            <th scope="col">{say('table.when')}</th><th scope="col">{say('table.how')}</th><th scope="col">{say('table.what')}</th>
            <th scope="col">{say('table.detail')}</th>
          </tr>
        </thead>
        <tbody>
          {told.filter((entry) => FILTERS[filter](entry.kind)).map((entry, i) => (
            <tr key={i}>
              <td><time dateTime={entry.at}>{time.format(new Date(entry.at))}</time></td>
              <td>{entry.kind}</td>
              <td>{entry.text}</td>
              <td>
                <Recording entry={entry} path={path} time={time.format(new Date(entry.at))} />
                {entry.data && Object.keys(entry.data).length > 0 && <Detail entry={entry} />}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What was recorded, once it is whole. */
function Recording({ entry, path, time }: { entry: Entry; path: string | null; time: string }) {
  const { say } = useWords();
  const sid = entry.data?.['recording_sid'];
  if (entry.kind !== 'record' || entry.data?.['status'] !== 'completed' || typeof sid !== 'string' || !path) return null;
  const src = `/tandem/v1${path.replace(/Timeline$/, '')}Recordings/${sid}/Media`;
  return <audio controls preload="none" src={src} aria-label={say('timeline.recording', { time })} />;
}

function Detail({ entry }: { entry: Entry }) {
  const { say } = useWords();
  return (
    <details>
      <summary>{say('table.detail')}</summary>
      <pre>{JSON.stringify(entry.data, null, 2)}</pre>
    </details>
  );
}

/** The same as the list below, as bars; readers hear it in one sentence per person. */
function Lanes({ story, name }: { story: Story; name: (who: string) => string }) {
  const { say } = useWords();
  const x = (at: number) => ((at - story.from) / (story.to - story.from)) * WIDTH;
  const word = (bar: Bar) => `${say(`timeline.is.${bar.doing}`)} ${duration(bar.to - bar.from)}`;
  return (
    <ol className="lanes" aria-label={say('timeline.lanes')}>
      {story.lanes.map((lane) => (
        <li key={lane.who ?? ''}>
          <b>{lane.who ? name(lane.who) : say('timeline.customer')}</b>
          <span className="hidden">{lane.bars.map(word).join(', ')}</span>
          <svg viewBox={`0 0 ${WIDTH} ${LANE}`} preserveAspectRatio="none" aria-hidden="true">
            {lane.bars.map((bar, i) => (
              <g key={i} className={`bar ${bar.doing}`}>
                <rect x={x(bar.from)} y="4" width={Math.max(2, x(bar.to) - x(bar.from))} height={LANE - 8} rx="3" />
                <title>{word(bar)}</title>
              </g>
            ))}
          </svg>
          <span className="words" aria-hidden="true">
            {lane.bars.filter((bar) => x(bar.to) - x(bar.from) > LABEL_MIN).map((bar, i) => (
              <span key={i} className={`key ${bar.doing}`}>{word(bar)}</span>
            ))}
          </span>
        </li>
      ))}
    </ol>
  );
}
