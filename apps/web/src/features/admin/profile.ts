/** A worker's attributes as a form has them. What the form does not know is kept as it was, in `rest`. */
export type Profile = {
  full_name: string;
  directExtension: string;
  contact_uri: string;
  skills: { name: string; level: string }[];
  /** Every other attribute, as JSON text. */
  rest: string;
};

type Attributes = Record<string, unknown>;
const isObject = (value: unknown): value is Attributes => typeof value === 'object' && value !== null && !Array.isArray(value);
const TEXTS = ['full_name', 'directExtension', 'contact_uri'] as const;

function parse(text: string): Attributes | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** Where skills are kept: below `routing` for whoever has that (as Flex does), else at the top. */
const place = (all: Attributes): Attributes => (isObject(all['routing']) ? all['routing'] : all);

export function readWorker(text: string): Profile {
  const all = parse(text) ?? {};
  const here = place(all);
  const levels = isObject(here['levels']) ? here['levels'] : {};
  const names = Array.isArray(here['skills']) ? here['skills'].filter((one): one is string => typeof one === 'string') : [];
  const known = (name: (typeof TEXTS)[number]) => {
    const value = all[name];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  };
  const rest = structuredClone(all);
  for (const name of TEXTS) delete rest[name];
  delete place(rest)['skills'];
  delete place(rest)['levels'];
  const level = (name: string) => (typeof levels[name] === 'number' ? String(levels[name]) : '');
  return {
    full_name: known('full_name'), directExtension: known('directExtension'), contact_uri: known('contact_uri'),
    skills: names.map((name) => ({ name, level: level(name) })),
    rest: JSON.stringify(rest, null, 2),
  };
}

/** The attributes as text, or what is wrong with the rest. */
export function writeWorker(profile: Profile): string | { wrong: string } {
  const all = parse(profile.rest);
  if (!all) return { wrong: 'JSON: { … }' };
  for (const name of TEXTS) if (profile[name].trim()) all[name] = profile[name].trim();
  const here = place(all);
  here['skills'] = profile.skills.map((one) => one.name);
  const levels = profile.skills.filter((one) => one.level.trim() !== '').map((one) => [one.name, Number(one.level)]);
  if (levels.length > 0) here['levels'] = Object.fromEntries(levels);
  return JSON.stringify(all);
}
