import { useEffect, useState } from 'react';
import { get } from '../api/client';
import type { DeskPerson } from '../api/desk.gen';
import { useHere } from '../app/context';
import { prettyNumber } from '../core/desk';
import { MODES, type Mode } from '../core/supervision';
import { useWords } from '../i18n';
import { setupAct } from './acts';
import { useLoaded } from '../ui/loaded';
import { Clock, Press } from '../ui/parts';
import { useStationState } from './phone';

/** A call of a colleague's, as `…/Workers/{wk}/Calls` tells it. */
type Theirs = { reservation_sid: string; state: string; since: string; from: string | null; name: string | null };

/** The calls of a colleague, and what a supervisor may do with each. */
export function TheirCalls({ person }: { person: DeskPerson }) {
  const here = useHere();
  const { say } = useWords();
  const { workspace_sid } = here.desk.me;
  const base = `/Workspaces/${workspace_sid}/Workers/${person.worker_sid}/Calls`;
  const counts = `${person.live}.${person.parked}.${person.ringing}.${person.wrapping}`;
  const loaded = useLoaded(async () => (await get<{ calls: Theirs[] }>(base)).calls, [base, counts]);
  if (loaded === 'failed') return <span className="hint">{say('team.calls.failed')}</span>;
  const shown = (loaded ?? []).filter((call) => call.state === 'live' || call.state === 'parked');
  if (shown.length === 0) return null;
  return (
    <ul className="theirs">
      {shown.map((call) => (
        <li key={call.reservation_sid}>
          <span>{call.name && call.name !== call.from ? call.name : prettyNumber(call.from ?? '')}</span>
          <span className="hint">{say(call.state === 'live' ? 'state.live' : 'state.parked')} <Clock since={call.since} /></span>
          {call.state === 'live' && <Monitor person={person} reservation={call.reservation_sid} base={base} />}
          {call.state === 'parked' && <Parked reservation={call.reservation_sid} base={base} />}
          <Press
            tone="quiet"
            onClick={() => here.tell({ worker: person.worker_sid, reservation: call.reservation_sid, name: prettyNumber(call.from ?? '') })}
          >
            {say('timeline.open')}
          </Press>
        </li>
      ))}
    </ul>
  );
}

/** One control with four steps; the one that is on is pressed. */
function Monitor({ person, reservation, base }: { person: DeskPerson; reservation: string; base: string }) {
  const here = useHere();
  const { say } = useWords();
  const own = here.supervision?.reservation === reservation ? here.supervision : null;
  const be = async (mode: Mode) => {
    const done = await here.request('team.title', `${base}/${reservation}/Supervise`, { mode });
    if (done) here.supervise({ worker: person.worker_sid, name: person.name, reservation, mode });
  };
  const takeOver = async () => {
    // The call is offered to this desk, which takes it: it was asked for.
    if (await here.request('team.title', `${base}/${reservation}/Supervise`, { mode: 'take-over' })) {
      here.supervise(null);
      here.expect(person.worker_sid);
    }
  };
  return (
    <span className="buttons" role="group" aria-label={say('supervise.group', { name: person.name })}>
      {MODES.map((mode) => (
        <Press key={mode} aria-pressed={own?.mode === mode} onClick={() => void be(mode)}>{say(`supervise.${mode}`)}</Press>
      ))}
      <Press onClick={() => void takeOver()}>{say('supervise.take-over')}</Press>
    </span>
  );
}

function Parked({ reservation, base }: { reservation: string; base: string }) {
  const here = useHere();
  const { say } = useWords();
  const by = here.desk.me.worker_sid;
  return (
    <span className="buttons">
      {by && <Press onClick={() => void here.request('action.pickup', `${base}/${reservation}/PickUp`, { by })}>{say('action.pickup')}</Press>}
      <Press onClick={() => void here.request('action.requeue', `${base}/${reservation}/ReturnToQueue`, {})}>{say('action.requeue')}</Press>
    </span>
  );
}

/** Which of the four a supervisor is in, spelled out, on every page; leaving is one press. */
export function SupervisionBanner() {
  const here = useHere();
  const { say } = useWords();
  const { hears, line } = useStationState();
  const { supervision, supervise } = here;
  const [heard, setHeard] = useState(false);
  const station = here.phone?.kind === 'station';
  useEffect(() => {
    if (!supervision) setHeard(false);
    // After a reload the station says with its first word whether it still hears anybody.
    else if (hears || (supervision.restored && line === 'up')) setHeard(true);
    if (supervision && !hears && station && heard) supervise(null);
  }, [supervision, hears, line, station, heard, supervise]);
  if (!supervision) return null;
  const { worker, name, reservation, mode } = supervision;
  const leave = async () => {
    const path = `/Workspaces/${here.desk.me.workspace_sid}/Workers/${worker}/Calls/${reservation}/Supervise`;
    if (await here.request('supervise.leave', path, { mode: 'leave' })) supervise(null);
  };
  return (
    <div className="banner" role="status">
      <span>{say(`supervise.is.${mode}`, { name })}</span>
      <Press onClick={() => void leave()}>{say('supervise.leave')}</Press>
    </div>
  );
}

type Noted = { sid: string; login: string | null; act: string; subject: string; detail: string | null; date_created: string };
const KNOWN = [
  'call.listen', 'call.whisper', 'call.join', 'call.take-over', 'call.leave', 'call.pick-up', 'call.return-to-queue', 'worker.activity',
] as const;

/** What people did to the work of others. */
export function Audit() {
  const here = useHere();
  const { say, language } = useWords();
  const path = `/Workspaces/${here.desk.me.workspace_sid}/Audit`;
  const loaded = useLoaded(async () => (await get<{ audit: Noted[] }>(path)).audit, [path]);
  const time = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' });
  const person = (sid: string) => here.desk.people.find((one) => one.worker_sid === sid)?.name;
  const about = ({ subject, detail }: Noted) => {
    const named = /WK[0-9a-f]{32}/.exec(`${subject} ${detail ?? ''}`)?.[0];
    const activity = here.desk.activities.find((one) => one.sid === detail)?.name;
    return [(named && person(named)) ?? subject, activity].filter(Boolean).join(': ');
  };
  const act = (name: string) => {
    const known = KNOWN.find((one) => one === name);
    return known ? say(`audit.${known}`) : (setupAct(name, language) ?? name);
  };
  return (
    <div className="board" role="region" aria-labelledby="audit" tabIndex={0}>
      <h2 id="audit">{say('audit.title')}</h2>
      {loaded === 'failed' && <p className="trouble" role="alert">{say('audit.failed')}</p>}
      {Array.isArray(loaded) && loaded.length === 0 && <p className="empty">{say('audit.empty')}</p>}
      {Array.isArray(loaded) && loaded.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">{say('table.when')}</th><th scope="col">{say('table.who')}</th><th scope="col">{say('table.what')}</th>
              <th scope="col">{say('table.about')}</th>
            </tr>
          </thead>
          <tbody>
            {loaded.map((one) => (
              <tr key={one.sid}>
                <td>{time.format(new Date(one.date_created))}</td>
                <th scope="row">{one.login ?? say('audit.who.api')}</th>
                <td>{act(one.act)}</td>
                <td>{about(one)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
