import { expect, test } from 'vitest';
import { readWorker, writeWorker } from './profile';

test('what a form does not know of a worker stays as it was', () => {
  const text = '{"full_name":"Ana Lind","directExtension":1001,"team":{"id":7},"skills":["sales","de"],"levels":{"de":3}}';
  const profile = readWorker(text);
  expect(profile).toMatchObject({ full_name: 'Ana Lind', directExtension: '1001', skills: [{ name: 'sales', level: '' }, { name: 'de', level: '3' }] });
  expect(JSON.parse(profile.rest)).toEqual({ team: { id: 7 } });
  const written = writeWorker({ ...profile, skills: [...profile.skills, { name: 'fr', level: '40' }] });
  expect(JSON.parse(written as string)).toEqual({
    team: { id: 7 }, full_name: 'Ana Lind', directExtension: '1001', skills: ['sales', 'de', 'fr'], levels: { de: 3, fr: 40 },
  });
});

test("skills are written where Flex's are, for whoever has them there", () => {
  const profile = readWorker('{"routing":{"skills":["a"],"levels":{"a":5},"x":1}}');
  expect(profile.skills).toEqual([{ name: 'a', level: '5' }]);
  expect(JSON.parse(writeWorker(profile) as string)).toEqual({ routing: { x: 1, skills: ['a'], levels: { a: 5 } } });
  expect(writeWorker({ ...profile, rest: '[1]' })).toHaveProperty('wrong');
});
