import { expect, test } from 'vitest';
import { FILTERS, lanes, type Entry, gist } from './timeline';

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 10, 0, second)).toISOString();
const entry = (second: number, kind: string, text: string): Entry => ({ call_sid: 'CA1', at: at(second), kind, text, data: null });
const told = [
  entry(0, 'sip', 'calls +1'), entry(2, 'queue', 'waits in Inbound ACD'), entry(3, 'reservation', 'rings Ana Lind'),
  entry(5, 'reservation', 'connected with Ana Lind'), entry(9, 'hold', 'on hold'), entry(11, 'hold', 'off hold'),
  entry(15, 'park', 'parked by Ana Lind'), entry(20, 'reservation', 'picked up by Ana Lind'), entry(25, 'sip', 'ended'),
];
const short = (entries: Entry[], now: number) =>
  lanes(entries, Date.parse(at(now)))?.lanes.map((lane) => [lane.who, ...lane.bars.map((b) => `${b.doing} ${(b.to - b.from) / 1000}`)]);

test('a story has a lane for the customer and one for each agent', () => {
  expect(short(told, 60)).toEqual([
    [null, 'flow 2', 'queue 3', 'talk 4', 'hold 2', 'talk 4', 'parked 5', 'talk 5'],
    ['Ana Lind', 'ring 2', 'talk 10', 'talk 5'],
  ]);
});

test('a story that goes on lasts until now, one that is over until its end', () => {
  expect(lanes(told.slice(0, 4), Date.parse(at(30)))?.to).toBe(Date.parse(at(30)));
  expect(lanes(told, Date.parse(at(60)))?.to).toBe(Date.parse(at(25)));
  expect(lanes([], 0)).toBeNull();
});

test('whoever rang beside the one who answered rings no more', () => {
  const both = [entry(0, 'queue', 'waits in X'), entry(1, 'reservation', 'rings Bo'), entry(1, 'reservation', 'rings Ana'), entry(3, 'reservation', 'connected with Ana')];
  expect(short(both, 10)).toEqual([[null, 'queue 3', 'talk 7'], ['Bo', 'ring 2'], ['Ana', 'ring 2', 'talk 7']]);
});

test('filters tell routing from telephony', () => {
  expect(told.filter((one) => FILTERS.routing(one.kind))).toHaveLength(7);
  expect(told.filter((one) => FILTERS.sip(one.kind))).toHaveLength(2);
});

test('beside the call only what people did is told, keys in a row as one, and nothing by its identifier', () => {
  const sid = `WW${'0a'.repeat(16)}`;
  const entry = (kind: string, text: string) => ({ call_sid: 'CA1', at: '2026-03-25T10:00:00Z', kind, text, data: null });
  const told = gist([
    entry('sip', '+15550200001 calls +15550100002'), entry('webhook', 'requests a document'), entry('twiml', 'Gather'), entry('digit', 'pressed a key'),
    entry('twiml', 'runs a document'), entry('digit', 'pressed a key'), entry('queue', `waits in ${sid}`), entry('park', `parked by ${sid}`), entry('digit', 'pressed a key'),
  ]);
  expect(told.map((one) => [one.text, one.keys])).toEqual([
    ['+15550200001 calls +15550100002', 0], ['pressed a key', 2], ['waits', 0], ['parked by', 0], ['pressed a key', 1],
  ]);
});
