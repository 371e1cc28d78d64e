import { describe, expect, it } from 'vitest';
import { isPromoCode, newPromoCode } from '../../../src/leases/promo-code.js';

describe('promo codes', () => {
  it('have the length asked for and pass their own check', () => {
    for (let n = 0; n < 500; n += 1) {
      const code = newPromoCode(3 + (n % 7));
      expect(code).toMatch(/^\d+$/);
      expect(isPromoCode(code, 3 + (n % 7))).toBe(true);
    }
  });

  it('one wrong digit, or two neighbours in each other’s place, make none', () => {
    for (let n = 0; n < 100; n += 1) {
      const code = newPromoCode(6);
      for (let at = 0; at < code.length; at += 1) {
        for (let digit = 0; digit < 10; digit += 1) {
          if (String(digit) === code[at]) continue;
          expect(isPromoCode(code.slice(0, at) + String(digit) + code.slice(at + 1), 6)).toBe(false);
        }
        const [one, two] = [code[at] ?? '', code[at + 1] ?? ''];
        if (two === '' || one === two) continue;
        expect(isPromoCode(code.slice(0, at) + two + one + code.slice(at + 2), 6)).toBe(false);
      }
    }
  });

  it('nothing else is one', () => {
    for (const text of ['', '12a45', '123456', '+1234', ' 1234', '0'.repeat(7)]) {
      expect(isPromoCode(text, 5)).toBe(false);
    }
  });
});
