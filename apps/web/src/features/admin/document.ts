/** A workflow document as a form edits it: a change copies what it touches, and keeps every key that it does not know. */
export type Target = {
  queue?: string; expression?: string; timeout?: number | string; priority?: number | string; order_by?: string; skip_if?: string;
} & Record<string, unknown>;
export type Filter = { filter_friendly_name?: string; friendly_name?: string; expression?: string; targets?: Target[] } & Record<string, unknown>;
export type Routing = { filters?: Filter[]; default_filter?: Target } & Record<string, unknown>;
export type Document = { task_routing: Routing } & Record<string, unknown>;

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The document of a text that a form can show; else what is wrong with it. */
export function readDocument(text: string): Document | { wrong: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) };
  }
  if (!isObject(value) || !isObject(value['task_routing'])) return { wrong: 'task_routing' };
  const { filters } = value['task_routing'];
  const listed = filters === undefined || filters === null || (Array.isArray(filters) && filters.every(isObject));
  if (!listed) return { wrong: 'task_routing.filters' };
  return value as Document;
}

export const writeDocument = (document: Document) => JSON.stringify(document, null, 2);
export const filtersOf = (document: Document): Filter[] => document.task_routing.filters ?? [];
export const nameOf = (filter: Filter) => filter.filter_friendly_name ?? filter.friendly_name ?? '';

const withRouting = (document: Document, routing: Routing): Document => ({ ...document, task_routing: routing });
export const withFilters = (document: Document, filters: Filter[]) => withRouting(document, { ...document.task_routing, filters });
export const withDefault = (document: Document, queue: string): Document => {
  const { default_filter: before, ...rest } = document.task_routing;
  return withRouting(document, queue ? { ...rest, default_filter: { ...before, queue } } : rest);
};

export const replaced = <T,>(list: readonly T[], at: number, by: T): T[] => list.map((one, i) => (i === at ? by : one));
export const without = <T,>(list: readonly T[], at: number): T[] => list.filter((_, i) => i !== at);
/** The entry at `at` goes `by` places down. */
export function moved<T>(list: readonly T[], at: number, by: number): T[] {
  const [one, to] = [list[at], at + by];
  if (one === undefined || to < 0 || to >= list.length) return [...list];
  return without(list, at).toSpliced(to, 0, one);
}

/** Sets a member, or leaves it out when it is empty; whole numbers stay numbers. */
export function withMember<T extends Record<string, unknown>>(of: T, key: string, text: string, isNumber = false): T {
  const next: Record<string, unknown> = { ...of };
  if (text.trim() === '') delete next[key];
  else next[key] = isNumber && /^\d+$/.test(text.trim()) ? Number(text) : text;
  return next as T;
}
