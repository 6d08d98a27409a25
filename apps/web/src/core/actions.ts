import type { DeskCall } from '../api/desk.gen';
import type { Here } from '../app/context';
import type { Key, Values } from '../i18n';
import { activeCall, callsIn, isAvailable, nameOf, type Desk } from './desk';
import type { Keys } from './keys';

/**
 * Something an agent can do, declared once: buttons, shortcuts, the command palette and the help sheet read it.
 * `target` is the call that a shortcut or the palette means; undefined if it cannot be done now.
 */
export type Action = {
  id: string;
  label: (desk: Desk, call: DeskCall | undefined) => { key: Key; values?: Values };
  /** What the sheet calls it, whatever the moment. */
  title: Key;
  keys?: Keys;
  target: (desk: Desk) => DeskCall | 'desk' | undefined;
  run: (here: Here, call: DeskCall | undefined) => unknown;
};

const plain = (key: Key) => () => ({ key });

/** The call that was parked last. */
const lastParked = (desk: Desk) => callsIn(desk, 'parked').at(-1);
const live = (desk: Desk) => callsIn(desk, 'live')[0];

/** Activities by what they are for. */
export const away = (desk: Desk) => desk.activities.find((a) => a.name === 'Break') ?? desk.activities.find((a) => !a.available);
export const available = (desk: Desk) => desk.activities.find((a) => a.available);

export const answer: Action = {
  id: 'call.answer',
  title: 'action.answer',
  keys: 'Mod+Shift+KeyA',
  label: (desk) => {
    const active = activeCall(desk);
    if (active?.state === 'dialing') return { key: 'action.answer.cancel' };
    return active ? { key: 'action.answer.park', values: { name: nameOf(active) } } : { key: 'action.answer' };
  },
  target: (desk) => callsIn(desk, 'ringing').find((c) => !c.outbound) ?? desk.calls.find((c) => c.recalled),
  run: async (here, call) => {
    if (!call) return;
    // Taking a call gives up the one that is being made, in one movement; a phone on the table is in its way until it is.
    const dialing = callsIn(here.desk, 'dialing')[0];
    if (dialing && !here.phone?.answersItself && !(await here.act(dialing, 'action.end', 'End'))) return;
    if (await here.answer(call)) here.select(call.reservation_sid);
  },
};

export const reject: Action = {
  id: 'call.reject', title: 'action.reject', keys: 'Mod+Shift+KeyX', label: plain('action.reject'),
  target: (desk) => callsIn(desk, 'ringing').find((c) => !c.outbound),
  run: (here, call) => call && here.act(call, 'action.reject', 'Reject'),
};

export const park: Action = {
  id: 'call.park', title: 'action.park', keys: 'Mod+Shift+KeyK', label: plain('action.park'),
  target: live,
  run: (here, call) => call && here.act(call, 'action.park', 'Park'),
};

export const pickUp: Action = {
  id: 'call.pickup', title: 'action.swap', keys: 'Mod+Shift+KeyS',
  label: (desk) => ({ key: live(desk) ? 'action.swap' : 'action.pickup' }),
  target: lastParked,
  run: async (here, call) => {
    // Refused here, without asking: the row offers to go available first.
    if (!call || !isAvailable(here.desk)) return;
    if (await here.act(call, 'action.pickup', 'PickUp')) here.select(call.reservation_sid);
  },
};

export const mute: Action = {
  id: 'call.mute', title: 'action.mute', keys: 'Mod+Shift+KeyM',
  label: (_, call) => ({ key: call?.muted ? 'action.unmute' : 'action.mute' }),
  target: live,
  run: (here, call) => {
    if (!call) return;
    here.phone?.mute(!call.muted);
    return here.act(call, 'action.mute', 'Talk', { party: 'me', muted: !call.muted });
  },
};

export const hold: Action = {
  id: 'call.hold', title: 'action.hold', keys: 'Mod+Shift+KeyH',
  label: (_, call) => ({ key: call?.held_since ? 'action.resume' : 'action.hold' }),
  target: live,
  run: (here, call) => call && here.act(call, 'action.hold', 'Talk', { party: 'customer', hold: !call.held_since }),
};

export const transfer: Action = {
  id: 'call.transfer', title: 'action.transfer', keys: 'Mod+Shift+KeyF', label: plain('action.transfer'),
  target: live,
  run: (here, call) => call && here.open({ is: 'transfer', call: call.reservation_sid }),
};

export const addPerson: Action = {
  id: 'call.add', title: 'action.add', keys: 'Mod+Shift+KeyG', label: plain('action.add'),
  target: live,
  run: (here, call) => call && here.open({ is: 'transfer', call: call.reservation_sid, add: true }),
};

export const end: Action = {
  id: 'call.end', title: 'action.end', keys: 'Mod+Shift+KeyE', label: plain('action.end'),
  target: activeCall,
  run: (here, call) => {
    if (!call) return;
    // Not even a lost connection keeps an agent in a call.
    if (here.state.link.is !== 'live' && here.phone?.hangUp()) return;
    return here.act(call, 'action.end', 'End');
  },
};

export const keypad: Action = {
  id: 'call.keypad', title: 'action.keypad', label: plain('action.keypad'),
  target: live,
  run: (here, call) => call && here.phone?.kind === 'station' && here.open({ is: 'keypad', call: call.reservation_sid }),
};

export const dial: Action = {
  id: 'dial', title: 'action.dial', keys: 'Mod+Shift+KeyD', label: plain('action.dial'),
  target: () => 'desk',
  run: (here) => here.open({ is: 'dial' }),
};

export const palette: Action = {
  id: 'palette', title: 'action.palette', keys: 'Mod+KeyK', label: plain('action.palette'),
  target: () => 'desk',
  run: (here) => here.open({ is: 'palette' }),
};

export const shortcuts: Action = {
  id: 'shortcuts', title: 'action.shortcuts', keys: 'Mod+Slash', label: plain('action.shortcuts'),
  target: () => 'desk',
  run: (here) => here.open({ is: 'shortcuts' }),
};

export const activity: Action = {
  id: 'activity', title: 'action.activity', keys: 'Mod+Shift+KeyL', label: plain('action.activity'),
  target: () => 'desk',
  run: () => document.querySelector<HTMLElement>('[data-activity]')?.click(),
};

const step = (by: number) => (here: Here) => {
  const { calls } = here.desk;
  const at = calls.findIndex((c) => c.reservation_sid === here.selected);
  const next = calls[(at + by + calls.length) % calls.length];
  if (next) here.select(next.reservation_sid);
};

export const next: Action = {
  id: 'work.next', title: 'action.next', keys: 'Mod+Shift+ArrowDown', label: plain('action.next'),
  target: (desk) => desk.calls[0], run: step(1),
};
export const previous: Action = {
  id: 'work.previous', title: 'action.previous', keys: 'Mod+Shift+ArrowUp', label: plain('action.previous'),
  target: (desk) => desk.calls[0], run: step(-1),
};

export const ACTIONS: readonly Action[] = [
  answer, reject, park, pickUp, mute, hold, keypad, transfer, addPerson, end, dial, activity, next, previous, palette, shortcuts,
];
