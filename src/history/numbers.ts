import { getCountryCallingCode, isSupportedCountry } from 'libphonenumber-js/min';
import type { Call } from '../call/call.js';
import { readNumber } from '../trunks/number-reading.js';

/** What digits of a number (E.164 without the plus) people may mean. */
export interface NumberPatterns {
  beginnings: string[];
  endings: string[];
}

/** Fewer would fit almost any number. */
const MIN_DIGITS = 3;
/** E.164 has 15; in front of them may stand 8~10 or 00. */
const MAX_DIGITS = 20;
const MAX_E164 = 15;
/** Countries in which 8 is dialled before a number of another city. */
const EIGHT = new Set(['RU', 'KZ', 'BY', 'UZ', 'TM', 'TJ', 'KG', 'AZ']);

/**
 * Reads a number as somebody typed it: all of it, its beginning, or its last digits.
 * @param countries ISO 3166 codes by whose habits numbers without a plus are read
 * @returns null for what is no number, or has less than 3 digits
 */
export function numberPatterns(text: string, countries: readonly string[]): NumberPatterns | null {
  const { plus, digits } = typed(text);
  if (digits.length < MIN_DIGITS || digits.length > MAX_DIGITS) return null;
  if (plus) return { beginnings: [digits], endings: [] };
  const whole = countries.flatMap((country) => readNumber(digits, country)?.slice(1) ?? []);
  // What is whole by somebody's habits is no ending of another number: 8 916 123-45-67. It may still be one that is being
  // typed: 7 916 000 00 0 has as many digits as a number within Russia.
  if (whole.length > 0) return { beginnings: [...new Set([...whole, digits])], endings: [] };
  const beginnings = [digits, ...countries.flatMap((country) => beginningsIn(country, digits))];
  const abroad = /^(?:810|00)(\d{3,})$/.exec(digits)?.[1];
  if (abroad !== undefined) beginnings.push(abroad);
  return { beginnings: [...new Set(beginnings)].filter((one) => one.length <= MAX_E164), endings: [digits] };
}

/** What digits without a plus begin when they are written as one does within a country: 8 916, or 916 alone. */
function beginningsIn(country: string, digits: string): string[] {
  if (!isSupportedCountry(country)) return [];
  const code = getCountryCallingCode(country);
  const prefix = EIGHT.has(country) ? '8' : '0';
  const behind = digits.startsWith(prefix) ? [code + digits.slice(1)] : [];
  return digits.startsWith(code) ? behind : [code + digits, ...behind];
}

/**
 * A whole number in any notation, as digits of E.164: each way that it may be read.
 * @returns none for what is no whole number by the habits of any of `countries`
 */
export function wholeNumbers(text: string, countries: readonly string[]): string[] {
  const { plus, digits } = typed(text);
  if (plus) return /^[1-9]\d{6,14}$/.test(digits) ? [digits] : [];
  return [...new Set(countries.flatMap((country) => readNumber(digits, country)?.slice(1) ?? []))];
}

/** Without what people put between digits; none where something else is left. */
function typed(text: string): { plus: string; digits: string } {
  const bare = text.normalize('NFKC').replace(/[\s\p{Cf}\p{Pd}\u2212()./]/gu, '');
  const [, plus = '', digits = ''] = /^(\+?)(\d+)$/.exec(bare) ?? [];
  return { plus, digits };
}

/** The digits of a number in E.164; "" where there is none. */
export const digitsOf = (number: string | null): string => number?.replace(/\D/g, '').slice(0, 15) ?? '';

export function hasNumber(call: Call, { beginnings, endings }: NumberPatterns): boolean {
  return [digitsOf(call.caller.number), digitsOf(call.trackingNumber)].some(
    (digits) => beginnings.some((one) => digits.startsWith(one)) || endings.some((one) => digits.endsWith(one)),
  );
}
