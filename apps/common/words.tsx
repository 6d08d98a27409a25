import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';

export type Values = Record<string, string | number>;
/** The text of a key in the user's language, with `{names}` filled in. */
export type SayOf<Key extends string> = (key: Key, values?: Values) => string;

/** What the languages call themselves. */
export const NAMES = { en: 'English', de: 'Deutsch' } as const;
export type Language = keyof typeof NAMES;
/** The choice of one page is the other's too. */
const KEPT = 'tandem.language';

/** `{count}` is the value, `{count|call|calls}` the word for it. */
export const fill = (text: string, values: Values = {}) =>
  text.replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (_, name: string, one?: string, many?: string) => {
    const value = values[name] ?? '';
    return (Number(value) === 1 ? one : many) ?? String(value);
  });

function first(): Language {
  const kept = localStorage.getItem(KEPT);
  if (kept && kept in NAMES) return kept as Language;
  return navigator.language.startsWith('de') ? 'de' : 'en';
}

/** A page's texts in every language: what speaks them, and who is spoken to. */
export function words<Key extends string>(texts: Record<Language, Record<Key, string>>) {
  type Words = { say: SayOf<Key>; language: Language; speak: (language: Language) => void };
  const Context = createContext<Words>({ say: (key, values) => fill(texts.en[key], values), language: 'en', speak: () => {} });
  function Spoken({ children }: { children: ReactNode }) {
    const [language, set] = useState<Language>(first);
    useEffect(() => {
      document.documentElement.lang = language;
      localStorage.setItem(KEPT, language);
    }, [language]);
    const spoken = useMemo<Words>(() => ({ say: (key, values) => fill(texts[language][key], values), language, speak: set }), [language]);
    return <Context value={spoken}>{children}</Context>;
  }
  return { Spoken, useWords: () => useContext(Context) };
}
