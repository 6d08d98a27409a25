import { SOURCES, type Source } from './sound';

/** Somebody who calls. */
export type Persona = { name: string; number: string; tone: number };

/** Who there is; one phone each. Every voice is a tone of its own, so that who hears whom can be told. */
export const PEOPLE: readonly Persona[] = [
  { name: 'Maria Lopez', number: '+15550200001', tone: 800 },
  { name: 'Omar Said', number: '+15550200002', tone: 1000 },
  { name: 'Lin Wei', number: '+15550200003', tone: 1200 },
  { name: 'Eva Koch', number: '+15550200004', tone: 1400 },
  { name: 'Sam Okafor', number: '+15550200005', tone: 1600 },
  { name: 'Noa Stern', number: '+15550200006', tone: 1850 },
];

/** What the address of the page asks of the first phone: `?from=15550200001&to=15550100001&voice=tone:440&auto=call`. */
export type Wish = { persona: Persona; to: string; voice: Source; calls: boolean };

const full = (number: string) => (/^\d/.test(number) ? `+${number}` : number);

export function wished(search: string): Wish | null {
  const query = new URLSearchParams(search);
  const [first] = PEOPLE;
  if (!first || query.size === 0) return null;
  const from = query.get('from');
  const number = from ? full(from.trim()) : first.number;
  const known = PEOPLE.find((one) => one.number === number);
  const voice = query.get('voice') ?? '';
  const tone = Number(/^tone:(\d{2,4})$/.exec(voice)?.[1] ?? known?.tone ?? first.tone);
  return {
    persona: { name: known?.name ?? pretty(number), number, tone },
    to: full((query.get('to') ?? '').trim()),
    voice: SOURCES.find((one) => one === voice) ?? 'tone',
    calls: query.get('auto') === 'call',
  };
}

/** `+15550100001` as people read it; anything else as it is. */
export function pretty(number: string): string {
  const us = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(number);
  return us ? `+1 ${us[1]} ${us[2]} ${us[3]}` : number.replace(/^(sip|client):/, '').replace(/@.*$/, '');
}
