import { expect, test } from 'vitest';
import { budget, firstLoad } from '../../../common/budget';

const noise = (bytes: number) => Array.from({ length: bytes }, (_, i) => String.fromCharCode(33 + ((i * i * 7 + i * 31) % 90))).join('');
const chunk = (code: string, more: object = {}) => ({ type: 'chunk' as const, code, isEntry: false, imports: [] as string[], ...more });

const output = {
  'index.js': chunk(noise(20_000), { isEntry: true, imports: ['kit.js'], viteMetadata: { importedCss: new Set(['index.css']) } }),
  'kit.js': chunk(noise(30_000), { imports: ['index.js'] }),
  'charts.js': chunk(noise(900_000)),
  'index.css': { type: 'asset' as const, source: noise(5_000) },
};

test('the first load is the entry with what it imports and their styles, not what is loaded when it is opened', () => {
  const { 'charts.js': _, ...without } = output;
  expect(firstLoad(output)).toBe(firstLoad(without));
  expect(firstLoad(output)).toBeGreaterThan(firstLoad({ 'index.js': { ...output['index.js'], imports: [] } }));
});

test('a build beyond its budget fails, and so does one in which nothing was found', () => {
  const write = (most: number, of: object) => budget(most).writeBundle(null, of);
  const kilobytes = firstLoad(output) / 1000;
  write(kilobytes + 1, output);
  expect(() => write(kilobytes - 0.1, output)).toThrow('may be up to');
  expect(() => write(250, {})).toThrow('0.0 kB');
});
