import type { DeskCall, DeskMe } from '../api/desk.gen';
import type { Station } from './station';

/**
 * Where the agent hears and speaks. The desk asks it for little, so that a SIP phone on the table and the media session of
 * this page are the same to everything else.
 */
export interface Phone {
  readonly kind: 'sip' | 'station';
  /** What it is called: `sip:ana@…`, `client:ana`. */
  readonly address: string;
  /** The server connects it by itself once a call is answered at the desk; a phone on the table has to be picked up. */
  readonly answersItself: boolean;
  /** Takes a call that rings. Null if it does not ring here, and the server has to be asked; else whether it was taken. */
  answer(call: DeskCall): Promise<boolean> | null;
  /** Cuts the microphone at once, before the server knows. */
  mute(muted: boolean): void;
  /** Ends the call that is heard at once, when the server cannot be asked. False if it cannot. */
  hangUp(): boolean;
  /** Presses keys; false if this is done on the phone itself. */
  press(keys: string): boolean;
}

/** A SIP phone beside the browser: the server rings it. */
export class SipPhone implements Phone {
  readonly kind = 'sip';
  /** `answersItself`: it stays connected for the shift. */
  constructor(readonly address: string, readonly answersItself: boolean) {}
  answer() {
    return null;
  }
  mute() {}
  hangUp() {
    return false;
  }
  press() {
    return false;
  }
}

/** This page. */
export class BrowserPhone implements Phone {
  readonly kind = 'station';
  readonly answersItself = true;
  constructor(
    readonly address: string,
    private readonly station: Station,
  ) {}
  answer(call: DeskCall) {
    const rings = this.station.rings(call.reservation_sid);
    return rings ? this.station.answer(rings.callsid) : null;
  }
  mute(muted: boolean) {
    this.station.mute(muted);
  }
  hangUp() {
    this.station.hangUp();
    return true;
  }
  press(keys: string) {
    this.station.press(keys);
    return true;
  }
}

export const ringsBrowser = (me: DeskMe) => me.contact_uri?.startsWith('client:') ?? false;

/** The phone that a user's calls ring. */
export function phoneOf(me: DeskMe, station: Station): Phone | null {
  if (!me.contact_uri) return null;
  return ringsBrowser(me) ? new BrowserPhone(me.contact_uri, station) : new SipPhone(me.contact_uri.replace(/@.*$/, ''), me.line === 'open');
}

/** Whether the agent has to pick up their phone for this call now. */
export const mustPickUp = (phone: Phone | null, call: DeskCall, others: DeskCall[]) =>
  !phone?.answersItself && call.state === 'picking-up' && !others.some((c) => c.state === 'live');

/** Whether this browser's user wants their SIP phone connected for the whole shift. */
const LINE = 'tandem.line';
export const keepsLine = () => localStorage.getItem(LINE) === 'yes';
export const keepLine = (yes: boolean) => localStorage.setItem(LINE, yes ? 'yes' : 'no');
