import type { Token } from './api';

/** How a phone is connected. `cut`: its network was dropped on purpose. */
export type Link = 'off' | 'connecting' | 'ready' | 'lost' | 'refused' | 'cut';
/** How a call came to its end. */
export type Ended = 'we' | 'they' | 'failed' | 'missed' | 'cut';
/** What the customer does when called. */
export type Manner = 'hand' | 'once' | 'slow' | 'never' | 'busy' | 'decline';
export const MANNERS: readonly Manner[] = ['hand', 'once', 'slow', 'never', 'busy', 'decline'];

export type Call = {
  /** What the server calls it; before it has, what we call it. */
  id: string;
  way: 'out' | 'in';
  /** Who is at the other end. */
  other: string;
  state: 'calling' | 'ringing' | 'live';
  since: number;
};

export type LineState = {
  link: Link;
  call: Call | null;
  ended: Ended | null;
  /** What the server said against it. */
  why: string | null;
  /** Keys pressed in this call, or the last one. */
  pressed: string;
  /** Keys that the other end pressed in it. */
  keys: string;
  muted: boolean;
  /** Of 100 packets, how many are lost each way. */
  loss: number;
  manner: Manner;
};

/** What a phone needs of the world. */
export type World = {
  token: () => Promise<Token>;
  socket: (url: string) => WebSocket;
  /** A connection that may use these servers. */
  peer: (servers: RTCIceServer[]) => RTCPeerConnection;
  /** What the customer says. */
  voice: () => MediaStreamTrack;
  /** What the customer hears from now on; null: nothing. */
  hear: (stream: MediaStream | null) => void;
};

type Told = {
  callsid?: string;
  sdp?: string;
  dtmf?: string;
  parameters?: { From?: string };
  error?: { code: number; message: string };
};

/** Waits between attempts, in milliseconds; the last one stays. */
const RETRY_MS = [250, 1000, 2000, 5000];
/** Another token is asked for so long before the old one ends. */
const RENEW_MS = 60_000;
/** Somebody slow takes so long to answer. */
const SLOW_MS = 5000;
/** A tone of a key and the silence after it, in milliseconds. */
const KEY_MS = 160;
const GAP_MS = 70;
/** Seconds for which the server keeps the call of a phone that has vanished. */
const VANISHED_S = 30;
/** Errors that pass: the token has ended, the server is full or stops. */
const PASSES = new Set([31202, 31203, 31204, 31205, 31480]);

/** Keys that are shown: a longer row says no more. */
const KEYS_MAX = 40;

const FRESH = { call: null, ended: null, why: null, pressed: '', keys: '' } as const;

/** A customer's phone: one websocket, and one peer connection for each call, one call at a time. */
export class Line {
  state: LineState = { ...FRESH, link: 'off', muted: false, loss: 0, manner: 'hand' };
  private readonly listeners = new Set<() => void>();
  private socket: WebSocket | null = null;
  private peer: RTCPeerConnection | null = null;
  /** The description of a call that rings. */
  private offered = '';
  /** STUN and TURN servers that the server told of last. */
  private servers: RTCIceServer[] = [];
  private attempts = 0;
  private calls = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private renewal: ReturnType<typeof setTimeout> | undefined;
  private slow: ReturnType<typeof setTimeout> | undefined;
  /** The websocket closes with the next word of the server. */
  private cutting = false;

  constructor(
    private readonly url: string,
    private readonly world: World,
  ) {}

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  /** Begins, or comes back. */
  open() {
    if (['off', 'lost', 'refused', 'cut'].includes(this.state.link)) this.connect();
  }

  /** The page goes: whoever is talked to hears that. */
  close() {
    this.hangUp();
    clearTimeout(this.retry);
    this.drop();
    this.set({ link: 'off' });
  }

  /** Calls a number. */
  async call(to: string) {
    if (this.state.call || this.state.link !== 'ready') return;
    this.calls += 1;
    const id = `customer-${this.calls}`;
    this.set({ ...FRESH, call: { id, way: 'out', other: to, state: 'calling', since: Date.now() } });
    const peer = this.build();
    peer.addTransceiver(this.world.voice(), { direction: 'sendrecv' });
    await peer.setLocalDescription(await peer.createOffer());
    if (this.peer !== peer) return;
    const params = new URLSearchParams({ To: to }).toString();
    this.send('invite', { callsid: id, sdp: peer.localDescription?.sdp, twilio: { params } });
    this.spoil();
  }

  async answer() {
    const { call } = this.state;
    if (call?.way !== 'in' || call.state !== 'ringing') return;
    clearTimeout(this.slow);
    const peer = this.build();
    await peer.setRemoteDescription({ type: 'offer', sdp: this.offered });
    peer.addTrack(this.world.voice());
    await peer.setLocalDescription(await peer.createAnswer());
    if (this.peer !== peer) return;
    this.send('answer', { callsid: call.id, sdp: peer.localDescription?.sdp });
    this.set({ call: { ...call, state: 'live', since: Date.now() } });
    this.spoil();
  }

  decline() {
    const { call } = this.state;
    if (!call) return;
    this.send('reject', { callsid: call.id });
    this.over('we');
  }

  hangUp() {
    const { call } = this.state;
    if (!call) return;
    this.send('hangup', { callsid: call.id });
    this.over('we');
  }

  press(keys: string) {
    const { call } = this.state;
    if (!call) return;
    const sender = this.peer?.getSenders()[0]?.dtmf;
    if (sender?.canInsertDTMF) sender.insertDTMF(sender.toneBuffer + keys, KEY_MS, GAP_MS);
    else this.send('dtmf', { callsid: call.id, dtmf: keys });
    this.set({ pressed: this.state.pressed + keys });
  }

  mute(muted: boolean) {
    this.world.voice().enabled = !muted;
    this.set({ muted });
  }

  lose(loss: number) {
    this.set({ loss });
    const { call } = this.state;
    if (call) this.send('network', { callsid: call.id, loss });
  }

  behave(manner: Manner) {
    this.set({ manner });
  }

  /** The network is gone from one moment to the next: no packet arrives, no goodbye is said. */
  async cut() {
    const { call } = this.state;
    if (!call) {
      this.drop();
      return this.set({ link: 'cut' });
    }
    const given = await this.world.token().catch(() => null);
    this.send('network', { callsid: call.id, loss: 100 });
    // Else the server takes a websocket that closes for a goodbye.
    this.cutting = true;
    if (!given || !this.send('listen', { token: given.token, reconnectTimeout: VANISHED_S })) this.vanish();
  }

  async statistics(): Promise<RTCStatsReport | null> {
    return (await this.peer?.getStats()) ?? null;
  }

  private vanish() {
    this.cutting = false;
    this.drop();
    this.over('cut');
    this.set({ link: 'cut' });
  }

  private set(change: Partial<LineState>) {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  }

  private send(type: string, payload: object = {}): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify({ type, payload }));
    return true;
  }

  private connect() {
    clearTimeout(this.retry);
    this.drop();
    this.set({ link: 'connecting', why: null });
    const socket = this.world.socket(this.url);
    this.socket = socket;
    socket.onmessage = ({ data }) => {
      if (this.socket === socket) void this.hear(String(data));
    };
    socket.onclose = () => {
      if (this.socket === socket) this.lost();
    };
    socket.onopen = () => {
      if (this.socket === socket) void this.listen(socket);
    };
  }

  /** Tells who we are, and does so again before the token ends. */
  private async listen(socket: WebSocket) {
    clearTimeout(this.renewal);
    const given = await this.world.token().catch((error: unknown) => error as Error);
    if (this.socket !== socket) return;
    if (given instanceof Error) {
      this.drop();
      return this.set({ link: 'refused', why: given.message });
    }
    this.servers = given.ice_servers ?? [];
    this.send('listen', { token: given.token, reconnectTimeout: 0 });
    this.send('register', { media: { audio: true } });
    const rest = Date.parse(given.expires) - Date.now() - RENEW_MS;
    this.renewal = setTimeout(() => void this.listen(socket), Math.max(rest, RENEW_MS / 2));
  }

  private build(): RTCPeerConnection {
    this.peer?.close();
    const peer = this.world.peer(this.servers);
    this.peer = peer;
    peer.ontrack = ({ track }) => {
      if (this.peer === peer) this.world.hear(new MediaStream([track]));
    };
    return peer;
  }

  /** A bad network stays bad in the next call. */
  private spoil() {
    const { call, loss } = this.state;
    if (call && loss > 0) this.send('network', { callsid: call.id, loss });
  }

  private async hear(data: string) {
    // A heartbeat is answered by the same.
    if (data.trim() === '') return this.socket?.send('\n');
    const { type, payload } = JSON.parse(data) as { type: string; payload: Told };
    switch (type) {
      case 'connected':
        if (this.cutting) this.vanish();
        return;
      case 'ready':
        this.attempts = 0;
        return this.set({ link: 'ready', why: null });
      case 'invite':
        return this.rings(payload);
      case 'ringing':
        return this.agreed(payload, 'ringing');
      case 'answer':
        return this.agreed(payload, 'live');
      case 'cancel':
        if (payload.callsid === this.state.call?.id) this.over('missed');
        return;
      case 'hangup':
        return this.hungUp(payload);
      case 'dtmf':
        if (payload.callsid === this.state.call?.id) this.set({ keys: (this.state.keys + (payload.dtmf ?? '')).slice(-KEYS_MAX) });
        return;
      case 'error':
        return this.failed(payload);
    }
  }

  private rings({ callsid = '', sdp = '', parameters }: Told) {
    const { manner, call } = this.state;
    if (call || manner === 'busy') return void this.send('reject', { callsid, reason: 'busy' });
    if (manner === 'decline') return void this.send('reject', { callsid });
    this.offered = sdp;
    this.set({ ...FRESH, call: { id: callsid, way: 'in', other: parameters?.From ?? '', state: 'ringing', since: Date.now() } });
    if (manner === 'once') void this.answer();
    if (manner === 'slow') this.slow = setTimeout(() => void this.answer(), SLOW_MS);
  }

  /** The other end rings, or has answered; with early media it is heard before it answers. */
  private async agreed({ callsid, sdp }: Told, state: 'ringing' | 'live') {
    const { call } = this.state;
    if (call?.way !== 'out' || call.state === 'live') return;
    const since = state === 'live' ? Date.now() : call.since;
    this.set({ call: { ...call, id: callsid ?? call.id, state, since } });
    if (sdp && this.peer?.signalingState === 'have-local-offer') await this.peer.setRemoteDescription({ type: 'answer', sdp });
  }

  private hungUp({ callsid, error }: Told) {
    const { call } = this.state;
    // The server's name for it may be news to us when it refuses a call.
    if (!call || (call.id !== callsid && call.state !== 'calling')) return;
    this.over(error ? 'failed' : 'they');
    if (error) this.set({ why: error.message });
  }

  private failed({ error }: Told) {
    this.set({ why: error?.message ?? null });
    if (error && PASSES.has(error.code)) return this.lost();
    this.drop();
    this.over('failed');
    this.set({ link: 'refused' });
  }

  private over(ended: Ended) {
    clearTimeout(this.slow);
    this.peer?.close();
    this.peer = null;
    this.world.hear(null);
    if (this.state.call) this.set({ call: null, ended });
  }

  /** The websocket is lost, and with it the call: the server takes it for a goodbye. */
  private lost() {
    this.drop();
    this.over('failed');
    const wait = RETRY_MS[Math.min(this.attempts, RETRY_MS.length - 1)] ?? 5000;
    this.attempts += 1;
    this.set({ link: 'lost' });
    this.retry = setTimeout(() => this.connect(), wait);
  }

  private drop() {
    clearTimeout(this.renewal);
    const old = this.socket;
    this.socket = null;
    old?.close();
  }
}
