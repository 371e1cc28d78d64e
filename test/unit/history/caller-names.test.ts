import { describe, expect, it } from 'vitest';
import { hasName, nameSlots, nameWords } from '../../../src/history/caller-names.js';
import { wholeNumbers } from '../../../src/history/numbers.js';

describe('words of a name', () => {
  it.each([
    ['Алёна O‘ktamova', ['алена', 'oktamova']],
    ["D'Artagnan-López", ['dartagnan', 'lopez']],
    ['İbrahim', ['ibrahim']],
    ['Ойбек', ['оибек']],
    ['OOO "Ромашка" 24', ['ooo', 'ромашка']],
    ['+7 916 000-00-01', []],
    ['', []],
    ['a b c d e f', ['a', 'b', 'c', 'd']],
    ['x'.repeat(500), ['x'.repeat(32)]],
  ])('%j', (name, words) => expect(nameWords(name)).toEqual(words));

  it('are found by how they begin, in any order', () => {
    expect(hasName('Иванова Алёна', 'ален иван')).toBe(true);
    expect(hasName('Иванова Алёна', 'ивановна')).toBe(false);
    expect([hasName('Li Wei', 'li'), hasName('Lisa Wei', 'li'), hasName(null, 'li')]).toEqual([true, false, false]);
  });

  it('have all the slots that are asked for wherever they fit, and few whatever they are', () => {
    const names = ['Иванова Алёна', 'Li Wei', "D'Artagnan", 'Александр Александрович'];
    for (const name of names) {
      const has = new Set(nameSlots(name));
      for (const word of nameWords(name))
        for (let n = word.length < 3 ? word.length : 3; n <= word.length; n += 1)
          for (const slot of nameSlots(word.slice(0, n))) expect(has, `${name}: ${word.slice(0, n)}`).toContain(slot);
    }
    expect(nameSlots('один два три четыре пять шесть'.repeat(9)).length).toBeLessThanOrEqual(48);
    expect(nameSlots('Мария').every((slot) => /^w\d{1,3}$/.test(slot))).toBe(true);
  });
});

describe('a whole number', () => {
  it.each([
    ['+7 916 000-00-01', ['RU'], ['79160000001']],
    ['8 (916) 000-00-01', ['RU'], ['79160000001']],
    ['9160000001', ['RU'], ['79160000001']],
    ['+998901234567', [], ['998901234567']],
    ['0000001', ['RU'], []],
    ['+79', ['RU'], []],
    ['sip:8916', ['RU'], []],
    ['', ['RU'], []],
  ])('%j by the habits of %j', (text, countries, numbers) => expect(wholeNumbers(text, countries)).toEqual(numbers));
});
