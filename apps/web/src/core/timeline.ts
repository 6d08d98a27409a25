/** An entry of a call's timeline, as the server tells it. */
export type Entry = { call_sid: string; at: string; kind: string; text: string; data: Record<string, unknown> | null };

export type Doing = 'flow' | 'queue' | 'ring' | 'talk' | 'hold' | 'parked';
/** A stretch of time in which somebody did one thing. */
export type Bar = { doing: Doing; from: number; to: number };
/** Somebody, and what they did; the customer is first and has no name here. */
export type Lane = { who: string | null; bars: Bar[] };
export type Story = { from: number; to: number; lanes: Lane[] };

/** What an entry says of the customer from then on, and of an agent. */
type Said = { customer?: Doing | 'gone'; agent?: string; does?: Doing | 'gone' };

function said({ kind, text }: Entry): Said {
  const name = (before: string) => text.slice(before.length).trim();
  if (kind === 'reservation') {
    if (text.startsWith('rings a supervisor')) return {};
    if (text.startsWith('rings ')) return { agent: name('rings '), does: 'ring' };
    if (text.startsWith('connected with ')) return { customer: 'talk', agent: name('connected with '), does: 'talk' };
    if (text.startsWith('picked up by ')) return { customer: 'talk', agent: name('picked up by '), does: 'talk' };
    if (text.startsWith('declined by ')) return { agent: name('declined by '), does: 'gone' };
    if (text.startsWith('the conversation is over')) return { customer: 'gone' };
  }
  if (kind === 'park') {
    if (text.startsWith('parked by ')) return { customer: 'parked', agent: name('parked by '), does: 'gone' };
    if (text.startsWith('ended')) return { customer: 'gone' };
  }
  if (kind === 'queue' && (text.startsWith('waits in ') || text === 'task created' || text === 'waits again')) return { customer: 'queue' };
  if (kind === 'hold') return { customer: text.startsWith('on hold') ? 'hold' : 'talk' };
  if (kind === 'sip' && text === 'ended') return { customer: 'gone' };
  return {};
}

/** The lanes of a story that goes on until `now`, or until the call was over. */
export function lanes(entries: readonly Entry[], now: number): Story | null {
  const [first] = entries;
  if (!first) return null;
  const from = Date.parse(first.at);
  const customer: Lane = { who: null, bars: [{ doing: 'flow', from, to: now }] };
  const agents = new Map<string, Lane>();
  let over = false;
  const does = (lane: Lane, at: number, what: Doing | 'gone') => {
    const last = lane.bars.at(-1);
    if (last && last.to > at) {
      if (last.doing === what) return;
      last.to = at;
    }
    if (what !== 'gone') lane.bars.push({ doing: what, from: at, to: now });
  };
  for (const entry of entries) {
    const at = Date.parse(entry.at);
    const { customer: theirs, agent, does: what } = said(entry);
    if (theirs && !over) does(customer, at, theirs);
    if (theirs === 'talk' && agent) for (const [name, lane] of agents) if (name !== agent && lane.bars.at(-1)?.doing === 'ring') does(lane, at, 'gone');
    if (agent && what) {
      const lane = agents.get(agent) ?? { who: agent, bars: [] };
      agents.set(agent, lane);
      does(lane, at, what);
    }
    if (theirs === 'gone') {
      for (const lane of agents.values()) does(lane, at, 'gone');
      if (entry.kind === 'sip') over = true;
    }
  }
  const last = Date.parse(entries.at(-1)?.at ?? first.at);
  const to = over ? Math.max(last, from + 1) : Math.max(now, from + 1);
  return { from, to, lanes: [customer, ...agents.values()].map((lane) => ({ ...lane, bars: lane.bars.filter((bar) => bar.to > bar.from) })) };
}

/** What a filter of the list shows. */
export const FILTERS = {
  all: () => true,
  routing: (kind: string) => ['queue', 'reservation', 'park', 'hold', 'bridge'].includes(kind),
  media: (kind: string) => ['quality', 'record', 'play', 'digit'].includes(kind),
  sip: (kind: string) => ['sip', 'twiml', 'webhook'].includes(kind),
} as const;
export type Filter = keyof typeof FILTERS;

/** What only those want to know who write documents and applications. */
const INNER = new Set(['webhook', 'twiml', 'quality']);
const SID = /( in)? \b[A-Z]{2}[0-9a-f]{32}\b/g;

/** One line of a short story: what happened, or how many keys were pressed in a row. */
export type Told = { at: string; kind: string; text: string; keys: number };

/** The story as an agent reads it beside the call: what people did and where the caller was, without identifiers. */
export function gist(entries: readonly Entry[]): Told[] {
  const told: Told[] = [];
  for (const { at, kind, text } of entries) {
    if (INNER.has(kind)) continue;
    const last = told.at(-1);
    if (kind === 'digit' && last?.kind === 'digit') told[told.length - 1] = { ...last, keys: last.keys + 1 };
    else told.push({ at, kind, text: text.replace(SID, ''), keys: kind === 'digit' ? 1 : 0 });
  }
  return told;
}
