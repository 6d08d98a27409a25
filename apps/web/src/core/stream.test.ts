import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { DeskMessage } from '../api/desk.gen';
import { call, snapshot } from './desk.test';
import { DeskStream } from './stream';

class FakeSocket {
  static all: FakeSocket[] = [];
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }
  close() {}
  says(message: DeskMessage) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

const last = () => FakeSocket.all.at(-1) as FakeSocket;
let stream: DeskStream;

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
  stream = new DeskStream((url) => new FakeSocket(url) as unknown as WebSocket);
  stream.start();
  last().says(snapshot([]));
});
afterEach(() => {
  stream.stop();
  vi.useRealTimers();
});

const event = (seq: number): DeskMessage => ({ type: 'event', seq, at: '2026-01-01T10:00:01Z', event: { kind: 'call', call: call(`r${seq}`, 'ringing') } });

test('events in order are taken', () => {
  last().says(event(2));
  last().says(event(3));
  expect(stream.state.desk?.calls).toHaveLength(2);
  expect(stream.state.desk?.seq).toBe(3);
});

test('a gap asks for a new snapshot', () => {
  last().says(event(4));
  expect(FakeSocket.all).toHaveLength(2);
  expect(last().url).not.toContain('since');
  expect(stream.state.desk?.seq).toBe(1);
});

test('a lost connection comes back with what it has, and says so meanwhile', () => {
  last().says(event(2));
  last().onclose?.({ code: 1006 });
  expect(stream.state.link.is).toBe('lost');
  expect(stream.state.desk?.calls).toHaveLength(1);
  vi.advanceTimersByTime(300);
  expect(last().url).toContain('since=e.2');
  last().says({ type: 'resumed', seq: 2, at: '2026-01-01T10:00:09Z' });
  expect(stream.state.link.is).toBe('live');
});

test('silence counts as a lost connection', () => {
  vi.advanceTimersByTime(14_000);
  expect(FakeSocket.all.length).toBeGreaterThan(1);
});

test('a session that is over is not tried again', () => {
  last().onclose?.({ code: 4401 });
  expect(stream.state.link.is).toBe('signed-out');
  vi.advanceTimersByTime(10_000);
  expect(FakeSocket.all).toHaveLength(1);
});
