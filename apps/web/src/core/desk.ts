import type { DeskActivity, DeskCall, DeskEvent, DeskMe, DeskMessage, DeskPerson, DeskPolicy, DeskQueue } from '../api/desk.gen';

/** Something that happened to the agent, shown until they put it away. */
export type Notice = {
  id: string;
  kind: 'missed' | 'gave-up' | 'hung-up';
  who: string;
  number: string;
  at: string;
  /** The engine changed the agent's activity with it. */
  offline?: boolean;
};

/** Everything that the server has told. */
export type Desk = {
  epoch: string;
  seq: number;
  me: DeskMe;
  activities: DeskActivity[];
  calls: DeskCall[];
  people: DeskPerson[];
  queues: DeskQueue[];
  policy: DeskPolicy;
  notices: Notice[];
};

const NOTICES_MAX = 5;

/** The desk of a snapshot. What the agent has not put away stays. */
export function begin(message: Extract<DeskMessage, { type: 'snapshot' }>, before: Desk | null): Desk {
  const { epoch, seq, desk } = message;
  return { epoch, seq, ...desk, calls: inOrder(desk.calls), notices: before?.notices ?? [] };
}

/** The desk after an event. Pure: replayed in tests. */
export function reduce(desk: Desk, event: DeskEvent, at: string): Desk {
  switch (event.kind) {
    case 'me':
      return { ...desk, me: event.me };
    case 'call':
      return { ...desk, calls: inOrder(put(desk.calls, event.call, (c) => c.reservation_sid)) };
    case 'call-gone':
      return gone(desk, event.reservation_sid, event.how, at);
    case 'person':
      return { ...desk, people: put(desk.people, event.person, (p) => p.worker_sid) };
    case 'person-gone':
      return { ...desk, people: desk.people.filter((p) => p.worker_sid !== event.worker_sid) };
    case 'queue':
      return { ...desk, queues: put(desk.queues, event.queue, (q) => q.sid) };
    case 'queue-gone':
      return { ...desk, queues: desk.queues.filter((q) => q.sid !== event.queue_sid) };
    case 'activities':
      return { ...desk, activities: event.activities };
    case 'policy':
      return { ...desk, policy: event.policy };
  }
}

function gone(desk: Desk, sid: string, how: string, at: string): Desk {
  const call = desk.calls.find((c) => c.reservation_sid === sid);
  const calls = desk.calls.filter((c) => c.reservation_sid !== sid);
  if (!call || call.state !== 'ringing' || (how !== 'missed' && how !== 'canceled')) return { ...desk, calls };
  const kind = how === 'missed' ? 'missed' : 'gave-up';
  const notice: Notice = { id: sid, kind, who: nameOf(call), number: call.number, at };
  return { ...desk, calls, notices: [notice, ...desk.notices.filter((n) => n.id !== sid)].slice(0, NOTICES_MAX) };
}

function put<T>(all: T[], one: T, key: (of: T) => string): T[] {
  const at = all.findIndex((other) => key(other) === key(one));
  return at < 0 ? [...all, one] : all.map((other, i) => (i === at ? one : other));
}

/** Rank in the strip: the active call never moves, what rings comes below it, then what waits. */
const RANK: Record<DeskCall['state'], number> = {
  live: 0, dialing: 0, 'picking-up': 1, ringing: 2, parked: 3, 'hung-up': 4, 'wrap-up': 5,
};

/** In the order of the strip. Order changes only when a state changes. */
function inOrder(calls: DeskCall[]): DeskCall[] {
  return [...calls].sort((a, b) => RANK[a.state] - RANK[b.state] || a.since.localeCompare(b.since));
}

/** What a call's other end is called. */
export function nameOf(call: { name: string | null; number: string }): string {
  return call.name ?? prettyNumber(call.number);
}

/** `+15550100001` as people read it; anything else as it is. */
export function prettyNumber(number: string): string {
  const us = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(number);
  if (us) return `+1 ${us[1]} ${us[2]} ${us[3]}`;
  const other = /^\+(\d{2})(\d{2,4})(\d+)$/.exec(number);
  return other ? `+${other[1]} ${other[2]} ${other[3]}` : number.replace(/^sip:/, '').replace(/@.*$/, '');
}

/** The one call that the agent is in, or is calling. */
export function activeCall(desk: Desk): DeskCall | undefined {
  return desk.calls.find((c) => c.state === 'live' || c.state === 'dialing');
}

export function callsIn(desk: Desk, state: DeskCall['state']): DeskCall[] {
  return desk.calls.filter((c) => c.state === state);
}

/** Whether work is offered to the agent now. */
export function isAvailable(desk: Desk): boolean {
  return desk.activities.find((a) => a.sid === desk.me.activity_sid)?.available ?? false;
}
