import { useEffect, useState, type FormEvent } from 'react';
import { get } from '../api/client';
import type { DeskCall } from '../api/desk.gen';
import { useHere } from '../app/context';
import { away, dial } from '../core/actions';
import { callsIn, isAvailable, nameOf, prettyNumber } from '../core/desk';
import { gist, type Entry } from '../core/timeline';
import { duration } from '../core/time';
import { useWords, type Key } from '../i18n';
import { Icon } from '../ui/icons';
import { Clock, Do, Press, useLeft } from '../ui/parts';
import { Origin, SIGN } from './strip';

/** Everything that this agent holds, in the order of the strip. */
export function MyWork() {
  const here = useHere();
  const { say } = useWords();
  const { desk } = here;
  const parked = callsIn(desk, 'parked').length;
  const activity = desk.activities.find((a) => a.sid === desk.me.activity_sid)?.name ?? '';
  return (
    <section className="work" aria-labelledby="work" tabIndex={-1} data-region>
      <header>
        <h2 id="work">{say('work.label')}</h2>
        {desk.policy.on && <span className="hint">{say('work.parked', { count: parked, max: desk.policy.parked_max })}</span>}
      </header>
      {desk.calls.length === 0 ? (
        <p className="empty">{isAvailable(desk) ? say('work.empty.available') : say('work.empty.away', { activity })}</p>
      ) : (
        <ul>
          {desk.calls.map((call) => (
            <li key={call.reservation_sid}>
              <button
                type="button"
                className={`item ${call.state}`}
                aria-current={here.selected === call.reservation_sid}
                onClick={() => here.select(call.reservation_sid)}
              >
                <Icon name={SIGN[call.state]} />
                <span className="item-name">{nameOf(call)}</span>
                <Clock since={call.since} />
                <span className="item-state">{say(call.held_since ? 'state.hold' : `state.${call.state}`)}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      <footer><Do action={dial} icon="keypad" /></footer>
    </section>
  );
}

/** What is selected: who it is, notes, the form of wrap-up. */
export function Selected() {
  const here = useHere();
  const { say } = useWords();
  const call = here.desk.calls.find((c) => c.reservation_sid === here.selected);
  if (!call) {
    return (
      <div className="calm">
        <Icon name="phone" size={40} />
        <p>{say('detail.none')}</p>
      </div>
    );
  }
  const wraps = call.state === 'wrap-up' || call.state === 'hung-up';
  return (
    <article className="selected" key={call.reservation_sid}>
      <header>
        <h2>{nameOf(call)}</h2>
        <span className="badges"><Origin call={call} /></span>
      </header>
      {call.note && (
        <blockquote>
          <b>{say('detail.note', { name: call.transferred_by ?? '' })}</b>
          <p>{call.note}</p>
        </blockquote>
      )}
      {wraps ? <WrapUp key={call.reservation_sid} call={call} /> : <Notes key={call.reservation_sid} call={call} />}
    </article>
  );
}

const keptAs = (call: DeskCall) => `tandem.notes.${call.task_sid}`;

function useNotes(call: DeskCall): [string, (text: string) => void] {
  const [text, set] = useState(() => sessionStorage.getItem(keptAs(call)) ?? '');
  return [text, (next) => { sessionStorage.setItem(keptAs(call), next); set(next); }];
}

function Notes({ call }: { call: DeskCall }) {
  const { say } = useWords();
  const [text, set] = useNotes(call);
  return (
    <label className="field">
      <span>{say('notes.label')}</span>
      <textarea rows={7} value={text} onChange={(event) => set(event.target.value)} />
      <small>{say('notes.kept')}</small>
    </label>
  );
}

const OUTCOMES: Key[] = [
  'wrap.outcome.resolved', 'wrap.outcome.callback', 'wrap.outcome.escalated', 'wrap.outcome.voicemail', 'wrap.outcome.wrong',
];

function WrapUp({ call }: { call: DeskCall }) {
  const here = useHere();
  const { say } = useWords();
  const [notes, setNotes] = useNotes(call);
  const [outcome, setOutcome] = useState('');
  const left = useLeft(call.until);
  const rest = away(here.desk);
  const complete = async (then?: string) => {
    const body = { outcome, notes };
    if (await here.act(call, 'action.complete', 'Complete', body)) {
      sessionStorage.removeItem(keptAs(call));
      if (then) await here.beActivity(then);
    }
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void complete();
  };
  const byKey = (event: React.KeyboardEvent) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void complete();
  };
  return (
    <form className="wrapup" onSubmit={submit} onKeyDown={byKey}>
      <h3>{say('wrap.title')} {call.until && <small>{say('call.ends', { time: duration(left) })}</small>}</h3>
      {call.state === 'hung-up' && <p>{say('state.hung-up')}.</p>}
      <fieldset>
        <legend>{say('wrap.outcome')}</legend>
        {OUTCOMES.map((key) => (
          <label key={key} className="choice">
            <input type="radio" name="outcome" checked={outcome === say(key)} onChange={() => setOutcome(say(key))} />
            <span>{say(key)}</span>
          </label>
        ))}
      </fieldset>
      <label className="field">
        <span>{say('wrap.notes')}</span>
        <textarea rows={5} value={notes} onChange={(event) => setNotes(event.target.value)} />
      </label>
      <div className="buttons">
        <button type="submit" className="press primary"><Icon name="check" /><span>{say('action.complete')}</span></button>
        {rest && <Press onClick={() => void complete(rest.sid)}>{say('action.complete.break', { activity: rest.name })}</Press>}
      </div>
    </form>
  );
}


/** Who calls, and what happened so far. */
export function Customer() {
  const here = useHere();
  const { say, language } = useWords();
  const call = here.desk.calls.find((c) => c.reservation_sid === here.selected);
  const [entries, setEntries] = useState<Entry[] | 'failed' | null>(null);
  const [tries, setTries] = useState(0);
  const { workspace_sid, worker_sid } = here.desk.me;
  const [sid, state] = [call?.reservation_sid, call?.state];
  useEffect(() => {
    if (!sid) return;
    let there = true;
    get<{ timeline: Entry[] }>(`/Workspaces/${workspace_sid}/Workers/${worker_sid}/Calls/${sid}/Timeline`)
      .then((answer) => there && setEntries(answer.timeline))
      .catch(() => there && setEntries('failed'));
    return () => {
      there = false;
    };
  }, [sid, state, tries, workspace_sid, worker_sid]);
  const time = new Intl.DateTimeFormat(language, { timeStyle: 'medium' });
  return (
    <aside className="customer" aria-label={say('detail.label')} tabIndex={-1} data-region>
      <h2>{say('detail.label')}</h2>
      {call && (
        <>
          <dl>
            <div><dt>{say('detail.number')}</dt><dd>{prettyNumber(call.number)}</dd></div>
            {call.dialled && <div><dt>{say('detail.dialled')}</dt><dd>{prettyNumber(call.dialled)}</dd></div>}
            <div><dt>{say('detail.waited')}</dt><dd>{time.format(new Date(call.since))}</dd></div>
          </dl>
          <h3>{say('detail.timeline')}</h3>
          {worker_sid && (
            <Press tone="quiet" icon="clock" onClick={() => here.tell({ worker: worker_sid, reservation: call.reservation_sid, name: nameOf(call) })}>
              {say('timeline.open')}
            </Press>
          )}
          {entries === 'failed' ? (
            <p className="hint">
              {say('detail.timeline.failed')} <Press tone="quiet" onClick={() => setTries(tries + 1)}>{say('detail.retry')}</Press>
            </p>
          ) : (
            <ol className="timeline" tabIndex={0} aria-label={say('detail.timeline')}>
              {gist(entries ?? []).map((entry, i) => (
                <li key={i} className={entry.kind}>
                  <time>{time.format(new Date(entry.at))}</time> <span>{entry.keys > 1 ? say('detail.keys', { count: entry.keys }) : entry.text}</span>
                </li>
              ))}
              {entries?.length === 0 && <li>{say('detail.timeline.empty')}</li>}
            </ol>
          )}
        </>
      )}
    </aside>
  );
}
