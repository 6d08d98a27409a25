import { useEffect } from 'react';
import type { Desk } from './desk';
import { serverNow } from './stream';

/** How often it is noted how many wait, in milliseconds, and for how long that is kept. */
export const SAMPLE_MS = 5_000;
export const SAMPLES_MAX = 360;

/** How many waited in each queue at a moment. */
export type Sample = { at: number; waiting: Record<string, number> };

let samples: readonly Sample[] = [];

export const history = () => samples;

/** The samples with one more, the oldest gone when there are too many. Pure. */
export function noted(before: readonly Sample[], at: number, queues: Desk['queues']): Sample[] {
  const waiting = Object.fromEntries(queues.map((one) => [one.sid, one.waiting]));
  return [...before, { at, waiting }].slice(-SAMPLES_MAX);
}

/** Notes how many wait for as long as the desk is open. */
export function useHistory(queues: Desk['queues']) {
  useEffect(() => {
    const note = () => {
      const last = samples.at(-1);
      if (!last || serverNow() - last.at >= SAMPLE_MS * 0.9) samples = noted(samples, serverNow(), queues);
    };
    note();
    const timer = setInterval(note, SAMPLE_MS);
    return () => clearInterval(timer);
  }, [queues]);
}
