export const MODES = ['listen', 'whisper', 'join'] as const;
export type Mode = (typeof MODES)[number];
/** What this supervisor does in a colleague's call. `restored`: the page was loaded again since. */
export type Supervision = { worker: string; name: string; reservation: string; mode: Mode; restored?: true };

const KEPT = 'tandem.supervision';

/** Lets a reload of the page know what its user was doing. */
export function keep(user: string, now: Supervision | null) {
  if (now) sessionStorage.setItem(KEPT, JSON.stringify({ user, now }));
  else sessionStorage.removeItem(KEPT);
}

/** What this user was doing when the page was loaded again. */
export function kept(user: string): Supervision | null {
  try {
    const { user: whose, now } = JSON.parse(sessionStorage.getItem(KEPT) ?? '{}') as { user?: string; now?: Supervision };
    return whose === user && now && MODES.includes(now.mode) ? { ...now, restored: true } : null;
  } catch {
    return null;
  }
}
