import { useEffect, useState, type FormEvent } from 'react';
import { get } from '../api/client';
import type { DeskPerson } from '../api/desk.gen';
import { useHere, type Page } from '../app/context';
import { ACTIONS } from '../core/actions';
import { activeCall, nameOf, prettyNumber } from '../core/desk';
import { written } from '../core/keys';
import { useWords, type Say } from '../i18n';
import { Icon } from '../ui/icons';
import { Dialog, Press, Trouble } from '../ui/parts';
import { useLoaded } from '../ui/loaded';
import { keyTone } from '../ui/sound';

/** A number out of what was typed or pasted, if it is one: `+1 (555) 010-0001` → `+15550100001`. */
export function numberIn(text: string): string | null {
  const kept = text.replace(/[\s().\-/]/g, '').replace(/^00/, '+');
  return /^\+\d{7,15}$/.test(kept) ? kept : null;
}

/** What a colleague is doing, in words. */
export function doing(person: DeskPerson, say: Say): { word: string; tone: string } {
  if (person.live > 0) return { word: say('people.oncall'), tone: 'orange' };
  if (person.ringing > 0) return { word: say('people.ringing'), tone: 'orange' };
  if (person.wrapping > 0) return { word: say('people.wrapping'), tone: 'grey' };
  return person.available ? { word: say('people.free'), tone: 'green' } : { word: person.activity, tone: 'grey' };
}

const matches = (text: string, wanted: string) => text.toLowerCase().includes(wanted.trim().toLowerCase());
const FOUND_MAX = 8;

export function Layers() {
  const { layer } = useHere();
  switch (layer?.is) {
    case 'dial':
      return <Dial to={layer.to ?? ''} />;
    case 'transfer':
      return <Transfer sid={layer.call} add={layer.add ?? false} />;
    case 'keypad':
      return <Keypad sid={layer.call} />;
    case 'palette':
      return <Palette />;
    case 'shortcuts':
      return <Shortcuts />;
    case 'why':
      return <Why queue={layer.queue} />;
    default:
      return null;
  }
}

/** Sent keys that are shown. */
const SENT_MAX = 24;
const KEYPAD = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '+', '0', '⌫'];

type Caller = { number: string; name: string; own: boolean };

/** Which number the called party sees. */
function CallerId({ value, change }: { value: string; change: (number: string) => void }) {
  const here = useHere();
  const { say } = useWords();
  const { workspace_sid, worker_sid } = here.desk.me;
  const path = `/Workspaces/${workspace_sid}/Workers/${worker_sid}/CallerIds`;
  const loaded = useLoaded(async () => (await get<{ caller_ids: Caller[] }>(path)).caller_ids, [path]);
  return (
    <label className="field">
      <span>{say('dial.from')}</span>
      <select value={value} onChange={(event) => change(event.target.value)}>
        <option value="">{say('dial.from.own')}</option>
        {(Array.isArray(loaded) ? loaded : []).map((one) => (
          <option key={one.number} value={one.number}>
            {one.name === one.number ? prettyNumber(one.number) : `${prettyNumber(one.number)} · ${one.name}`}
          </option>
        ))}
      </select>
    </label>
  );
}

function Dial({ to: first }: { to: string }) {
  const here = useHere();
  const { say } = useWords();
  const [to, set] = useState(first);
  const [from, setFrom] = useState('');
  const [left, setLeft] = useState(false);
  const number = numberIn(to);
  const active = activeCall(here.desk);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setLeft(true);
    if (number && (await here.ask('action.dial', '/Calls', from ? { to: number, from } : { to: number }))) here.open(null);
  };
  return (
    <Dialog title={say('dial.title')}>
      <form onSubmit={submit} className="dial">
        <div className="field">
          <label htmlFor="dial-to">{say('dial.to')}</label>
          <input
            id="dial-to" data-first type="tel" autoComplete="off" value={to} aria-describedby="dial-hint"
            aria-invalid={left && !number} onBlur={() => setLeft(to !== '')}
            onChange={(event) => { set(event.target.value); setLeft(false); }}
          />
          <small id="dial-hint" className={left && !number ? 'bad' : ''}>{say(left && !number ? 'dial.bad' : 'dial.hint')}</small>
        </div>
        <div className="keypad" role="group" aria-label={say('dial.keypad')}>
          {KEYPAD.map((key) => (
            <button key={key} type="button" onClick={() => set(key === '⌫' ? to.slice(0, -1) : to + key)}>{key}</button>
          ))}
        </div>
        <CallerId value={from} change={setFrom} />
        {active && <p className="hint">{say('dial.parks', { name: nameOf(active) })}</p>}
        <Trouble where="desk" />
        <button type="submit" className="press primary big"><Icon name="phone" /><span>{say('dial.call')}</span></button>
      </form>
    </Dialog>
  );
}

const KEYS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#'];

/** Keys that the other end hears; typed ones are sent too. */
function Keypad({ sid }: { sid: string }) {
  const here = useHere();
  const { say } = useWords();
  const [sent, setSent] = useState('');
  const call = here.desk.calls.find((c) => c.reservation_sid === sid && c.state === 'live');
  const gone = !call;
  const { open } = here;
  useEffect(() => {
    if (gone) open(null);
  }, [gone, open]);
  if (!call) return null;
  const press = (key: string) => {
    here.phone?.press(key);
    keyTone(key);
    setSent((before) => `${before}${key}`.slice(-SENT_MAX));
  };
  const typed = (event: React.KeyboardEvent) => {
    if (KEYS.includes(event.key)) press(event.key);
  };
  return (
    <Dialog title={say('keypad.title', { name: nameOf(call) })}>
      <div className="dial" onKeyDown={typed}>
        <p className="sent"><span className="hint">{say('keypad.sent')}</span> <output>{sent}</output></p>
        <div className="keypad" role="group" aria-label={say('dial.keypad')}>
          {KEYS.map((key, i) => (
            <button key={key} type="button" {...(i === 0 ? { 'data-first': true } : {})} onClick={() => press(key)}>{key}</button>
          ))}
        </div>
        <p className="hint">{say('keypad.hint')}</p>
      </div>
    </Dialog>
  );
}

/** Whom the caller is handed to, or who joins the call. */
function Transfer({ sid, add }: { sid: string; add: boolean }) {
  const here = useHere();
  const { say } = useWords();
  const [find, setFind] = useState('');
  const [note, setNote] = useState('');
  const [from, setFrom] = useState('');
  const call = here.desk.calls.find((c) => c.reservation_sid === sid);
  if (!call) return null;
  const own = here.desk.me.worker_sid;
  const people = here.desk.people.filter((p) => p.worker_sid !== own && matches(`${p.name} ${p.skills.join(' ')}`, find));
  // Whoever is free first.
  people.sort((a, b) => Number(b.available) - Number(a.available) || a.live - b.live || a.name.localeCompare(b.name));
  const queues = here.desk.queues.filter((q) => q.eligible > 0 && matches(q.name, find));
  const number = numberIn(find);
  const send = async (to: string, mode: 'send' | 'consult') => {
    here.add(add ? sid : null);
    if (await here.act(call, add ? 'action.add' : 'action.transfer', 'Transfer', { to, mode, note, ...(from ? { from } : {}) })) here.open(null);
    else here.add(null);
  };
  const both = (to: string, who: string) => add ? (
    <Press title={say('add.why')} aria-label={`${say('add.button')}: ${who}`} onClick={() => void send(to, 'consult')}>{say('add.button')}</Press>
  ) : (
    <span className="buttons">
      <Press title={say('transfer.consult.why')} aria-label={`${say('transfer.consult')}: ${who}`} onClick={() => void send(to, 'consult')}>{say('transfer.consult')}</Press>
      <Press title={say('transfer.send.why')} aria-label={`${say('transfer.send')}: ${who}`} onClick={() => void send(to, 'send')}>{say('transfer.send')}</Press>
    </span>
  );
  return (
    <Dialog title={say(add ? 'add.title' : 'transfer.title', { name: nameOf(call) })} wide>
      <label className="field">
        <span>{say('transfer.find')}</span>
        <input data-first autoComplete="off" value={find} onChange={(event) => setFind(event.target.value)} />
      </label>
      <ul className="targets" tabIndex={0} aria-label={say('transfer.find')}>
        {number && (
          <li>
            <Icon name="out" /><span className="grow">{prettyNumber(number)}</span>
            {both(number, number)}
          </li>
        )}
        {people.slice(0, FOUND_MAX).map((person) => {
          const { word, tone } = doing(person, say);
          return (
            <li key={person.worker_sid}>
              <Icon name="user" />
              <span className="grow">{person.name} <small>{person.skills.join(', ')}</small></span>
              <span className={`dot ${tone}`}>{word}</span>
              {both(person.worker_sid, person.name)}
            </li>
          );
        })}
        {queues.slice(0, FOUND_MAX).map((queue) => (
          <li key={queue.sid}>
            <Icon name="queues" /><span className="grow">{queue.name}</span>
            <span className={`dot ${queue.available > 0 ? 'green' : 'grey'}`}>{say('queue.free', { count: queue.available })}</span>
            {both(queue.sid, queue.name)}
          </li>
        ))}
        {!number && people.length === 0 && queues.length === 0 && <li className="hint">{say('transfer.none')}</li>}
      </ul>
      {number && <CallerId value={from} change={setFrom} />}
      <label className="field">
        <span>{say('transfer.note')}</span>
        <input autoComplete="off" value={note} onChange={(event) => setNote(event.target.value)} />
      </label>
      <Trouble where={sid} />
    </Dialog>
  );
}

type Item = { id: string; text: string; hint?: string; run: () => unknown };
const PAGES: Page[] = ['desk', 'missed', 'queues', 'team', 'timeline'];

function Palette() {
  const here = useHere();
  const { say } = useWords();
  const [find, setFind] = useState('');
  const [at, setAt] = useState(0);
  const { desk } = here;
  const items: Item[] = [];
  for (const action of ACTIONS) {
    const target = action.target(desk);
    if (!target || action.id === 'palette') continue;
    const call = target === 'desk' ? undefined : target;
    const { key, values } = action.label(desk, call);
    const about = call && action.id.startsWith('call.') ? ` · ${nameOf(call)}` : '';
    const run = () => action.run(here, call);
    items.push({ id: action.id, text: say(key, values) + about, run, ...(action.keys ? { hint: written(action.keys) } : {}) });
  }
  const number = numberIn(find);
  if (number) {
    items.unshift({ id: 'number', text: say('palette.call', { name: prettyNumber(number) }), run: () => here.open({ is: 'dial', to: number }) });
  }
  for (const page of PAGES) items.push({ id: page, text: say('palette.goto', { page: say(`nav.${page}`) }), run: () => here.go(page) });
  for (const one of desk.activities) {
    items.push({ id: one.sid, text: say('palette.activity', { activity: one.name }), run: () => here.beActivity(one.sid) });
  }
  const found = items.filter((item) => item.id === 'number' || matches(item.text, find)).slice(0, 12);
  const chosen = found[Math.min(at, found.length - 1)];
  const run = (item: Item | undefined) => {
    if (!item) return;
    here.open(null);
    void item.run();
  };
  const byKey = (event: React.KeyboardEvent) => {
    if (event.key === 'ArrowDown') setAt((at + 1) % Math.max(1, found.length));
    else if (event.key === 'ArrowUp') setAt((at + found.length - 1) % Math.max(1, found.length));
    else if (event.key === 'Enter') run(chosen);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title={say('palette.label')} wide>
      <input
        data-first className="find" role="combobox" aria-expanded="true" aria-controls="found" aria-label={say('palette.find')}
        aria-activedescendant={chosen ? `found-${chosen.id}` : undefined} placeholder={say('palette.find')} autoComplete="off"
        value={find} onKeyDown={byKey} onChange={(event) => { setFind(event.target.value); setAt(0); }}
      />
      <ul id="found" role="listbox" aria-label={say('palette.label')} className="found">
        {found.map((item) => (
          <li key={item.id} id={`found-${item.id}`} role="option" aria-selected={item === chosen} onClick={() => run(item)}>
            <span className="grow">{item.text}</span>
            {item.hint && <kbd>{item.hint}</kbd>}
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="hint">{say('palette.none')}</p>}
    </Dialog>
  );
}

function Shortcuts() {
  const { say } = useWords();
  return (
    <Dialog title={say('shortcuts.title')}>
      <dl className="keys">
        {ACTIONS.filter((action) => action.keys).map((action) => (
          <div key={action.id}><dt>{say(action.title)}</dt><dd><kbd data-first={undefined}>{written(action.keys ?? '')}</kbd></dd></div>
        ))}
      </dl>
    </Dialog>
  );
}

type Explained = { sid: string; number: string; summary: string; ways: string[] };
type TaskList = { tasks: { sid: string; attributes: string; task_queue_sid: string | null }[] };
const EXPLAINED_MAX = 5;

/** Why the first in line wait. */
function Why({ queue: sid }: { queue: string }) {
  const here = useHere();
  const { say } = useWords();
  const queue = here.desk.queues.find((q) => q.sid === sid);
  const { workspace_sid } = here.desk.me;
  const loaded = useLoaded(async () => {
    const { tasks } = await get<TaskList>(`/taskrouter/v1/Workspaces/${workspace_sid}/Tasks?AssignmentStatus=pending,reserved&TaskQueueSid=${sid}`);
    return Promise.all(tasks.slice(0, EXPLAINED_MAX).map(async (task): Promise<Explained> => {
      const told = await get<{ summary?: string; would_route?: string[] }>(`/Workspaces/${workspace_sid}/Tasks/${task.sid}/Explanation`);
      const { from } = JSON.parse(task.attributes) as { from?: string };
      return { sid: task.sid, number: prettyNumber(from ?? task.sid), summary: told.summary ?? '', ways: told.would_route ?? [] };
    }));
  }, [sid, workspace_sid]);
  return (
    <Dialog title={say('why.title', { queue: queue?.name ?? '' })} wide>
      {loaded === 'failed' && <p className="trouble" role="alert">{say('why.failed')}</p>}
      {Array.isArray(loaded) && loaded.length === 0 && <p className="empty">{say('why.none')}</p>}
      {Array.isArray(loaded) && (
        <ul className="why">
          {loaded.map((one) => (
            <li key={one.sid}>
              <b>{one.number}</b>
              <p>{one.summary}</p>
              {one.ways.length > 0 && <ul>{one.ways.map((way) => <li key={way}>{way}</li>)}</ul>}
            </li>
          ))}
        </ul>
      )}
    </Dialog>
  );
}
