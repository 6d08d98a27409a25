import { chosen } from '../phone/devices';

let context: AudioContext | undefined;

/** Lets the page make sounds; must be called by a click or a key. */
export function unlock() {
  context ??= new AudioContext();
  void context.resume();
  void useRinger(chosen().ringer);
}

/** Rings come out there from now on; a browser that cannot choose plays them on its own. */
export async function useRinger(id: string) {
  const ringer = context as (AudioContext & { sinkId?: string; setSinkId?: (id: string) => Promise<void> }) | undefined;
  // One that is there already is not opened again.
  if (ringer?.setSinkId && (ringer.sinkId ?? '') !== id) await ringer.setSinkId(id).catch(() => undefined);
}

function beep(hz: number, from: number, seconds: number, gain: number) {
  if (!context || context.state !== 'running') return;
  const start = context.currentTime + from;
  const tone = context.createOscillator();
  const level = context.createGain();
  tone.frequency.value = hz;
  level.gain.setValueAtTime(0, start);
  level.gain.linearRampToValueAtTime(gain, start + 0.02);
  level.gain.setValueAtTime(gain, start + seconds - 0.03);
  level.gain.linearRampToValueAtTime(0, start + seconds);
  tone.connect(level).connect(context.destination);
  tone.start(start);
  tone.stop(start + seconds);
}

/** One ring for somebody who is free. */
export function ring() {
  for (const at of [0, 0.22]) {
    beep(587, at, 0.18, 0.12);
    beep(880, at, 0.18, 0.08);
  }
}

/** For somebody in a call: a soft double beep. */
export function knock() {
  beep(660, 0, 0.08, 0.03);
  beep(660, 0.16, 0.08, 0.03);
}

/** Something went. */
export function tick() {
  beep(440, 0, 0.05, 0.03);
}

const ROWS = [697, 770, 852, 941];
const COLUMNS = [1209, 1336, 1477];

/** A key of the telephone, for whoever presses it. */
export function keyTone(key: string) {
  const at = '123456789*0#'.indexOf(key);
  const [row, column] = [ROWS[Math.floor(at / 3)], COLUMNS[at % 3]];
  if (row && column) for (const hz of [row, column]) beep(hz, 0, 0.12, 0.04);
}
