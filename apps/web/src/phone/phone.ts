import type { DeskCall, DeskMe } from '../api/desk.gen';

/**
 * Where the agent hears and speaks. The desk asks it for little, so that a SIP phone on the table and a media session in
 * this page are the same to everything else.
 */
export interface Phone {
  readonly kind: 'sip' | 'station';
  /** What it is called: `sip:ana@…`. */
  readonly address: string;
  /** The server connects it by itself once a call is answered at the desk; a phone on the table has to be picked up. */
  readonly answersItself: boolean;
  /** What its sound is worth now; null if nobody can say from here. */
  quality(): 'good' | 'poor' | null;
  /** Cuts the microphone at once, before the server knows. */
  mute(muted: boolean): void;
}

/** A SIP phone beside the browser: the server rings it. */
export class SipPhone implements Phone {
  readonly kind = 'sip';
  readonly answersItself = false;
  constructor(readonly address: string) {}
  quality() {
    return null;
  }
  mute() {}
}

/** The phone that a user's calls ring. */
export function phoneOf(me: DeskMe): Phone | null {
  return me.contact_uri ? new SipPhone(me.contact_uri.replace(/@.*$/, '')) : null;
}

/** Whether the agent has to pick up their phone for this call now. */
export const mustPickUp = (phone: Phone | null, call: DeskCall, others: DeskCall[]) =>
  !phone?.answersItself && call.state === 'picking-up' && !others.some((c) => c.state === 'live');
