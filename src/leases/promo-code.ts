import { randomInt } from 'node:crypto';

/**
 * A promo code: random digits and one check digit by Damm's scheme, which finds every wrong digit and every two that
 * changed places. A caller who mistypes is nobody, not somebody else.
 */

// A totally anti-symmetric quasigroup of order 10 with zeros on its diagonal (H. M. Damm, 2004).
const DAMM = [
  '0317598642',
  '7092154863',
  '4206871359',
  '1750983426',
  '6123045978',
  '3674209581',
  '5869720134',
  '8945362017',
  '9438617205',
  '2581436790',
].map((row) => Array.from(row, Number));

const checkDigit = (digits: string): number =>
  Array.from(digits, Number).reduce((interim, digit) => DAMM[interim]?.[digit] ?? 0, 0);

/** `length` digits, the check digit among them. */
export function newPromoCode(length: number): string {
  const digits = String(randomInt(promoCodes(length))).padStart(length - 1, '0');
  return digits + String(checkDigit(digits));
}

/** How many there are of this length. */
export const promoCodes = (length: number): number => 10 ** (length - 1);

/** Whether it can be a code of this length at all. */
export function isPromoCode(text: string, length: number): boolean {
  return text.length === length && /^\d+$/.test(text) && checkDigit(text) === 0;
}
