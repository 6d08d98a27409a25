import type { Language } from '../i18n';

/** What changes of the set-up are called in the audit: `queue.update` is a noun and a verb. */
const WORDS = {
  en: {
    verbs: { create: 'Made {noun}', update: 'Changed {noun}', delete: 'Removed {noun}', set: 'Set {noun}' },
    nouns: {
      worker: 'an agent', queue: 'a queue', workflow: 'a workflow', activity: 'an activity', channel: 'a channel', user: 'a user', number: 'a number',
      capacity: 'how many tasks an agent takes', phone: 'a SIP account', document: 'a document', 'voice-policy': 'the voice policy',
      workspace: 'the workspace', task: 'a task', prompt: 'a prompt', 'hold-music': 'the music of those who wait', 'service-level': 'service levels',
    },
  },
  de: {
    verbs: { create: '{noun} angelegt', update: '{noun} geändert', delete: '{noun} entfernt', set: '{noun} gesetzt' },
    nouns: {
      worker: 'Agenten', queue: 'Warteschlange', workflow: 'Workflow', activity: 'Aktivität', channel: 'Kanal', user: 'Benutzer', number: 'Nummer',
      capacity: 'Zahl der Aufgaben eines Agenten', phone: 'SIP-Konto', document: 'Dokument', 'voice-policy': 'Voice Policy',
      workspace: 'Workspace', task: 'Aufgabe', prompt: 'Ansage', 'hold-music': 'Musik für Wartende', 'service-level': 'Servicelevel',
    },
  },
} as const satisfies Record<Language, { verbs: Record<string, string>; nouns: Record<string, string> }>;

/** What an act on the set-up is called; null for any other. */
export function setupAct(act: string, language: Language): string | null {
  const dot = act.lastIndexOf('.');
  const { verbs, nouns } = WORDS[language] as { verbs: Record<string, string>; nouns: Record<string, string> };
  const [noun, verb] = [nouns[act.slice(0, dot)], verbs[act.slice(dot + 1)]];
  return noun && verb ? verb.replace('{noun}', noun) : null;
}
