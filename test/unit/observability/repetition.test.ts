import { expect, it } from 'vitest';
import { Repetition } from '../../../src/observability/repetition.js';

it('says what is new at once, and what stays the same once a minute', () => {
  const said = new Repetition();
  const attempts: [string, number][] = [
    ['refused', 0],
    ['refused', 1000],
    ['wrong password', 2000],
    ['wrong password', 61_000],
    ['wrong password', 62_000],
    ['refused', 63_000],
  ];
  expect(attempts.map(([text, at]) => said.isNews(text, at))).toEqual([true, false, true, false, true, true]);
});
