import { expect, test } from 'vitest';
import { numberIn } from '../features/layers';
import { de } from '../i18n/de';
import { en } from '../i18n/en';
import { fill, type Key } from '../i18n';
import { pressed, written } from './keys';
import { duration } from './time';

test('a number is found in what was pasted, and nothing else is one', () => {
  for (const text of ['+15550200100', '+1 (555) 020-0100', '001 555 020 0100']) expect(numberIn(text)).toBe('+15550200100');
  for (const text of ['', 'bo', '1001', '+12']) expect(numberIn(text)).toBeNull();
});

test('a duration is read as a clock', () => {
  expect([0, 65_000, 3_605_000, -1].map(duration)).toEqual(['0:00', '1:05', '1:00:05', '0:00']);
});

test('shortcuts match by physical key with exactly their modifiers', () => {
  const press = (code: string, more: KeyboardEventInit = {}) => new KeyboardEvent('keydown', { code, ctrlKey: true, shiftKey: true, ...more });
  expect(pressed(press('KeyA', { key: 'q' }), 'Mod+Shift+KeyA')).toBe(true);
  expect(pressed(press('KeyA', { shiftKey: false }), 'Mod+Shift+KeyA')).toBe(false);
  expect(pressed(press('KeyA', { altKey: true }), 'Mod+Shift+KeyA')).toBe(false);
  expect(written('Mod+Shift+KeyA')).toBe('Ctrl+Shift+A');
});

test('every language fills the same names in', () => {
  const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort();
  for (const key of Object.keys(en) as Key[]) expect(names(de[key]), key).toEqual(names(en[key]));
  expect(fill('{a} and {b}', { a: 'x', b: 2 })).toBe('x and 2');
  expect([0, 1, 2].map((n) => fill('{n} {n|call|calls}', { n }))).toEqual(['0 calls', '1 call', '2 calls']);
});
