import { rowsOf } from '../../core/csv';
import { readWorker, writeWorker, type Profile } from './profile';

/** Columns of a file of agents; the first is how they are found again. */
export const COLUMNS = ['worker', 'full_name', 'extension', 'contact', 'skills'] as const;
type Column = (typeof COLUMNS)[number];
/** Agents in one file. */
export const AGENTS_MAX = 2000;

export type Agent = { friendly_name: string; attributes: string };

const skillsOf = (profile: Profile) => profile.skills.map((one) => (one.level ? `${one.name}:${one.level}` : one.name)).join(' ');

/** One agent as a row: skills with their levels, `billing:4 french`. */
export function rowOf({ friendly_name, attributes }: Agent): string[] {
  const profile = readWorker(attributes);
  return [friendly_name, profile.full_name, profile.directExtension, profile.contact_uri, skillsOf(profile)];
}

/** What is to be done about one row: the attributes that are to be, and whether that is anything new. */
export type Wanted = { name: string; attributes: string; is: 'new' | 'changed' | 'same' };

/** What a file says, beside the agents that are there. Columns that it lacks, and attributes it does not know, stay as they are. */
export function wanted(text: string, agents: readonly Agent[]): Wanted[] | { line: number } {
  const [head = [], ...rows] = rowsOf(text);
  const at = (column: Column) => head.findIndex((name) => name.trim().toLowerCase() === column);
  if (at('worker') < 0 || rows.length > AGENTS_MAX) return { line: 1 };
  const found: Wanted[] = [];
  for (const [i, row] of rows.entries()) {
    const value = (column: Column) => (at(column) < 0 ? undefined : (row[at(column)] ?? '').trim());
    const name = value('worker') ?? '';
    if (!name || found.some((one) => one.name === name)) return { line: i + 2 };
    const before = agents.find((one) => one.friendly_name === name);
    const profile = readWorker(before?.attributes ?? '{}');
    const skills = value('skills')?.split(/\s+/).filter(Boolean).map((one) => {
      const [skill = '', level = ''] = one.split(':');
      return { name: skill, level };
    });
    if (skills?.some((one) => !one.name || !/^\d*$/.test(one.level))) return { line: i + 2 };
    const attributes = writeWorker({
      ...profile, full_name: value('full_name') ?? profile.full_name, directExtension: value('extension') ?? profile.directExtension,
      contact_uri: value('contact') ?? profile.contact_uri, skills: skills ?? profile.skills,
    });
    if (typeof attributes !== 'string') return { line: i + 2 };
    const same = before !== undefined && writeWorker(readWorker(before.attributes)) === attributes;
    found.push({ name, attributes, is: before ? (same ? 'same' : 'changed') : 'new' });
  }
  return found;
}
