import { useEffect, useState } from 'react';

/** What `load` answers, once it has; `failed` if it did not. Loads again when `when` changes. */
export function useLoaded<T>(load: () => Promise<T>, when: readonly unknown[]): T | 'failed' | null {
  const [value, set] = useState<T | 'failed' | null>(null);
  useEffect(() => {
    let there = true;
    load().then((answer) => there && set(() => answer), () => there && set('failed'));
    return () => {
      there = false;
    };
  }, when);
  return value;
}
