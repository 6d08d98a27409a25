import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { lineQuality } from './quality';
import { iceServers, Station } from './station';

class Socket {
  static all: Socket[] = [];
  readyState: number = WebSocket.OPEN;
  sent: { type: string; payload: Record<string, unknown> }[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  constructor() {
    Socket.all.push(this);
  }
  send(text: string) {
    this.sent.push(text === '\n' ? { type: 'beat', payload: {} } : (JSON.parse(text) as Socket['sent'][number]));
  }
  close() {
    this.readyState = WebSocket.CLOSED;
  }
  told(type: string, payload: object) {
    this.onmessage?.({ data: JSON.stringify({ type, payload }) });
  }
}

class Peer {
  static all: Peer[] = [];
  connectionState = 'connected';
  iceConnectionState = 'connected';
  localDescription: { sdp: string } | null = null;
  answers: string[] = [];
  keys: string[] = [];
  oniceconnectionstatechange: (() => void) | null = null;
  ontrack: unknown = null;
  closed = false;
  constructor() {
    Peer.all.push(this);
  }
  addTransceiver() {}
  getSenders() {
    return [{ dtmf: { canInsertDTMF: true, toneBuffer: '', insertDTMF: (keys: string) => this.keys.push(keys) }, replaceTrack: () => undefined }];
  }
  async createOffer(options: RTCOfferOptions) {
    return { sdp: options.iceRestart ? 'restart' : 'offer' };
  }
  async setLocalDescription(offer: { sdp: string }) {
    this.localDescription = offer;
  }
  async setRemoteDescription({ sdp }: { sdp: string }) {
    this.answers.push(sdp);
  }
  close() {
    this.closed = true;
  }
}

const microphone = () => ({ enabled: true, stop: vi.fn() }) as unknown as MediaStreamTrack;
const ring = { callsid: 'CA1', state: 'ringing', from: '+1', to: 'client:ana', task_sid: 'WT1', reservation_sid: 'WR1' };
const settled = () => vi.advanceTimersByTimeAsync(0);

async function opened() {
  const station = new Station('ws://x/signal', {
    token: async () => ({ token: 't', expires: new Date(Date.now() + 3_600_000).toISOString() }),
    socket: () => new Socket() as unknown as WebSocket,
    peer: () => new Peer() as unknown as RTCPeerConnection,
    play: () => undefined,
  });
  const track = microphone();
  station.open(track);
  const [socket] = Socket.all;
  socket?.onopen?.();
  await settled();
  socket?.told('station', { sdp: 'answer', calls: [], hears: null });
  await settled();
  if (!socket) throw new Error('no socket');
  return { station, socket, track };
}

beforeEach(() => {
  vi.useFakeTimers();
  Socket.all = [];
  Peer.all = [];
});
afterEach(() => vi.useRealTimers());

test('a station says who it is, offers once, and is up with the answer', async () => {
  const { station, socket } = await opened();
  expect(socket.sent).toEqual([
    { type: 'listen', payload: { token: 't', reconnectTimeout: 0 } },
    { type: 'station', payload: { sdp: 'offer' } },
  ]);
  expect(Peer.all[0]?.answers).toEqual(['answer']);
  expect(station.state.line).toBe('up');
  socket.onmessage?.({ data: '\n' });
  expect(socket.sent.at(-1)?.type).toBe('beat');
});

test('a ring is answered by its reservation, and the answer waits until the call is heard', async () => {
  const { station, socket } = await opened();
  socket.told('ring', ring);
  expect(station.rings('WR2')).toBeUndefined();
  const answered = station.answer(station.rings('WR1')?.callsid ?? '');
  expect(socket.sent.at(-1)).toEqual({ type: 'answer', payload: { callsid: 'CA1' } });
  socket.told('hears', { callsid: 'CA1' });
  expect(await answered).toBe(true);
  expect(station.state).toMatchObject({ hears: 'CA1', calls: [{ callsid: 'CA1', state: 'live' }] });
});

test('a call that was asked for is answered as soon as it rings, once', async () => {
  const { station, socket } = await opened();
  station.want('WR1');
  socket.told('ring', ring);
  expect(socket.sent.at(-1)).toEqual({ type: 'answer', payload: { callsid: 'CA1' } });
  socket.told('hangup', { callsid: 'CA1' });
  socket.told('ring', { ...ring, callsid: 'CA2' });
  expect(socket.sent.filter((one) => one.type === 'answer')).toHaveLength(1);
});

test('an answer to a call that rings no more fails, as does one that nothing comes of', async () => {
  const { station, socket } = await opened();
  socket.told('ring', ring);
  const gone = station.answer('CA1');
  socket.told('cancel', { callsid: 'CA1' });
  expect(await gone).toBe(false);
  const silent = station.answer('CA2');
  await vi.advanceTimersByTimeAsync(3000);
  expect(await silent).toBe(false);
});

test('a lost websocket is opened again on the same media session', async () => {
  const { station, socket } = await opened();
  socket.onclose?.();
  expect(station.state.line).toBe('lost');
  await vi.advanceTimersByTimeAsync(250);
  const second = Socket.all[1];
  second?.onopen?.();
  await settled();
  expect(Peer.all).toHaveLength(1);
  second?.told('station', { sdp: 'again', calls: [{ ...ring, state: 'live' }], hears: 'CA1' });
  await settled();
  expect(station.state).toMatchObject({ line: 'up', hears: 'CA1' });
});

test('a restart that is wanted during another description is made after it', async () => {
  const { socket } = await opened();
  const [peer] = Peer.all;
  if (!peer) throw new Error('no peer');
  peer.iceConnectionState = 'failed';
  peer.oniceconnectionstatechange?.();
  await settled();
  peer.oniceconnectionstatechange?.();
  await settled();
  const offers = () => socket.sent.filter((one) => one.type === 'station').map((one) => one.payload['sdp']);
  expect(offers()).toEqual(['offer', 'restart']);
  socket.told('station', { sdp: 'answer', calls: [], hears: null });
  await settled();
  expect(offers()).toEqual(['offer', 'restart', 'restart']);
});

test('a station that was taken over is quiet until it is moved back', async () => {
  const { station, socket } = await opened();
  socket.told('taken', {});
  expect(station.state.line).toBe('taken');
  expect(Peer.all[0]?.closed).toBe(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(Socket.all).toHaveLength(1);
  station.now();
  expect(Socket.all).toHaveLength(2);
});

test('a full server is tried again, a station that may not be is not', async () => {
  const { station, socket } = await opened();
  socket.told('error', { error: { code: 31480, message: 'Temporarily Unavailable' } });
  expect(station.state.line).toBe('lost');
  await vi.advanceTimersByTimeAsync(250);
  Socket.all[1]?.told('error', { error: { code: 31201, message: 'Authentication failed' } });
  await settled();
  expect(station.state).toMatchObject({ line: 'refused', why: 'Authentication failed' });
});

test('mute cuts the microphone, and keys go out as audio events', async () => {
  const { station, track } = await opened();
  station.mute(true);
  expect(track.enabled).toBe(false);
  const next = microphone();
  station.hearMicrophone(next);
  expect(next.enabled).toBe(false);
  station.press('1');
  expect(Peer.all[0]?.keys).toEqual(['1']);
});

test('a line is poor after five bad seconds, and not before', () => {
  const judge = lineQuality();
  const second = (n: number, lost: number) =>
    judge([['a', { type: 'inbound-rtp', packetsReceived: n * 50, packetsLost: lost }]]);
  expect(second(0, 0)).toEqual({ is: 'good' });
  for (let n = 1; n < 5; n += 1) expect(second(n, n * 10)).toEqual({ is: 'good' });
  expect(second(5, 50)).toEqual({ is: 'poor', cause: 'loss' });
  expect(second(6, 50)).toEqual({ is: 'good' });
});

test('servers for addresses go to the browser without members that are not there', () => {
  const told = [
    { urls: ['stun:t:3478'], username: null, credential: null },
    { urls: ['turn:t:3478'], username: '7:ana', credential: 'c' },
  ];
  expect(iceServers(told)).toEqual([{ urls: ['stun:t:3478'] }, { urls: ['turn:t:3478'], username: '7:ana', credential: 'c' }]);
});
