import { expect, test } from 'vitest';
import { csv } from './csv';
import { changes, compared } from './lines';

test('a comparison keeps what is common and says what went and what came', () => {
  const told = (before: string, after: string) => compared(before, after).map((one) => `${{ same: ' ', gone: '-', new: '+' }[one.is]}${one.text}`);
  expect(told('a\nb\nc', 'a\nb\nc')).toEqual([' a', ' b', ' c']);
  expect(told('a\nb\nc\nd', 'a\nx\nc\ny\nd')).toEqual([' a', '-b', '+x', ' c', '+y', ' d']);
  expect(told('a\na', 'a')).toEqual([' a', '-a']);
  expect(told('', 'b')).toEqual(['-', '+b']);
});

test('only changes are shown, with what is around them', () => {
  const before = Array.from({ length: 20 }, (_, i) => `line ${i}`);
  const after = before.with(3, 'other').with(15, 'another');
  const shown = changes(compared(before.join('\n'), after.join('\n')), 1);
  expect(shown.map((one) => one?.text ?? '…')).toEqual(['line 2', 'line 3', 'other', 'line 4', '…', 'line 14', 'line 15', 'another', 'line 16', '…']);
  expect(changes(compared('a', 'a'))).toEqual([]);
});

test('a table as CSV quotes what needs it, and nothing in it is a formula', () => {
  expect(csv(['name', 'count'], [['Sales, "EU"', 3], ['two\nlines', null]])).toBe('name,count\r\n"Sales, ""EU""",3\r\n"two\nlines",\r\n');
  expect(csv(['who'], [['=HYPERLINK("x")'], ['@cmd'], ['+15550200001'], [-4]])).toBe('who\r\n"\'=HYPERLINK(""x"")"\r\n\'@cmd\r\n+15550200001\r\n-4\r\n');
});
