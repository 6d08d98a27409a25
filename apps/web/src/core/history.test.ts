import { expect, test } from 'vitest';
import type { DeskQueue } from '../api/desk.gen';
import { noted, SAMPLES_MAX, type Sample } from './history';

const queue = (sid: string, waiting: number): DeskQueue => ({ sid, name: sid, waiting, longest_since: null, assigned: 0, parked: 0, eligible: 0, available: 0 });

test('what is noted is bounded, and the oldest goes', () => {
  let samples: Sample[] = [];
  for (let at = 0; at <= SAMPLES_MAX; at += 1) samples = noted(samples, at, [queue('a', at), queue('b', 0)]);
  expect(samples).toHaveLength(SAMPLES_MAX);
  expect(samples[0]).toEqual({ at: 1, waiting: { a: 1, b: 0 } });
  expect(samples.at(-1)).toEqual({ at: SAMPLES_MAX, waiting: { a: SAMPLES_MAX, b: 0 } });
});
