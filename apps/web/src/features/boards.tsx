import { lazy, memo, Suspense, useCallback, useMemo, useRef } from 'react';
import { get } from '../api/client';
import type { DeskActivity, DeskPerson, MissedCall } from '../api/desk.gen';
import { useHere } from '../app/context';
import { download } from '../core/csv';
import { prettyNumber } from '../core/desk';
import { serverNow } from '../core/stream';
import { useWords } from '../i18n';
import { Clock, Press } from '../ui/parts';
import { useLoaded } from '../ui/loaded';
import { useRows } from '../ui/rows';
import { doing } from './layers';
import { LEVEL_MINUTES, targetOf, useLevels, type Levels } from './levels';
import { TheirCalls } from './supervise';
import { VoicemailList } from './voicemail';

/** Charts come when they are looked at. */
const QueueCharts = lazy(() => import('./charts'));
const TeamChart = lazy(() => import('./charts').then(({ TeamChart: chart }) => ({ default: chart })));

export function Missed() {
  const here = useHere();
  const { say, language } = useWords();
  const { workspace_sid, worker_sid } = here.desk.me;
  const path = `/Workspaces/${workspace_sid}/Workers/${worker_sid}/Missed`;
  const loaded = useLoaded(async () => (await get<{ missed: MissedCall[] }>(path)).missed, [path, here.desk.calls.length]);
  const time = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
  const HOW = { missed: 'missed.missed', rejected: 'missed.rejected', canceled: 'missed.canceled' } as const;
  return (
    <div className="board">
      <h2>{say('missed.title')}</h2>
      {loaded === 'failed' && <p className="trouble" role="alert">{say('missed.failed')}</p>}
      {Array.isArray(loaded) && loaded.length === 0 && <p className="empty">{say('missed.empty')}</p>}
      {Array.isArray(loaded) && loaded.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">{say('table.who')}</th><th scope="col">{say('table.how')}</th><th scope="col">{say('table.queue')}</th>
              <th scope="col">{say('table.when')}</th><th scope="col">{say('table.action')}</th>
            </tr>
          </thead>
          <tbody>
            {loaded.map((one) => (
              <tr key={one.reservation_sid}>
                <th scope="row">{one.name ?? prettyNumber(one.number)}</th>
                <td>{say(HOW[one.how as keyof typeof HOW] ?? 'missed.missed')}</td>
                <td>{one.direct ? say('badge.direct') : one.queue_name}</td>
                <td>{time.format(new Date(one.at))}</td>
                <td><Press icon="phone" onClick={() => here.open({ is: 'dial', to: one.number })}>{say('action.callback')}</Press></td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <VoicemailList />
    </div>
  );
}

export function Queues() {
  const here = useHere();
  const { say } = useWords();
  const { desk } = here;
  const supervises = desk.me.role !== 'agent';
  const levels = useLevels(desk.me.workspace_sid, supervises);
  const known = levels === 'failed' ? null : levels;
  const waits = (since: string | null) => (since ? Math.max(0, Math.round((serverNow() - Date.parse(since)) / 1000)) : null);
  const save = () => download('queues', [
    say('table.queue'), say('table.waiting'), say('table.longest.s'), say('table.talking'), say('table.parked'), say('table.available'), say('table.may'),
    say('table.level', { minutes: LEVEL_MINUTES }), say('table.level.target'),
  ], desk.queues.map((queue) => {
    const level = known?.reached[queue.sid];
    const target = known && targetOf(known.targets, queue.sid);
    return [
      queue.name, queue.waiting, queue.waiting > 0 ? waits(queue.longest_since) : null, queue.assigned, queue.parked, queue.available, queue.eligible,
      typeof level === 'number' ? Math.round(level) : null, target && `${target.percent} % / ${target.seconds} s`,
    ];
  }));
  // The charts are one more.
  const drawn = useRows(desk.queues.length + 1);
  return (
    <div className="board">
      <header className="title-line">
        <h2>{say('queues.title')}</h2>
        <span className="buttons">
          {supervises && <Press onClick={save}>{say('table.csv')}</Press>}
          <a className="press" href="/desk/wallboard" target="_blank" rel="noreferrer"><span>{say('queues.wallboard')}</span></a>
        </span>
      </header>
      <table>
        <thead>
          <tr>
            <th scope="col">{say('table.queue')}</th><th scope="col" className="figure">{say('table.waiting')}</th>
            <th scope="col" className="figure">{say('table.longest')}</th><th scope="col" className="figure">{say('table.talking')}</th>
            <th scope="col" className="figure">{say('table.parked')}</th><th scope="col" className="figure">{say('table.available')}</th>
            {supervises && <th scope="col" className="figure">{say('table.level', { minutes: LEVEL_MINUTES })}</th>}
            {supervises && <th scope="col">{say('table.action')}</th>}
          </tr>
        </thead>
        <tbody>
          {desk.queues.slice(0, drawn).map((queue) => (
            <tr key={queue.sid}>
              <th scope="row">{queue.name}</th>
              <td className={`figure ${queue.waiting > 0 && queue.available === 0 ? 'late' : ''}`}>{queue.waiting}</td>
              <td className="figure">{queue.longest_since && queue.waiting > 0 ? <Clock since={queue.longest_since} /> : '–'}</td>
              <td className="figure">{queue.assigned}</td>
              <td className="figure">{queue.parked}</td>
              <td className="figure">{queue.available} / {queue.eligible}</td>
              {supervises && <td className="figure">{known ? <Level levels={known} queue={queue.sid} /> : '–'}</td>}
              {supervises && (
                <td>{queue.waiting > 0 && <Press onClick={() => here.open({ is: 'why', queue: queue.sid })}>{say('why.button')}</Press>}</td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {supervises && drawn > here.desk.queues.length && <Suspense fallback={null}><QueueCharts /></Suspense>}
    </div>
  );
}

/** How many of 100 were answered in time, and whether that is enough: in words as well. */
function Level({ levels, queue }: { levels: Levels; queue: string }) {
  const { say } = useWords();
  const target = targetOf(levels.targets, queue);
  const level = levels.reached[queue] ?? null;
  const wanted = say('table.level.of', { percent: target.percent, seconds: target.seconds });
  if (level === null) return <span title={wanted}>–</span>;
  const short = level < target.percent;
  return (
    <span className={short ? 'late' : ''} title={wanted}>
      {Math.round(level)} % <small>{say(short ? 'table.level.short' : 'table.level.met', { percent: target.percent })}</small>
    </span>
  );
}

export function Team() {
  const here = useHere();
  const { say } = useWords();
  const { desk } = here;
  const supervises = desk.me.role !== 'agent';
  const latest = useRef(here);
  latest.current = here;
  const change = useCallback((worker: string, activity_sid: string) => {
    const { request, desk: { me } } = latest.current;
    void request('action.activity', `/Workspaces/${me.workspace_sid}/Workers/${worker}/Activity`, { activity_sid });
  }, []);
  const people = useMemo(() => [...desk.people].sort((a, b) => a.name.localeCompare(b.name)), [desk.people]);
  const drawn = useRows(people.length);
  const save = () => download('team', [
    say('table.who'), say('table.extension'), say('table.activity'), say('table.since.s'), say('table.calls'), say('table.parked'), say('table.skills'),
  ], people.map((person) => [
    person.name, person.extension, person.activity, Math.max(0, Math.round((serverNow() - Date.parse(person.since)) / 1000)), doing(person, say).word, person.parked,
    person.skills.join(' '),
  ]));
  return (
    <div className="board">
      <header className="title-line">
        <h2>{say('team.title')}</h2>
        {supervises && <Press onClick={save}>{say('table.csv')}</Press>}
      </header>
      <table>
        <thead>
          <tr>
            <th scope="col">{say('table.who')}</th><th scope="col">{say('table.activity')}</th>
            <th scope="col" className="figure">{say('table.since')}</th><th scope="col">{say('table.calls')}</th>
            <th scope="col" className="figure">{say('table.parked')}</th><th scope="col">{say('table.skills')}</th>
          </tr>
        </thead>
        <tbody>
          {people.slice(0, drawn).map((person) => (
            <Person
              key={person.worker_sid} person={person} activities={desk.activities} supervises={supervises}
              own={person.worker_sid === desk.me.worker_sid} change={change}
            />
          ))}
        </tbody>
      </table>
      {supervises && drawn === people.length && <Suspense fallback={null}><TeamChart people={desk.people} /></Suspense>}
    </div>
  );
}

type PersonRow = {
  person: DeskPerson;
  activities: readonly DeskActivity[];
  supervises: boolean;
  own: boolean;
  change: (worker: string, activity: string) => void;
};

/** Drawn again only when the person changes: there may be hundreds, and something happens all the time. */
const Person = memo(function Person({ person, activities, supervises, own, change }: PersonRow) {
  const { say } = useWords();
  const { word, tone } = doing(person, say);
  return (
    <tr>
      <th scope="row">{person.name} {person.extension && <small>{person.extension}</small>}</th>
      <td>
        {supervises ? (
          <select
            aria-label={say('table.change', { name: person.name })}
            value={activities.find((a) => a.name === person.activity)?.sid ?? ''}
            onChange={(event) => change(person.worker_sid, event.target.value)}
          >
            {activities.map((a) => <option key={a.sid} value={a.sid}>{a.name}</option>)}
          </select>
        ) : person.activity}
      </td>
      <td className="figure"><Clock since={person.since} /></td>
      <td>
        <span className={`dot ${tone}`}>{word}</span>
        {supervises && !own && person.live + person.parked > 0 && <TheirCalls person={person} />}
      </td>
      <td className="figure">{person.parked}</td>
      <td>{person.skills.join(', ')}</td>
    </tr>
  );
});
