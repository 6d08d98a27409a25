import { expect, test } from 'vitest';
import { csv, rowsOf } from '../../core/csv';
import { COLUMNS, rowOf, wanted, type Agent } from './agents-csv';

const ana: Agent = { friendly_name: 'ana', attributes: JSON.stringify({ full_name: 'Ana Lind', directExtension: '1001', contact_uri: 'sip:ana@x', skills: ['billing', 'french'], levels: { billing: 4 }, team: 'north' }) };
const bo: Agent = { friendly_name: 'bo', attributes: JSON.stringify({ full_name: 'Bo "B" Marsh', skills: [] }) };

test('what was written is read again, and nothing is new in it', () => {
  const text = csv(COLUMNS, [ana, bo].map(rowOf));
  expect(rowsOf(text)[1]).toEqual(['ana', 'Ana Lind', '1001', 'sip:ana@x', 'billing:4 french']);
  expect(wanted(text, [ana, bo])).toMatchObject([{ name: 'ana', is: 'same' }, { name: 'bo', is: 'same' }]);
});

test('a file changes what it names, makes who is not there, and leaves the rest alone', () => {
  const plan = wanted('\ufeffWorker;skills\r\nana;billing:5\r\ncy;sales\r\n', [ana, bo]);
  if (!Array.isArray(plan)) throw new Error('refused');
  expect(plan.map((one) => [one.name, one.is])).toEqual([['ana', 'changed'], ['cy', 'new']]);
  expect(JSON.parse(plan[0]?.attributes ?? '')).toEqual({ full_name: 'Ana Lind', directExtension: '1001', contact_uri: 'sip:ana@x', skills: ['billing'], levels: { billing: 5 }, team: 'north' });
});

test('a file that cannot be understood says in which line', () => {
  expect(wanted('name\nana', [])).toEqual({ line: 1 });
  expect(wanted('worker,skills\nana,sales\n,sales', [])).toEqual({ line: 3 });
  expect(wanted('worker\nana\nana', [])).toEqual({ line: 3 });
  expect(wanted('worker,skills\nana,sales:high', [])).toEqual({ line: 2 });
});

test('quotes, commas and line breaks in a value survive', () => {
  expect(rowsOf('a,"b, ""c""\nd"\r\n\r\n"",e')).toEqual([['a', 'b, "c"\nd'], ['', 'e']]);
});
