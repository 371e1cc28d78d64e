import { LANGUAGES, type Language } from '../../config/schema.js';
import { en, type Dictionary, type MessageKey } from './en.js';
import { ru } from './ru.js';
import { uz } from './uz.js';

export type Translate = (key: MessageKey, values?: Readonly<Record<string, string | number>>) => string;

export const DICTIONARIES: Readonly<Record<Language, Dictionary>> = { en, ru, uz };
/** As each language calls itself. */
export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = { en: 'English', ru: 'Русский', uz: 'O‘zbekcha' };

export function translator(language: Language): Translate {
  const dictionary = DICTIONARIES[language];
  return (key, values = {}) =>
    dictionary[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** A text of `dictionary` under a prefix, for values that come from outside: what has none is shown as it is. */
export function nameOf(t: Translate, prefix: string, value: string): string {
  const key = `${prefix}.${value}`;
  return key in en ? t(key as MessageKey) : value;
}

/** The value that somebody means who types what pages show in its place, in whichever language; else what he has typed. */
export function valueOf(prefix: string, typed: string): string {
  const wanted = plain(typed);
  const keys = Object.keys(en).filter((key) => key.startsWith(`${prefix}.`)) as MessageKey[];
  const meant = keys.find((key) => LANGUAGES.some((language) => plain(DICTIONARIES[language][key]) === wanted));
  return meant?.slice(prefix.length + 1) ?? typed;
}

/** Keyboards have other apostrophes than books. */
const plain = (text: string): string =>
  text
    .trim()
    .toLowerCase()
    .replace(/['`´‘’ʻʼ]/gu, "'");

/** The first language of `Accept-Language` that we speak. */
export function languageOf(accepted: string | undefined): Language | null {
  const wanted = (accepted ?? '')
    .split(',')
    .slice(0, 20)
    .map((part, at) => {
      const [tag = '', ...parameters] = part.trim().toLowerCase().split(';');
      const q = Number(/q=([\d.]+)/.exec(parameters.join(';'))?.[1] ?? 1);
      return { language: tag.split('-')[0] ?? '', q, at };
    })
    .sort((a, b) => b.q - a.q || a.at - b.at);
  return wanted.flatMap(({ language }) => LANGUAGES.filter((one) => one === language))[0] ?? null;
}

export const isLanguage = (value: unknown): value is Language => LANGUAGES.includes(value as Language);
