import { expect, test } from 'vitest';
import { wished } from '../core/people';
import { de } from './de';
import { en } from './en';
import type { Key } from './index';

test('every language fills the same names in', () => {
  const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort();
  for (const key of Object.keys(en) as Key[]) expect(names(de[key]), key).toEqual(names(en[key]));
});

test('the address of the page drives the first phone', () => {
  expect(wished('')).toBeNull();
  expect(wished('?from=15550200002&to=15550100001&voice=tone:440&auto=call')).toEqual({
    persona: { name: 'Omar Said', number: '+15550200002', tone: 440 }, to: '+15550100001', voice: 'tone', calls: true,
  });
  expect(wished('?voice=microphone')).toMatchObject({ persona: { name: 'Maria Lopez' }, voice: 'microphone', calls: false });
});
