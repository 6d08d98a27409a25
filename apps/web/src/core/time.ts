import { useSyncExternalStore } from 'react';
import { serverNow } from './stream';

let now = serverNow();
const listeners = new Set<() => void>();
let hand: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void) {
  listeners.add(listener);
  hand ??= setInterval(() => {
    now = serverNow();
    for (const tell of listeners) tell();
  }, 500);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(hand);
      hand = undefined;
    }
  };
}

/** The server's time, by one shared second hand. */
export const useNow = () => useSyncExternalStore(subscribe, () => now);

/** `4:05`, `1:04:05`. */
export function duration(ms: number): string {
  const all = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  const two = (n: number) => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
