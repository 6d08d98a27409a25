/** What a customer hears. */
export type Heard = { is: 'silence' } | { is: 'tones'; hz: number[] } | { is: 'speech' } | { is: 'music' };
/** One look at a spectrum: nothing, a few pure tones in Hz, or something richer. */
export type Look = 'silence' | 'rich' | readonly number[];

/** Looks are so far apart, in milliseconds. */
export const LOOK_MS = 50;
/** Softer than this is silence, in dB of full scale. */
const SILENT_DB = -65;
/** A voice that is so much softer than another is none, in dB. */
const SOFTER_DB = 12;
/** Tones at once: everybody in a small conference. */
const TONES_MAX = 4;
/** A peak is so many bins wide on either side. */
const WIDE = 4;
/** So much of the power in a few peaks is tones. */
const PURE = 0.85;
/** A tone lasts so many looks; music's notes do not. */
const STEADY = 16;
/** Silence of so many looks is more than a pause between words. */
const PAUSE = 20;
/** Looks that are remembered: three seconds. */
const KEPT = 60;
/** With so much of the time silent it is speech. */
const PAUSES = 0.08;

/** A spectrum in dB, whose bins are `step` Hz wide, as one look. */
export function look(bins: Float32Array, step: number): Look {
  const power = Float64Array.from(bins, (db) => 10 ** (db / 10));
  const total = power.reduce((sum, one) => sum + one, 0);
  const loudest = bins.reduce((most, one) => Math.max(most, one), -Infinity);
  if (loudest < SILENT_DB) return 'silence';
  const tones: number[] = [];
  let pure = 0;
  while (tones.length < TONES_MAX) {
    let at = 0;
    for (let i = 1; i < power.length; i += 1) if ((power[i] ?? 0) > (power[at] ?? 0)) at = i;
    if (10 * Math.log10(power[at] ?? 0) < loudest - SOFTER_DB) break;
    let [sum, weighed] = [0, 0];
    for (let i = Math.max(0, at - WIDE); i <= Math.min(power.length - 1, at + WIDE); i += 1) {
      sum += power[i] ?? 0;
      weighed += (power[i] ?? 0) * i;
      power[i] = 0;
    }
    pure += sum;
    tones.push(Math.round((weighed / sum) * step));
  }
  return pure / total > PURE ? tones.sort((a, b) => a - b) : 'rich';
}

const same = (a: Look | undefined, b: Look | undefined) =>
  Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((hz, i) => Math.abs(hz - Number(b[i])) < 20);

/** Makes words of one look after the other. */
export class Judge {
  private looks: Look[] = [];

  take(seen: Look): Heard {
    this.looks = [...this.looks, seen].slice(-KEPT);
    return this.words();
  }

  private words(): Heard {
    const { looks } = this;
    const last = looks.at(-1);
    if (looks.slice(-PAUSE).every((one) => one === 'silence')) return { is: 'silence' };
    if (last && typeof last !== 'string' && looks.length >= STEADY && looks.slice(-STEADY).every((one) => same(one, last))) {
      return { is: 'tones', hz: [...last] };
    }
    const silent = looks.filter((one) => one === 'silence').length;
    return { is: silent / looks.length > PAUSES ? 'speech' : 'music' };
  }
}
