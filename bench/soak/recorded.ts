import { join } from 'node:path';
import type { Call, RecordingInfo } from '../../src/call/call.js';
import { longestSilence } from '../../test/support/wav.js';
import { wavSeconds } from '../lib/recordings.js';
import { behaviourOf } from './behaviours.js';
import type { Done } from './controls.js';
import type { Findings, Judgement } from './ledger.js';
import { nameOf, type Story } from './story.js';

/** Of the talk, and two packets of either side beside it: of half a second 2 % would be half a packet. */
const TOLERANCE = 0.02;
const TOLERANCE_SECONDS = 0.1;
const TOO_SHORT_SECONDS = 0.3;
/** A mask is told as it is in the file, to three packets; a brief one has nothing by which to be found there. */
const SILENCE_SECONDS = 0.06;
const FOUND_SECONDS = 0.5;
/** By the clock: how unevenly sound may come. */
const CLOCK_SECONDS = 0.4;

/** By the caller's clock, seconds since his 200: within `inner` it was so for certain, outside of `outer` for certain not. */
interface Span {
  kind: 'paused' | 'masked';
  inner: [from: number, to: number];
  outer: [from: number, to: number];
}

const lengthOf = ([from, to]: [from: number, to: number]): number => Math.max(0, to - from);

/** Whether the recording is there, as long as the talk, and tells what was masked and paused. */
export async function judgeRecording(story: Story, call: Call, folder: string, to: Judgement): Promise<void> {
  const { status, file, startedAt, reason } = call.recording;
  const { findings } = to;
  const talkSeconds = story.talkSeconds ?? 0;
  // FreeSWITCH keeps no file of less.
  if (reason === 'too_short' && talkSeconds < TOO_SHORT_SECONDS) return;
  const seconds = status !== 'ready' || file === null ? null : await wavSeconds(join(folder, file));
  if (seconds === null || file === null) {
    findings.recordings.push(`${nameOf(story)}: ${status} ${reason ?? ''} after ${talkSeconds} s`);
    return;
  }
  const spans = spansOf(story.done, talkSeconds);
  // FreeSWITCH records from the bridge on, which on a busy machine is a while behind the answer.
  const late = Math.max(0, Date.parse(startedAt ?? '') - Date.parse(call.answeredAt ?? '')) / 1000;
  if (spans.length > 0) {
    to.marked += 1;
    await judgeMarks(story, call.recording, { spans, file: join(folder, file), seconds, lateSeconds: late }, findings);
  }
  // Who gets the 200 late, or whose BYE is late, knows nothing of how long it was.
  if (Number.isNaN(late) || story.crowded || behaviourOf(story.plan.kind).lossy !== undefined) return;
  const paused = spans.filter(({ kind }) => kind === 'paused');
  const most = talkSeconds - paused.reduce((sum, { inner }) => sum + lengthOf(inner), 0);
  const least = talkSeconds - paused.reduce((sum, { outer }) => sum + lengthOf(outer), 0) - late - silentSeconds(story);
  const off = seconds > most ? seconds - most : Math.min(0, seconds - least);
  if (Math.abs(off) > talkSeconds * TOLERANCE + TOLERANCE_SECONDS)
    findings.lengths.push(`${nameOf(story)}: ${seconds} s of ${most.toFixed(3)} s, ${late} s late`);
  to.measured += 1;
  if (Math.abs(off) > Math.abs(to.worstSeconds)) to.worstSeconds = off;
}

/** While the caller's own leg holds, or sends nothing, FreeSWITCH may write nothing. */
function silentSeconds({ plan, talkSeconds, heldMs }: Story): number {
  if (plan.kind === 'rtp-stops') return Math.max(0, (talkSeconds ?? 0) - plan.talkMs / 1000);
  // Resuming takes FreeSWITCH 0.25 s.
  return heldMs === 0 ? 0 : heldMs / 1000 + 0.5;
}

function spansOf(done: Done[], talkSeconds: number): Span[] {
  return done.flatMap(({ action, askedSeconds, answeredSeconds }, at) => {
    if (action !== 'pause' && action !== 'mask') return [];
    // What nobody undoes lasts to the end.
    const undone = done[at + 1] ?? { askedSeconds: talkSeconds, answeredSeconds: talkSeconds };
    return {
      kind: action === 'pause' ? 'paused' : 'masked',
      inner: [answeredSeconds, undone.askedSeconds],
      outer: [askedSeconds, undone.answeredSeconds],
    };
  });
}

interface Recorded {
  spans: Span[];
  file: string;
  seconds: number;
  /** Between the caller's 200 and its first sound. */
  lateSeconds: number;
}

async function judgeMarks(story: Story, told: RecordingInfo, recorded: Recorded, findings: Findings): Promise<void> {
  const { paused, masked, reason } = told;
  const wrong = (what: string): void => {
    const played = recorded.spans;
    findings.marks.push(`${nameOf(story)}: ${what}: ${JSON.stringify({ paused, masked, reason, played })}`);
  };
  const lengths = {
    paused: paused.map(({ seconds }) => seconds),
    masked: masked.map(({ fromSeconds, toSeconds }) => (toSeconds === null ? null : toSeconds - fromSeconds)),
  };
  for (const kind of ['paused', 'masked'] as const) {
    const played = recorded.spans.filter((span) => span.kind === kind);
    const same = played.length === lengths[kind].length && played.every((span, at) => fits(lengths[kind][at], span));
    if (lengths[kind].includes(null)) wrong('lasts');
    else if (!story.crowded && !same) wrong(`${kind} for another time`);
    else if (played.length !== lengths[kind].length) wrong(`${kind} more or less often`);
  }
  const [pause, span] = [paused[0], recorded.spans.find(({ kind }) => kind === 'paused')];
  if (!story.crowded && pause && span && !begins(pause.atSeconds, span, recorded.lateSeconds))
    wrong('paused elsewhere');
  if (!story.crowded && reason !== null) wrong('why should it lack anything');
  const [mask] = masked;
  if (mask === undefined || (mask.toSeconds ?? 0) - mask.fromSeconds < FOUND_SECONDS) return;
  const [from, to] = await longestSilence(recorded.file);
  const off = Math.max(Math.abs(mask.fromSeconds - from), Math.abs((mask.toSeconds ?? 0) - to));
  if (off > SILENCE_SECONDS) wrong(`silent from ${from} to ${to} of ${recorded.seconds}`);
}

function fits(seconds: number | null | undefined, { inner, outer }: Span): boolean {
  if (seconds === null || seconds === undefined) return false;
  const slack = TOLERANCE_SECONDS + TOLERANCE * lengthOf(outer);
  return seconds >= lengthOf(inner) - slack && seconds <= lengthOf(outer) + slack;
}

const begins = (atSeconds: number, { inner, outer }: Span, lateSeconds: number): boolean =>
  atSeconds >= outer[0] - lateSeconds - CLOCK_SECONDS && atSeconds <= inner[0] * (1 + TOLERANCE) + CLOCK_SECONDS;
