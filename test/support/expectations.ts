import { resolve } from 'node:path';
import { expect } from 'vitest';
import type { Call, LegResult, LossReason } from '../../src/call/call.js';
import type { CallEvent } from '../../src/call/ports.js';
import type { Scene } from './scene.js';
import type { SippResult } from './sipp.js';
import type { TracedMessage } from './sipp-trace.js';
import type { Stage } from './stage.js';
import { BUSINESS_HZ, CALLER_HZ, listen } from './wav.js';

export interface ExpectedTalk {
  endedBy: 'caller' | 'business' | 'gateway';
  reason?: NonNullable<Call['ended']>['reason'];
  /** The phones that saw the talk: it is as long as one of them says, or in between. */
  seenBy?: SippResult[];
  types?: string[];
  /** Heard on the left and on the right of the recording; undefined where it is not one tone. */
  tones?: (number | undefined)[];
}

/** Share of a talk by which its recording may differ. */
const MOST_MISSING = 0.02;
/** A busy machine's way from a phone's BYE to FreeSWITCH's. */
const HANG_UP_SECONDS = 1;

const TALK = ['call.received', 'call.ringing', 'call.answered', 'call.completed', 'recording.ready'];

/** An answered call: what the webhook was told, and what is in the recording. Gives the call as last told. */
export async function expectTalk(stage: Stage, scene: Scene, expected: ExpectedTalk): Promise<Call> {
  const events = await scene.events();
  expectNumbered(events);
  expect(events.map((event) => event.type)).toEqual(expected.types ?? TALK);
  const call = lastCall(events);
  expect(call).toMatchObject({
    disposition: 'answered',
    lossReason: null,
    trackingNumber: scene.trackingNumber,
    ended: { by: expected.endedBy, reason: expected.reason ?? 'normal' },
    recording: { status: 'ready', channels: ['caller', 'business'] },
  });
  expect(call.legs.at(-1)).toMatchObject({ result: 'answered', sip: 200 });
  await expectRecording(stage, call, expected);
  return call;
}

async function expectRecording(stage: Stage, call: Call, { seenBy = [], tones }: ExpectedTalk): Promise<void> {
  const heard = await listen(recordingFile(stage, call));
  expect(heard.sampleRate).toBe(8000);
  expect(heard.tones).toEqual(tones ?? [CALLER_HZ, BUSINESS_HZ]);
  if (seenBy.length === 0) return;
  // FreeSWITCH records from the bridge on, which on a busy machine is a while after the answer.
  const late = secondsBetween(call.answeredAt, call.recording.startedAt);
  const seen = seenBy.map(talkSeconds);
  const said = `recorded ${heard.seconds} s of ${seen.join(' or ')} s, ${late} s late`;
  expect(heard.seconds, said).toBeGreaterThan((Math.min(...seen) - late) * (1 - MOST_MISSING));
  expect(heard.seconds, said).toBeLessThan(Math.max(...seen) * (1 + MOST_MISSING) + HANG_UP_SECONDS);
}

const secondsBetween = (from: string | null, to: string | null): number =>
  Math.max(0, Date.parse(to ?? '') - Date.parse(from ?? '')) / 1000;

export const recordingFile = (stage: Stage, call: Call): string =>
  resolve(stage.recordings, call.recording.file ?? 'none');

export interface ExpectedLoss {
  lossReason: LossReason;
  disposition?: 'missed' | 'rejected';
  /** Results of the attempts, in order. */
  legs?: LegResult[];
  types?: string[];
}

/** A call that nobody answered. Gives the call as last told. */
export async function expectLost(scene: Scene, expected: ExpectedLoss): Promise<Call> {
  const events = await scene.events();
  expectNumbered(events);
  const { lossReason, disposition = 'missed', legs, types } = expected;
  expect(events.map((event) => event.type)).toEqual(types ?? ['call.received', 'call.missed']);
  const call = lastCall(events);
  expect(call).toMatchObject({ disposition, lossReason, answeredAt: null, recording: { status: 'none' } });
  if (legs !== undefined) expect(call.legs.map((leg) => leg.result)).toEqual(legs);
  return call;
}

function expectNumbered(events: CallEvent[]): void {
  expect(events.map((event) => event.sequence)).toEqual(events.map((_, i) => i + 1));
}

export function lastCall(events: CallEvent[]): Call {
  const last = events.at(-1);
  if (last === undefined) throw new Error('no event');
  return last.data.call;
}

/** Every call of this SIPp went as its scenario says. */
export function expectPlayed(...results: SippResult[]): void {
  for (const result of results) expect(result.code, result.errors).toBe(0);
}

/** From the 200 for the first INVITE to the first BYE, as this phone saw them. */
export function talkSeconds({ trace }: SippResult): number {
  const first = (wanted: (message: TracedMessage) => boolean): number => trace.messages.find(wanted)?.at ?? Number.NaN;
  return (
    first((message) => message.kind === 'BYE') -
    first((message) => message.kind === '200' && message.method === 'INVITE')
  );
}

/** The tag of a lost call, whatever others it has: who called a moment ago is a repeat too. */
export const CALLBACK: unknown = expect.arrayContaining([expect.objectContaining({ name: 'callback', by: 'gateway' })]);
