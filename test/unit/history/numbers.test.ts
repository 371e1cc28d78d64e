import { describe, expect, it } from 'vitest';
import type { Call } from '../../../src/call/call.js';
import { hasNumber, numberPatterns, wholeNumbers } from '../../../src/history/numbers.js';
import { exampleCall } from '../../redis/examples.js';

const COUNTRIES = ['RU', 'UZ', 'DE'];

function finds(typed: string, number: string): boolean {
  const base = exampleCall();
  const call: Call = { ...base, caller: { ...base.caller, number }, trackingNumber: '+74950000000' };
  const patterns = numberPatterns(typed, COUNTRIES);
  return patterns !== null && hasNumber(call, patterns);
}

describe('a number as people type it', () => {
  it.each([
    '+7 916 123-45-67',
    '8 (916) 123-45-67',
    '7 916 123 45 67',
    '916 123 45 67',
    '916',
    '916 12',
    '8 916',
    '7916',
    '7 916 123 45 6',
    '45-67',
    '810 7 916',
    '00 7 916',
  ])('%s finds +79161234567', (typed) => {
    expect(finds(typed, '+79161234567')).toBe(true);
  });

  it.each([
    ['90 123', '+998901234567'],
    ['8 90 123', '+998901234567'],
    ['030 123', '+4930123456'],
    ['30 123', '+4930123456'],
    ['812 3', '+78123456789'],
  ])('%s finds %s, by the habits of its country', (typed, number) => {
    expect(finds(typed, number)).toBe(true);
  });

  it.each([
    ['8 916 123-45-67', '+389161234567'],
    ['916 123 45 68', '+79161234567'],
    ['+916', '+79161234567'],
    ['+8 916', '+79161234567'],
    ['79', '+79161234567'],
    ['67', '+79161234567'],
    ['123', '+79161234567'],
  ])('%s does not find %s', (typed, number) => {
    expect(finds(typed, number)).toBe(false);
  });
});

describe('a whole number', () => {
  it.each([
    ['+49 30 123456', ['4930123456']],
    ['8 (916) 123-45-67', ['79161234567']],
    ['916 12', []],
    ['+0 916 123 45 67', []],
    ['+7916 1234567 89012345', []],
  ])('%s is read as %j, whatever else its site is used to', (typed, digits) => {
    expect(wholeNumbers(typed, ['RU'])).toEqual(digits);
  });
});
