import type { RecordingInfo } from '../call/call.js';
import { toMillisecond } from '../call/recording-times.js';
import type { Stretch } from './silences.js';

type Marks = Pick<RecordingInfo, 'paused' | 'masked'>;

/** What is known of the file by reading it. */
interface Sound {
  seconds: number;
  silences: readonly Stretch[];
}

/** A position by the clock, and the one in the file that it turned out to be. */
interface Anchor {
  told: number;
  found: number;
}

/** How far from where it should be a mask is looked for, beyond what is known to be off there. */
const REACH_SECONDS = 1;
/** A file's length and the clock's differ by some packets of the end wherever FreeSWITCH has time enough. */
const END_SECONDS = 0.2;

/**
 * Marks told by FreeSWITCH's clock, as positions in its file. Those two differ: sound that comes late is written in place of
 * none and then once more as itself, so on a crowded machine, or where the caller's packets come in bursts, the file grows faster than
 * the clock. A mask is found by its silence; between what was found, and the file's ends, the rest is put in proportion.
 *
 * @param clockSeconds how long the file should be by the same clock; null where that is not known
 */
export function marksInFile({ paused, masked }: Marks, sound: Sound, clockSeconds: number | null): Marks {
  const isOff = clockSeconds !== null && Math.abs(clockSeconds - sound.seconds) > END_SECONDS;
  const end: Anchor[] = isOff ? [{ told: clockSeconds, found: sound.seconds }] : [];
  let anchors: Anchor[] = [{ told: 0, found: 0 }];
  for (const { fromSeconds, toSeconds } of masked) {
    const told = { fromSeconds, toSeconds: toSeconds ?? clockSeconds ?? sound.seconds };
    const left = sound.silences.filter((silence) => silence.fromSeconds >= (anchors.at(-1)?.found ?? 0));
    anchors = [...anchors, ...anchorsOf(told, left, [...anchors, ...end])];
  }
  const found = (told: number): number => toMillisecond(Math.min(foundAt(told, [...anchors, ...end]), sound.seconds));
  return {
    paused: paused.map(({ atSeconds, seconds }) => ({ atSeconds: found(atSeconds), seconds })),
    masked: masked.map(({ fromSeconds, toSeconds }) => ({
      fromSeconds: found(fromSeconds),
      toSeconds: toSeconds === null ? null : found(toSeconds),
    })),
  };
}

/** Where a mask that was told begins and ends in the file, as far as its silence shows it. */
function anchorsOf(told: Stretch, silences: readonly Stretch[], known: readonly Anchor[]): Anchor[] {
  const expected = { fromSeconds: foundAt(told.fromSeconds, known), toSeconds: foundAt(told.toSeconds, known) };
  const silence = nearest(expected, silences);
  if (!silence) return [];
  return (['fromSeconds', 'toSeconds'] as const)
    .filter((edge) => Math.abs(silence[edge] - expected[edge]) <= REACH_SECONDS)
    .map((edge) => ({ told: told[edge], found: silence[edge] }));
}

/** The one that has most in common with what is expected, or the least way to it. */
function nearest(expected: Stretch, silences: readonly Stretch[]): Stretch | null {
  let best: Stretch | null = null;
  let most = -REACH_SECONDS;
  for (const silence of silences) {
    const common =
      Math.min(silence.toSeconds, expected.toSeconds) - Math.max(silence.fromSeconds, expected.fromSeconds);
    if (common > most) [best, most] = [silence, common];
  }
  return best;
}

/** @param anchors by their position, the first of them that of the beginning */
function foundAt(told: number, anchors: readonly Anchor[]): number {
  const before = anchors.findLast((anchor) => anchor.told <= told) ?? { told: 0, found: 0 };
  const after = anchors.find((anchor) => anchor.told > told);
  if (!after) return before.found + told - before.told;
  const share = (told - before.told) / (after.told - before.told);
  return before.found + share * (after.found - before.found);
}
