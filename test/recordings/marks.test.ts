import { expect, it } from 'vitest';
import { marksInFile } from '../../src/recordings/marks.js';

const NONE = { paused: [], masked: [] };
const mask = (fromSeconds: number, toSeconds: number | null) => ({ fromSeconds, toSeconds });
const pauseAt = (atSeconds: number) => ({ atSeconds, seconds: 4 });
const silence = (fromSeconds: number, toSeconds: number) => ({ fromSeconds, toSeconds });

it('a mask is where its silence is, and what comes behind it is as far off', () => {
  const told = { paused: [pauseAt(2), pauseAt(20)], masked: [mask(10, 14)] };
  expect(marksInFile(told, { seconds: 30, silences: [silence(10.2, 14.3)] }, null)).toEqual({
    paused: [pauseAt(2.04), pauseAt(20.3)],
    masked: [mask(10.2, 14.3)],
  });
});

it('what no silence shows is in proportion to the length of the file', () => {
  const told = { paused: [pauseAt(50)], masked: [mask(20, 30)] };
  expect(marksInFile(told, { seconds: 102, silences: [] }, 100)).toEqual({
    paused: [pauseAt(51)],
    masked: [mask(20.4, 30.6)],
  });
});

it('a mask is found where a long recording on a crowded machine has gone far beyond the clock', () => {
  const told = { ...NONE, masked: [mask(900, 905), mask(950, 960)] };
  const silences = [silence(918, 923.1), silence(969.2, 979.4)];
  expect(marksInFile(told, { seconds: 1020, silences }, 1000).masked).toEqual([mask(918, 923.1), mask(969.2, 979.4)]);
});

it('some packets more or less at its end do not move what is told', () => {
  const told = { paused: [pauseAt(5)], masked: [] };
  expect(marksInFile(told, { seconds: 10.15, silences: [] }, 10)).toEqual(told);
});

it.each([
  ['silent for long before and after', [silence(0, 30)]],
  ['silent somewhere else', [silence(2, 4), silence(20, 24)]],
])('a mask stays where it was told where the file is %s', (_what, silences) => {
  const told = { ...NONE, masked: [mask(10, 14)] };
  expect(marksInFile(told, { seconds: 30, silences }, 30)).toEqual(told);
});

it('of two masks each has a silence of its own, the one to which it is nearest', () => {
  const told = { ...NONE, masked: [mask(10, 10.3), mask(10.8, 12)] };
  const silences = [silence(10.4, 10.7), silence(11.2, 12.4)];
  expect(marksInFile(told, { seconds: 30, silences }, 30).masked).toEqual([mask(10.4, 10.7), mask(11.2, 12.4)]);
});

it('two masks of which one is too short to be seen do not share a silence', () => {
  const told = { ...NONE, masked: [mask(10, 12), mask(12.05, 12.1)] };
  const { masked } = marksInFile(told, { seconds: 30, silences: [silence(10.1, 12.1)] }, 30);
  expect(masked).toEqual([mask(10.1, 12.1), mask(12.15, 12.2)]);
});

it('nothing is behind the end of the file', () => {
  const told = { paused: [pauseAt(11)], masked: [mask(9, 12)] };
  expect(marksInFile(told, { seconds: 10, silences: [silence(9, 10)] }, null)).toEqual({
    paused: [pauseAt(10)],
    masked: [mask(9, 10)],
  });
});

it('a mask that nobody ended lasts until the end of the file', () => {
  const told = { ...NONE, masked: [mask(5, null)] };
  expect(marksInFile(told, { seconds: 9.8, silences: [silence(5.1, 9.8)] }, 10).masked).toEqual([mask(5.1, null)]);
});
