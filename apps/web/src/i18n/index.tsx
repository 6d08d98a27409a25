import { NAMES, words, type Language, type SayOf } from '../../../common/words';
import { de } from './de';
import { en } from './en';

export { fill, type Language, type Values } from '../../../common/words';
export type Key = keyof typeof en;
export type Texts = Record<Key, string>;
export type Say = SayOf<Key>;

export const LANGUAGES: Record<Language, { name: string; texts: Texts }> = { en: { name: NAMES.en, texts: en }, de: { name: NAMES.de, texts: de } };
export const { Spoken, useWords } = words<Key>({ en, de });
