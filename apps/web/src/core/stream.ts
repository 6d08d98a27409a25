import type { DeskMessage } from '../api/desk.gen';
import { begin, reduce, type Desk } from './desk';

/** How the desk is connected. */
export type Link = { is: 'connecting' } | { is: 'live' } | { is: 'lost'; retryAt: number } | { is: 'signed-out' };

export type State = { link: Link; desk: Desk | null; heardAt: number };

/** Waits between attempts, in milliseconds; the last one stays. */
const RETRY_MS = [250, 1000, 2000, 5000];
/** The server is heard from at least this often, or the link counts as lost. */
const SILENCE_MS = 12_000;
const SIGNED_OUT = 4401;

let offset = 0;

/** The server's time now. */
export const serverNow = () => Date.now() + offset;

/** The desk's websocket: keeps the reducer's state, and comes back by itself with what it has. */
export class DeskStream {
  state: State = { link: { is: 'connecting' }, desk: null, heardAt: 0 };
  private readonly listeners = new Set<() => void>();
  private socket: WebSocket | null = null;
  private attempts = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private watch: ReturnType<typeof setInterval> | undefined;
  private ended = false;

  constructor(private readonly open: (url: string) => WebSocket = (url) => new WebSocket(url)) {}

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  start() {
    this.ended = false;
    this.connect(true);
    this.watch = setInterval(() => this.listen(), 1000);
    window.addEventListener('online', this.now);
  }

  stop() {
    this.ended = true;
    clearTimeout(this.timer);
    clearInterval(this.watch);
    window.removeEventListener('online', this.now);
    this.socket?.close();
    this.socket = null;
  }

  /** Tries again at once. */
  readonly now = () => {
    if (this.state.link.is === 'lost') this.connect(true);
  };

  /** Puts a notice away. */
  dismiss(id: string) {
    const { desk } = this.state;
    if (desk) this.set({ desk: { ...desk, notices: desk.notices.filter((n) => n.id !== id) } });
  }

  private connect(resume: boolean) {
    clearTimeout(this.timer);
    this.drop();
    const { desk } = this.state;
    const since = resume && desk ? `?since=${desk.epoch}.${desk.seq}` : '';
    const socket = this.open(`${location.origin.replace(/^http/, 'ws')}/tandem/v1/desk${since}`);
    this.socket = socket;
    socket.onmessage = (message) => this.take(JSON.parse(String(message.data)) as DeskMessage);
    socket.onclose = (event) => {
      if (this.socket === socket) this.lost(event.code === SIGNED_OUT);
    };
  }

  private drop() {
    const old = this.socket;
    this.socket = null;
    if (old) {
      old.onmessage = null;
      old.onclose = null;
      old.close();
    }
  }

  private lost(signedOut: boolean) {
    this.drop();
    if (this.ended) return;
    if (signedOut) return this.set({ link: { is: 'signed-out' } });
    const wait = RETRY_MS[Math.min(this.attempts, RETRY_MS.length - 1)] ?? 5000;
    this.attempts += 1;
    this.set({ link: { is: 'lost', retryAt: Date.now() + wait } });
    this.timer = setTimeout(() => this.connect(true), wait);
  }

  private listen() {
    if (this.state.link.is === 'live' && Date.now() - this.state.heardAt > SILENCE_MS) this.lost(false);
  }

  private take(message: DeskMessage) {
    offset = Date.parse(message.at) - Date.now();
    const heardAt = Date.now();
    const link: Link = { is: 'live' };
    const { desk } = this.state;
    switch (message.type) {
      case 'snapshot':
        this.attempts = 0;
        return this.set({ link, heardAt, desk: begin(message, desk) });
      case 'resumed':
        this.attempts = 0;
        return this.set({ link, heardAt });
      case 'beat':
        this.state = { ...this.state, heardAt };
        return;
      case 'event':
        // A gap: what is missing is in a new snapshot.
        if (!desk || message.seq !== desk.seq + 1) return this.connect(false);
        return this.set({
          heardAt,
          link,
          desk: { ...reduce(desk, message.event, message.at), seq: message.seq },
        });
    }
  }

  private set(change: Partial<State>) {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  }
}
