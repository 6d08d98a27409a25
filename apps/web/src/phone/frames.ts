/** A call as its station is told of it. */
export type StationCall = {
  callsid: string;
  state: 'ringing' | 'calling' | 'live';
  from: string;
  to: string;
  task_sid: string | null;
  reservation_sid: string | null;
};

type Of<Type extends string, Payload> = { type: Type; payload: Payload };

/** What the server says to a station. */
export type Frame =
  | Of<'station', { sdp: string; calls: StationCall[]; hears: string | null }>
  | Of<'ring' | 'dialing', StationCall>
  | Of<'answer' | 'cancel' | 'hangup', { callsid: string }>
  | Of<'hears', { callsid: string | null }>
  | Of<'audio', { up: boolean }>
  | Of<'taken', object>
  | Of<'error', { error: { code: number; message: string } }>;

const KNOWN = new Set<string>(['station', 'ring', 'dialing', 'answer', 'cancel', 'hangup', 'hears', 'audio', 'taken', 'error']);

/** A frame out of a message; null for those that say nothing to us. */
export function frame(data: string): Frame | null {
  const told = JSON.parse(data) as Frame;
  return KNOWN.has(told.type) ? told : null;
}
