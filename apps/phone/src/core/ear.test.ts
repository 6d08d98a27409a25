import { expect, test } from 'vitest';
import { Judge, look } from './ear';

const STEP = 48_000 / 4096;

/** A spectrum of these tones, as an analyser with its window draws it, above a floor of noise. */
function spectrum(tones: number[], floor = -95): Float32Array {
  const bins = new Float32Array(2048).fill(floor);
  for (const hz of tones) {
    const at = hz / STEP;
    for (let i = Math.floor(at) - 2; i <= Math.floor(at) + 3; i += 1) bins[i] = Math.max(bins[i] ?? floor, -20 - 6 * (i - at) ** 2);
  }
  return bins;
}

test('tones are told in Hz, alone and together, and noise is none', () => {
  for (const tones of [[440], [800], [440, 620], [440, 800, 1600]]) {
    const seen = look(spectrum(tones), STEP);
    expect(seen).toHaveLength(tones.length);
    (seen as number[]).forEach((hz, i) => expect(Math.abs(hz - (tones[i] ?? 0))).toBeLessThan(8));
  }
  expect(look(new Float32Array(2048).fill(-30), STEP)).toBe('rich');
  expect(look(spectrum([]), STEP)).toBe('silence');
  expect(look(new Float32Array(2048).fill(-Infinity), STEP)).toBe('silence');
});

test('a tone that stays is a tone, one that moves is music, one with pauses is speech', () => {
  const judge = new Judge();
  for (let i = 0; i < 15; i += 1) judge.take([440]);
  expect(judge.take([441])).toEqual({ is: 'tones', hz: [441] });
  const song = new Judge();
  for (let i = 0; i < 60; i += 1) song.take([440 + 100 * Math.floor(i / 5)]);
  expect(song.take('rich')).toEqual({ is: 'music' });
  const speaker = new Judge();
  for (let i = 0; i < 60; i += 1) speaker.take(i % 10 < 3 ? 'silence' : 'rich');
  expect(speaker.take('rich')).toEqual({ is: 'speech' });
  for (let i = 0; i < 20; i += 1) speaker.take('silence');
  expect(speaker.take('silence')).toEqual({ is: 'silence' });
});
