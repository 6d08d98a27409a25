import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { de } from './de';
import { en } from './en';

export type Key = keyof typeof en;
export type Texts = Record<Key, string>;
export type Values = Record<string, string | number>;
/** The text of a key in the user's language, with `{names}` filled in. */
export type Say = (key: Key, values?: Values) => string;

export const LANGUAGES = { en: { name: 'English', texts: en as Texts }, de: { name: 'Deutsch', texts: de } };
export type Language = keyof typeof LANGUAGES;
/** The desk's choice is this page's too. */
const KEPT = 'tandem.language';

export const fill = (text: string, values: Values = {}) =>
  text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));

function first(): Language {
  const kept = localStorage.getItem(KEPT);
  if (kept && kept in LANGUAGES) return kept as Language;
  return navigator.language.startsWith('de') ? 'de' : 'en';
}

type Words = { say: Say; language: Language; speak: (language: Language) => void };
const Context = createContext<Words>({ say: (key, values) => fill(en[key], values), language: 'en', speak: () => {} });

export function Spoken({ children }: { children: ReactNode }) {
  const [language, set] = useState<Language>(first);
  useEffect(() => {
    document.documentElement.lang = language;
    localStorage.setItem(KEPT, language);
  }, [language]);
  const words = useMemo<Words>(() => {
    const { texts } = LANGUAGES[language];
    return { say: (key, values) => fill(texts[key], values), language, speak: set };
  }, [language]);
  return <Context value={words}>{children}</Context>;
}

export const useWords = () => useContext(Context);
