import { describe, expect, test } from 'vitest';
import type { DeskCall, DeskMessage, DeskSnapshot } from '../api/desk.gen';
import { answer, hold, park, pickUp } from './actions';
import { begin, isAvailable, nameOf, prettyNumber, reduce, type Desk } from './desk';

export function call(sid: string, state: DeskCall['state'], more: Partial<DeskCall> = {}): DeskCall {
  return {
    reservation_sid: sid, task_sid: `WT${sid}`, call_sid: null, state, since: '2026-01-01T10:00:00Z', until: null,
    outbound: false, direct: false, number: '+15558880001', name: null, dialled: null, queue_name: 'Inbound ACD',
    transferred_by: null, note: null, recalled: false, held_since: null, muted: false, others: [], transfer: null, ...more,
  };
}

export function snapshot(calls: DeskCall[], more: Partial<DeskSnapshot> = {}): Extract<DeskMessage, { type: 'snapshot' }> {
  const desk: DeskSnapshot = {
    me: {
      user_sid: 'US1', login: 'ana', name: 'Ana', role: 'agent', workspace_sid: 'WS1', worker_sid: 'WK1',
      activity_sid: 'WA1', activity_since: null, extension: '1001', contact_uri: 'sip:ana@x', sip_uri: 'sip:ana@x', line: null,
    },
    activities: [{ sid: 'WA1', name: 'Available', available: true }, { sid: 'WA2', name: 'Break', available: false }],
    calls, people: [], queues: [],
    policy: { on: true, parked_max: 4, park_recall_s: 180, hangup_notice_s: 120, wrap_up_s: 5 },
    ...more,
  };
  return { type: 'snapshot', epoch: 'e', seq: 1, at: '2026-01-01T10:00:00Z', desk };
}

const desk = (...calls: DeskCall[]): Desk => begin(snapshot(calls), null);
const sids = (of: Desk) => of.calls.map((c) => c.reservation_sid);

describe('the order of calls', () => {
  test('what rings comes below the active call, what waits below both', () => {
    expect(sids(desk(call('p', 'parked'), call('w', 'wrap-up'), call('r', 'ringing'), call('l', 'live')))).toEqual(['l', 'r', 'p', 'w']);
  });

  test('a call changes its place only with its state', () => {
    const before = desk(call('a', 'parked'), call('b', 'parked', { since: '2026-01-01T10:01:00Z' }));
    const after = reduce(before, { kind: 'call', call: call('a', 'parked', { muted: true }) }, '');
    expect(sids(after)).toEqual(['a', 'b']);
  });
});

describe('calls that go', () => {
  const ringing = desk(call('r', 'ringing', { name: 'Omar' }));
  test('an offer that ran out leaves a notice until it is put away', () => {
    const after = reduce(ringing, { kind: 'call-gone', reservation_sid: 'r', how: 'missed' }, 't');
    expect(after.calls).toEqual([]);
    expect(after.notices).toMatchObject([{ kind: 'missed', who: 'Omar', at: 't' }]);
    expect(begin(snapshot([]), after).notices).toHaveLength(1);
  });
  test('a declined offer and a finished call leave none', () => {
    expect(reduce(ringing, { kind: 'call-gone', reservation_sid: 'r', how: 'rejected' }, 't').notices).toEqual([]);
    const live = desk(call('l', 'live'));
    expect(reduce(live, { kind: 'call-gone', reservation_sid: 'l', how: 'completed' }, 't').notices).toEqual([]);
  });
});

describe('actions', () => {
  test('the answer button says whom it parks', () => {
    expect(answer.label(desk(call('r', 'ringing')), undefined)).toEqual({ key: 'action.answer' });
    const busy = desk(call('l', 'live', { name: 'Maria' }), call('r', 'ringing'));
    expect(answer.label(busy, undefined)).toEqual({ key: 'action.answer.park', values: { name: 'Maria' } });
    expect(answer.label(desk(call('d', 'dialing'), call('r', 'ringing')), undefined)).toEqual({ key: 'action.answer.cancel' });
  });
  test('the shortcut means the oldest ring, and the call that was parked last', () => {
    const of = desk(
      call('r2', 'ringing', { since: '2026-01-01T10:05:00Z' }), call('r1', 'ringing'),
      call('p1', 'parked'), call('p2', 'parked', { since: '2026-01-01T10:02:00Z' }),
    );
    expect(answer.target(of)).toMatchObject({ reservation_sid: 'r1' });
    expect(pickUp.target(of)).toMatchObject({ reservation_sid: 'p2' });
    expect(pickUp.label(of, undefined).key).toBe('action.pickup');
  });
  test('what is not live can neither be held nor parked', () => {
    expect(hold.target(desk(call('p', 'parked')))).toBeUndefined();
    expect(park.target(desk(call('d', 'dialing')))).toBeUndefined();
  });
});

test('somebody on a break is not available', () => {
  const of = desk();
  expect(isAvailable(of)).toBe(true);
  expect(isAvailable(reduce(of, { kind: 'me', me: { ...of.me, activity_sid: 'WA2' } }, ''))).toBe(false);
});

test('a number is read in groups, a name as it is', () => {
  expect(prettyNumber('+15558880001')).toBe('+1 555 888 0001');
  expect(prettyNumber('sip:bo@tandem.localhost')).toBe('bo');
  expect(nameOf({ name: 'Maria', number: '+1' })).toBe('Maria');
});
