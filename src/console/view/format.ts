import { parsePhoneNumberFromString } from 'libphonenumber-js/min';
import type { Language } from '../../config/schema.js';
import type { Translate } from '../i18n/index.js';

const LOCALES: Readonly<Record<Language, string>> = { en: 'en-GB', ru: 'ru-RU', uz: 'uz-Latn-UZ' };

/** Making a formatter is slow, so each is made once. */
const dateFormats = new Map<string, Intl.DateTimeFormat>();

function dateFormat(locale: string, timeZone: string, seconds: boolean): Intl.DateTimeFormat {
  const name = `${locale} ${timeZone} ${seconds}`;
  let format = dateFormats.get(name);
  if (!format) {
    format = new Intl.DateTimeFormat(locale, {
      timeZone,
      dateStyle: 'short',
      timeStyle: seconds ? 'medium' : 'short',
      hourCycle: 'h23',
    });
    dateFormats.set(name, format);
  }
  return format;
}

/** Half of what a row of a table costs; pages that ask again and again show the same ones. */
const phones = new Map<string, string>();
const MOST_PHONES = 10_000;

/** Dates, lengths and numbers as a language writes them. */
export class Format {
  readonly #locale: string;
  readonly #number: Intl.NumberFormat;
  readonly #percent: Intl.NumberFormat;

  constructor(
    language: Language,
    /** Where no other is given. */
    readonly timeZone: string,
    private readonly t: Translate,
  ) {
    this.#locale = LOCALES[language];
    this.#number = new Intl.NumberFormat(this.#locale, { maximumFractionDigits: 2 });
    this.#percent = new Intl.NumberFormat(this.#locale, { style: 'percent', maximumFractionDigits: 1 });
  }

  /** Date and time to the second; "" for null. */
  time(iso: string | number | null, timeZone = this.timeZone): string {
    return iso === null ? '' : dateFormat(this.#locale, timeZone, true).format(new Date(iso));
  }

  /** Without seconds. */
  minute(iso: string | number | null, timeZone = this.timeZone): string {
    return iso === null ? '' : dateFormat(this.#locale, timeZone, false).format(new Date(iso));
  }

  number(value: number): string {
    return this.#number.format(value);
  }

  percent(share: number): string {
    return this.#percent.format(share);
  }

  /** `1:02:03`, `2:03`. */
  clock(seconds: number): string {
    const whole = Math.round(seconds);
    const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    const two = (n: number) => String(n).padStart(2, '0');
    return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
  }

  /** In words, by its largest two units. */
  span(seconds: number): string {
    const whole = Math.max(0, Math.round(seconds));
    const parts = [
      [Math.floor(whole / 86_400), 'time.days'],
      [Math.floor(whole / 3600) % 24, 'time.hours'],
      [Math.floor(whole / 60) % 60, 'time.minutes'],
      [whole % 60, 'time.seconds'],
    ] as const;
    const first = parts.findIndex(([n]) => n > 0);
    const shown = first < 0 ? parts.slice(3) : parts.slice(first, first + 2).filter(([n]) => n > 0);
    return shown.map(([n, key]) => this.t(key, { n: this.number(n) })).join(' ');
  }

  /** E.164 as people read it. */
  phone(number: string): string {
    let words = phones.get(number);
    if (words === undefined) {
      words = parsePhoneNumberFromString(number)?.formatInternational() ?? number;
      if (phones.size >= MOST_PHONES) phones.clear();
      phones.set(number, words);
    }
    return words;
  }
}
