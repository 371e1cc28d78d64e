import { expect, it } from 'vitest';
import { Backlog, type LastWrite } from '../../../src/call/backlog.js';

it('gives up another one for each that comes over the bound, however long those take to leave', async () => {
  const backlog = new Backlog(2, 2);
  const left: (() => void)[] = [];
  const stuck = new Promise<void>((resolve) => left.push(resolve));
  const givenUp: number[] = [];
  const writes = Array.from({ length: 5 }, (_, n) => {
    const one: LastWrite = { abandon: () => givenUp.push(n) };
    return backlog.run(one, () => stuck);
  });
  expect(givenUp).toEqual([0, 1, 2]);
  expect(backlog.size).toBe(2);
  for (const leave of left) leave();
  await Promise.all(writes);
  expect(backlog.size).toBe(0);
});
