import { expect, test } from 'vitest';
import { filtersOf, moved, nameOf, readDocument, replaced, withDefault, withFilters, withMember, writeDocument, type Document } from './document';

const TEXT = JSON.stringify({
  version: 3,
  task_routing: {
    note: 'kept',
    filters: [
      { filter_friendly_name: 'VIP', expression: 'vip == true', colour: 'red', targets: [{ queue: 'WQ1', timeout: 30, tandem: { direct: true } }] },
      { friendly_name: 'Rest', expression: '1==1', targets: [{ queue: 'WQ2' }] },
    ],
  },
});

test('what a form changes leaves every key it does not know', () => {
  const document = readDocument(TEXT) as Document;
  const [vip, rest] = filtersOf(document);
  expect([vip && nameOf(vip), rest && nameOf(rest)]).toEqual(['VIP', 'Rest']);
  const targets = vip?.targets ?? [];
  const target = withMember(withMember(targets[0] ?? {}, 'timeout', '45', true), 'skip_if', '');
  const changed = withFilters(document, replaced(filtersOf(document), 0, { ...vip, targets: replaced(targets, 0, target) }));
  const written = JSON.parse(writeDocument(withDefault(changed, 'WQ9')));
  expect(written.version).toBe(3);
  expect(written.task_routing.note).toBe('kept');
  expect(written.task_routing.filters[0]).toEqual({
    filter_friendly_name: 'VIP', expression: 'vip == true', colour: 'red', targets: [{ queue: 'WQ1', timeout: 45, tandem: { direct: true } }],
  });
  expect(written.task_routing.default_filter).toEqual({ queue: 'WQ9' });
  expect(JSON.parse(writeDocument(withDefault(readDocument(TEXT) as Document, ''))).task_routing).not.toHaveProperty('default_filter');
});

test('filters change places, and stay within the list', () => {
  expect(moved(['a', 'b', 'c'], 0, 1)).toEqual(['b', 'a', 'c']);
  expect(moved(['a', 'b', 'c'], 2, -1)).toEqual(['a', 'c', 'b']);
  expect(moved(['a', 'b'], 0, -1)).toEqual(['a', 'b']);
});

test('a text that is no document says so', () => {
  for (const text of ['{', '[]', '{}', '{"task_routing":{"filters":{}}}', '{"task_routing":{"filters":[1]}}']) {
    expect(readDocument(text)).toHaveProperty('wrong');
  }
});
