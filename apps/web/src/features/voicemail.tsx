import { useEffect, useState } from 'react';
import { get, post, remove } from '../api/client';
import { useHere } from '../app/context';
import { prettyNumber } from '../core/desk';
import { duration } from '../core/time';
import { useWords } from '../i18n';
import { useLoaded } from '../ui/loaded';
import { Press } from '../ui/parts';

/** A message as `…/Workers/{wk}/Voicemail` tells it. */
type Voicemail = {
  sid: string; from: string; from_name: string | null; duration_s: number; heard: boolean;
  transcription_text: string | null; date_created: string;
};

/** Phones often send their number as their name. */
const nameOf = (one: Voicemail) => (one.from_name && one.from_name !== one.from ? one.from_name : prettyNumber(one.from));

const PATH = '/Workspaces/{ws}/Workers/{wk}/Voicemail';
/** How often the list is read again while it is looked at: the stream does not tell of messages. */
const AGAIN_MS = 5_000;
let offered: Promise<boolean> | undefined;

/** Whether this server keeps messages: its description says so. */
function isOffered(): Promise<boolean> {
  offered ??= get<{ paths: Record<string, unknown> }>('/openapi.json').then(({ paths }) => PATH in paths);
  return offered;
}

/** Messages that callers left for this agent. Nothing where the server keeps none. */
export function VoicemailList() {
  const here = useHere();
  const { say, language } = useWords();
  const [tries, setTries] = useState(0);
  const { workspace_sid, worker_sid } = here.desk.me;
  const base = `/Workspaces/${workspace_sid}/Workers/${worker_sid}/Voicemail`;
  useEffect(() => {
    const timer = setInterval(() => setTries((n) => n + 1), AGAIN_MS);
    return () => clearInterval(timer);
  }, []);
  const loaded = useLoaded(
    async () => ((await isOffered()) && worker_sid ? (await get<{ voicemails: Voicemail[] }>(base)).voicemails : 'none'),
    [base, tries, here.desk.calls.length],
  );
  if (loaded === null || loaded === 'none') return null;
  const time = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
  const again = () => setTries((n) => n + 1);
  const hear = (of: Voicemail) => {
    if (!of.heard) void post(`${base}/${of.sid}`, { heard: true }).then(again, again);
  };
  return (
    <section aria-labelledby="voicemail">
      <h2 id="voicemail">{say('voicemail.title')}</h2>
      {loaded === 'failed' && <p className="trouble" role="alert">{say('voicemail.failed')} <Press onClick={again}>{say('detail.retry')}</Press></p>}
      {Array.isArray(loaded) && loaded.length === 0 && <p className="empty">{say('voicemail.empty')}</p>}
      {Array.isArray(loaded) && loaded.length > 0 && (
        <ul className="voicemail">
          {loaded.map((one) => (
            <li key={one.sid}>
              <p>
                <b>{nameOf(one)}</b> <span>{time.format(new Date(one.date_created))}</span>{' '}
                <span>{duration(one.duration_s * 1000)}</span> <span className={`badge ${one.heard ? 'grey' : 'blue'}`}>{say(one.heard ? 'voicemail.heard' : 'voicemail.new')}</span>
              </p>
              {one.transcription_text && <p>{one.transcription_text}</p>}
              <audio controls preload="none" src={`/tandem/v1${base}/${one.sid}/Media`} aria-label={say('voicemail.play', { name: nameOf(one) })} onPlay={() => hear(one)} />
              <span className="buttons">
                <Press icon="phone" onClick={() => here.open({ is: 'dial', to: one.from })}>{say('action.callback')}</Press>
                <Press icon="check" onClick={() => void remove(`${base}/${one.sid}`).then(again, again)}>{say('voicemail.done')}</Press>
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
