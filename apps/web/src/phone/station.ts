import type { IceServer } from '../api/desk.gen';
import { frame, type Frame, type StationCall } from './frames';

/** How the station is connected. `off`: the shift has not begun, or is over. `taken`: another page is the station now. */
export type Line = 'off' | 'connecting' | 'up' | 'lost' | 'taken' | 'refused';

export type StationState = {
  line: Line;
  /** Audio flows. */
  audio: boolean;
  /** Every call that the station has, as the server last told. */
  calls: readonly StationCall[];
  /** The call that is heard. */
  hears: string | null;
  /** Why it was refused, in the server's words. */
  why: string | null;
};

const OFF: StationState = { line: 'off', audio: false, calls: [], hears: null, why: null };
/** Waits between attempts, in milliseconds; the last one stays. */
const RETRY_MS = [250, 1000, 2000, 5000];
/** An answer is there, or it failed. */
const ANSWER_MS = 3000;
/** Another token is asked for so long before the old one ends. */
const RENEW_MS = 60_000;
/** A tone of a key and the silence after it, in milliseconds. */
const KEY_MS = 160;
const GAP_MS = 70;

/** What a station needs of the world. */
export type World = {
  /** A token, and when it ends. */
  token: () => Promise<{ token: string; expires: string; ice_servers?: IceServer[] }>;
  socket: (url: string) => WebSocket;
  peer: (configuration: RTCConfiguration) => RTCPeerConnection;
  /** Plays what is heard. */
  play: (stream: MediaStream) => void;
};

/** As the browser takes them: what is not there must not be null. */
export const iceServers = (told: readonly IceServer[]): RTCIceServer[] =>
  told.map(({ urls, username, credential }) => (username !== null && credential !== null ? { urls, username, credential } : { urls }));

type Waiting = { callsid: string; done: (answered: boolean) => void };

/**
 * This page as the agent's phone: one media session for the whole shift, on which calls come and go without another description.
 * It comes back by itself when its websocket or its addresses are lost (docs/reference/station.md).
 */
export class Station {
  state: StationState = OFF;
  private readonly listeners = new Set<() => void>();
  private socket: WebSocket | null = null;
  private peer: RTCPeerConnection | null = null;
  private microphone: MediaStreamTrack | null = null;
  private ice: RTCIceServer[] = [];
  private attempts = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private renewal: ReturnType<typeof setTimeout> | undefined;
  private waiting: Waiting[] = [];
  private readonly wanted = new Set<string>();
  /** A description is on its way; another is wanted after it. */
  private offering = false;
  private again: RTCOfferOptions | null = null;

  constructor(private readonly url: string, private readonly world: World) {}

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  /** Begins, or takes over from another page. */
  open(microphone: MediaStreamTrack) {
    this.hearMicrophone(microphone);
    if (this.state.line === 'off' || this.state.line === 'taken' || this.state.line === 'refused') this.connect();
  }

  /** Another microphone; the session goes on. */
  hearMicrophone(microphone: MediaStreamTrack) {
    const muted = this.microphone ? !this.microphone.enabled : false;
    microphone.enabled = !muted;
    if (this.microphone && this.microphone !== microphone) this.microphone.stop();
    this.microphone = microphone;
    void this.peer?.getSenders()[0]?.replaceTrack(microphone);
  }

  /** Tries again at once. */
  readonly now = () => {
    if (this.state.line === 'lost' || this.state.line === 'taken' || this.state.line === 'refused') this.connect();
  };

  /** The shift is over: calls end. */
  leave() {
    this.send('leave');
    this.close('off');
    this.microphone?.stop();
    this.microphone = null;
  }

  /** The page goes: the server keeps the calls for a while. */
  stop() {
    this.close('off');
  }

  /** The call that rings here for a reservation. */
  rings(reservation: string): StationCall | undefined {
    return this.state.calls.find((call) => call.state === 'ringing' && call.reservation_sid === reservation);
  }

  /** Takes a call that rings. False if it rang no more, or nothing came of it in time. */
  answer(callsid: string): Promise<boolean> {
    return new Promise((resolve) => {
      const waits: Waiting = { callsid, done: (answered) => { clearTimeout(late); resolve(answered); } };
      const late = setTimeout(() => this.settle(callsid, false), ANSWER_MS);
      this.waiting.push(waits);
      if (!this.send('answer', { callsid })) this.settle(callsid, false);
    });
  }

  /** The agent has said yes to a reservation elsewhere: its ring is answered, now or as soon as it comes. */
  want(reservation: string) {
    const rings = this.rings(reservation);
    if (rings) void this.answer(rings.callsid);
    else this.wanted.add(reservation);
  }

  /** Ends the call that is heard. */
  hangUp() {
    if (this.state.hears) this.send('hangup', { callsid: this.state.hears });
  }

  mute(muted: boolean) {
    if (this.microphone) this.microphone.enabled = !muted;
  }

  /** Keys of a telephone, to whoever is heard. */
  press(keys: string) {
    const sender = this.peer?.getSenders()[0]?.dtmf;
    if (sender?.canInsertDTMF) sender.insertDTMF(sender.toneBuffer + keys, KEY_MS, GAP_MS);
    else if (this.state.hears) this.send('dtmf', { callsid: this.state.hears, dtmf: keys });
  }

  async statistics(): Promise<RTCStatsReport | null> {
    return (await this.peer?.getStats()) ?? null;
  }

  private set(change: Partial<StationState>) {
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
    this.offering = false;
    this.again = null;
    this.set({ line: 'connecting', why: null });
    const socket = this.world.socket(this.url);
    this.socket = socket;
    socket.onmessage = ({ data }) => {
      if (this.socket === socket) void this.hear(String(data));
    };
    socket.onclose = () => {
      if (this.socket === socket) this.lost();
    };
    socket.onopen = () => {
      if (this.socket === socket) void this.begin(socket);
    };
  }

  private async begin(socket: WebSocket) {
    if (!(await this.listen(socket))) return;
    const works = this.peer && !['failed', 'closed'].includes(this.peer.connectionState);
    if (!works) this.build();
    await this.offer({});
  }

  /** Tells who we are, and does so again before the token ends. */
  private async listen(socket: WebSocket): Promise<boolean> {
    clearTimeout(this.renewal);
    let given: Awaited<ReturnType<World['token']>>;
    try {
      given = await this.world.token();
    } catch {
      if (this.socket === socket) this.lost();
      return false;
    }
    if (this.socket !== socket) return false;
    this.ice = iceServers(given.ice_servers ?? []);
    // What comes with a new token is for the next time that addresses are looked for.
    this.peer?.setConfiguration?.({ iceServers: this.ice });
    this.send('listen', { token: given.token, reconnectTimeout: 0 });
    const rest = Date.parse(given.expires) - Date.now() - RENEW_MS;
    this.renewal = setTimeout(() => void this.listen(socket), Math.max(rest, RENEW_MS / 2));
    return true;
  }

  private build() {
    this.peer?.close();
    const peer = this.world.peer({ iceServers: this.ice });
    this.peer = peer;
    if (this.microphone) peer.addTransceiver(this.microphone, { direction: 'sendrecv' });
    peer.ontrack = ({ track }) => this.world.play(new MediaStream([track]));
    peer.oniceconnectionstatechange = () => {
      if (this.peer === peer && peer.iceConnectionState === 'failed') void this.offer({ iceRestart: true });
    };
  }

  private async offer(options: RTCOfferOptions) {
    if (this.offering) {
      this.again = options;
      return;
    }
    const { peer } = this;
    if (!peer) return;
    this.offering = true;
    await peer.setLocalDescription(await peer.createOffer(options));
    if (this.peer === peer && !this.send('station', { sdp: peer.localDescription?.sdp })) this.offering = false;
  }

  private async answered(sdp: string) {
    await this.peer?.setRemoteDescription({ type: 'answer', sdp });
    this.offering = false;
    const { again } = this;
    this.again = null;
    if (again) await this.offer(again);
  }

  private async hear(data: string) {
    // A heartbeat is answered by the same.
    if (data.trim() === '') return this.socket?.send('\n');
    const told = frame(data);
    if (!told) return;
    if (told.type === 'station') {
      this.attempts = 0;
      await this.answered(told.payload.sdp);
    }
    this.take(told);
  }

  private take(told: Frame) {
    const { calls } = this.state;
    switch (told.type) {
      case 'station':
        return this.set({ line: 'up', calls: told.payload.calls, hears: told.payload.hears });
      case 'ring':
      case 'dialing':
        this.set({ calls: [...calls.filter((call) => call.callsid !== told.payload.callsid), told.payload] });
        if (told.payload.reservation_sid && this.wanted.delete(told.payload.reservation_sid)) void this.answer(told.payload.callsid);
        return;
      case 'answer':
        this.set({ calls: calls.map((call) => (call.callsid === told.payload.callsid ? { ...call, state: 'live' } : call)) });
        return this.settle(told.payload.callsid, true);
      case 'cancel':
      case 'hangup':
        this.set({ calls: calls.filter((call) => call.callsid !== told.payload.callsid) });
        return this.settle(told.payload.callsid, false);
      case 'hears': {
        const { callsid } = told.payload;
        this.set({ hears: callsid, calls: calls.map((call) => (call.callsid === callsid ? { ...call, state: 'live' } : call)) });
        if (callsid) this.settle(callsid, true);
        return;
      }
      case 'audio':
        return this.set({ audio: told.payload.up });
      case 'taken':
        return this.close('taken');
      case 'error': {
        const { code, message } = told.payload.error;
        this.set({ why: message });
        // The next token is good; a server that stops has a successor.
        if (PASSES.has(code)) return this.lost();
        return this.close('refused');
      }
    }
  }

  private settle(callsid: string, answered: boolean) {
    const [now, later] = [this.waiting.filter((w) => w.callsid === callsid), this.waiting.filter((w) => w.callsid !== callsid)];
    this.waiting = later;
    for (const one of now) one.done(answered);
  }

  /** The websocket is lost; the media may well go on. */
  private lost() {
    this.drop();
    const wait = RETRY_MS[Math.min(this.attempts, RETRY_MS.length - 1)] ?? 5000;
    this.attempts += 1;
    this.set({ line: 'lost' });
    this.retry = setTimeout(() => this.connect(), wait);
  }

  private drop() {
    clearTimeout(this.renewal);
    const old = this.socket;
    this.socket = null;
    old?.close();
  }

  private close(line: Line) {
    clearTimeout(this.retry);
    this.drop();
    this.peer?.close();
    this.peer = null;
    this.offering = false;
    this.attempts = 0;
    for (const { callsid } of [...this.waiting]) this.settle(callsid, false);
    this.set({ ...OFF, line, why: this.state.why });
  }
}

/** Errors that pass: the token has ended, the server is full or stops. */
const PASSES = new Set([31202, 31203, 31204, 31205, 31480]);
