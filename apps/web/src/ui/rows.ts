import { useEffect, useState } from 'react';

/** Rows that are drawn in one frame. */
const AT_ONCE = 30;

/**
 * How many of so many rows are drawn: none with the press that opens the page, then some with each frame. The press is answered
 * before a long table is there.
 */
export function useRows(total: number): number {
  const [drawn, draw] = useState(0);
  const more = drawn < total;
  useEffect(() => {
    if (!more) return;
    const frame = requestAnimationFrame(() => draw(drawn + AT_ONCE));
    return () => cancelAnimationFrame(frame);
  }, [drawn, more]);
  return Math.min(drawn, total);
}
