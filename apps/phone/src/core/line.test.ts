import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Line, type Manner } from './line';

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
  last() {
    return this.sent.at(-1);
  }
}

class Peer {
  localDescription: { sdp: string } | null = null;
  signalingState = 'stable';
  remote: string[] = [];
  servers: RTCIceServer[] = [];
  ontrack: unknown = null;
  closed = false;
  addTransceiver() {}
  addTrack() {}
  getSenders() {
    return [{ dtmf: null }];
  }
  async createOffer() {
    return { type: 'offer', sdp: 'ours' };
  }
  async createAnswer() {
    return { type: 'answer', sdp: 'ours' };
  }
  async setLocalDescription(description: { type: string; sdp: string }) {
    this.localDescription = description;
    this.signalingState = description.type === 'offer' ? 'have-local-offer' : 'stable';
  }
  async setRemoteDescription({ sdp }: { sdp: string }) {
    this.remote.push(sdp);
    this.signalingState = 'stable';
  }
  close() {
    this.closed = true;
  }
}

const settled = () => vi.advanceTimersByTimeAsync(0);

async function ready(manner: Manner = 'hand') {
  const track = { enabled: true } as MediaStreamTrack;
  const peers: Peer[] = [];
  const line = new Line('ws://x/signal', {
    token: async () => ({
      number: '+15550200001', token: 't', expires: new Date(Date.now() + 3_600_000).toISOString(), ice_servers: [{ urls: ['turn:t:3478'] }],
    }),
    socket: () => new Socket() as unknown as WebSocket,
    peer: (servers) => {
      const peer = new Peer();
      peer.servers = servers;
      peers.push(peer);
      return peer as unknown as RTCPeerConnection;
    },
    voice: () => track,
    hear: () => undefined,
  });
  line.behave(manner);
  line.open();
  const [socket] = Socket.all;
  if (!socket) throw new Error('no socket');
  socket.onopen?.();
  await settled();
  socket.told('connected', {});
  socket.told('ready', {});
  return { line, socket, track, peers };
}

beforeEach(() => {
  vi.useFakeTimers();
  Socket.all = [];
});
afterEach(() => vi.useRealTimers());

test('a customer calls, hears the server answer, presses keys and hangs up', async () => {
  const { line, socket, peers } = await ready();
  expect(socket.sent.map((one) => one.type)).toEqual(['listen', 'register']);
  await line.call('+15550100001');
  expect(socket.last()).toEqual({ type: 'invite', payload: { callsid: 'customer-1', sdp: 'ours', twilio: { params: 'To=%2B15550100001' } } });
  socket.told('ringing', { callsid: 'CA1' });
  expect(line.state.call).toMatchObject({ id: 'CA1', state: 'ringing' });
  socket.told('answer', { callsid: 'CA1', sdp: 'theirs' });
  await settled();
  expect(peers[0]?.remote).toEqual(['theirs']);
  line.press('42#');
  expect(socket.last()).toEqual({ type: 'dtmf', payload: { callsid: 'CA1', dtmf: '42#' } });
  line.hangUp();
  expect(socket.last()).toEqual({ type: 'hangup', payload: { callsid: 'CA1' } });
  expect(line.state).toMatchObject({ call: null, ended: 'we', pressed: '42#' });
  expect(peers[0]?.closed).toBe(true);
});

test('a call may use the servers that came with the token, and shows the keys that the far end pressed in it', async () => {
  const { line, socket, peers } = await ready();
  await line.call('+15550100001');
  expect(peers[0]?.servers).toEqual([{ urls: ['turn:t:3478'] }]);
  socket.told('answer', { callsid: 'CA1', sdp: 'theirs' });
  await settled();
  socket.told('dtmf', { callsid: 'CA9', dtmf: '7' });
  for (const dtmf of ['4', '2']) socket.told('dtmf', { callsid: 'CA1', dtmf });
  expect(line.state.keys).toBe('42');
  line.hangUp();
  await line.call('+15550100001');
  expect(line.state.keys).toBe('');
});

test('early media and the answer are one description', async () => {
  const { line, socket, peers } = await ready();
  await line.call('+15550100001');
  socket.told('ringing', { callsid: 'CA1', sdp: 'theirs' });
  socket.told('answer', { callsid: 'CA1', sdp: 'theirs' });
  await settled();
  expect(peers[0]?.remote).toEqual(['theirs']);
  expect(line.state.call?.state).toBe('live');
});

test('who is called rings, answers, and hears of a hang-up', async () => {
  const { line, socket } = await ready();
  socket.told('invite', { callsid: 'CA2', sdp: 'theirs', parameters: { From: '+15550100001' } });
  expect(line.state.call).toMatchObject({ way: 'in', state: 'ringing', other: '+15550100001' });
  await line.answer();
  expect(socket.last()).toEqual({ type: 'answer', payload: { callsid: 'CA2', sdp: 'ours' } });
  socket.told('invite', { callsid: 'CA3', sdp: 'theirs' });
  expect(socket.last()).toEqual({ type: 'reject', payload: { callsid: 'CA3', reason: 'busy' } });
  socket.told('hangup', { callsid: 'CA3' });
  expect(line.state.call?.id).toBe('CA2');
  socket.told('hangup', { callsid: 'CA2' });
  expect(line.state).toMatchObject({ call: null, ended: 'they' });
});

test.each([
  ['busy', { type: 'reject', payload: { callsid: 'CA2', reason: 'busy' } }],
  ['decline', { type: 'reject', payload: { callsid: 'CA2' } }],
] as const)('who is to %s does', async (manner, said) => {
  const { line, socket } = await ready(manner);
  socket.told('invite', { callsid: 'CA2', sdp: 'theirs' });
  expect(socket.last()).toEqual(said);
  expect(line.state.call).toBeNull();
});

test('who is slow answers after five seconds, and not if the caller has given up', async () => {
  const { line, socket } = await ready('slow');
  socket.told('invite', { callsid: 'CA2', sdp: 'theirs' });
  await vi.advanceTimersByTimeAsync(4900);
  expect(line.state.call?.state).toBe('ringing');
  socket.told('cancel', { callsid: 'CA2' });
  await vi.advanceTimersByTimeAsync(1000);
  expect(line.state).toMatchObject({ call: null, ended: 'missed' });
  socket.told('invite', { callsid: 'CA3', sdp: 'theirs' });
  await vi.advanceTimersByTimeAsync(5000);
  expect(socket.last()).toMatchObject({ type: 'answer', payload: { callsid: 'CA3' } });
});

test('a dropped network says no goodbye: the packets go first, then the websocket', async () => {
  const { line, socket } = await ready();
  await line.call('+15550100001');
  socket.told('answer', { callsid: 'CA1', sdp: 'theirs' });
  await settled();
  await line.cut();
  expect(socket.sent.slice(-2)).toEqual([
    { type: 'network', payload: { callsid: 'CA1', loss: 100 } },
    { type: 'listen', payload: { token: 't', reconnectTimeout: 30 } },
  ]);
  expect(socket.readyState).toBe(WebSocket.OPEN);
  socket.told('connected', {});
  expect(socket.readyState).toBe(WebSocket.CLOSED);
  expect(line.state).toMatchObject({ link: 'cut', call: null, ended: 'cut' });
  expect(socket.sent.some((one) => one.type === 'hangup')).toBe(false);
});

test('a bad network stays bad in the next call, and a mute cuts the voice', async () => {
  const { line, socket, track } = await ready();
  line.lose(5);
  await line.call('+15550100001');
  expect(socket.last()).toEqual({ type: 'network', payload: { callsid: 'customer-1', loss: 5 } });
  line.mute(true);
  expect([track.enabled, line.state.muted]).toEqual([false, true]);
});

test('a refused call says why', async () => {
  const { line, socket } = await ready();
  await line.call('+15559999999');
  socket.told('hangup', { callsid: 'customer-1', error: { code: 31404, message: 'Not Found' } });
  expect(line.state).toMatchObject({ call: null, ended: 'failed', why: 'Not Found' });
});
