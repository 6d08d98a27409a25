export type Quality = { is: 'good' } | { is: 'poor'; cause: 'loss' | 'delay' };

/** Trouble that lasts for so many looks, a second apart, is worth a word. */
const LOOKS = 5;
const LOSS_MAX = 0.05;
const DELAY_MAX_S = 0.4;

/** What two reports a second apart are compared by. */
type Counted = { received: number; lost: number };

/** Judges one report after the other of the same line. */
export function lineQuality(): (report: Iterable<[string, unknown]>) => Quality {
  let before: Counted | null = null;
  let [losses, delays] = [0, 0];
  return (report) => {
    let now: Counted = { received: 0, lost: 0 };
    let delay = 0;
    for (const [, one] of report) {
      const told = one as { type: string; packetsReceived?: number; packetsLost?: number; roundTripTime?: number };
      if (told.type === 'inbound-rtp') now = { received: told.packetsReceived ?? 0, lost: told.packetsLost ?? 0 };
      if (told.type === 'remote-inbound-rtp') delay = told.roundTripTime ?? 0;
    }
    const [got, lost] = [now.received - (before?.received ?? now.received), now.lost - (before?.lost ?? now.lost)];
    before = now;
    losses = lost / Math.max(1, got + lost) > LOSS_MAX ? losses + 1 : 0;
    delays = delay > DELAY_MAX_S ? delays + 1 : 0;
    if (losses >= LOOKS) return { is: 'poor', cause: 'loss' };
    return delays >= LOOKS ? { is: 'poor', cause: 'delay' } : { is: 'good' };
  };
}
