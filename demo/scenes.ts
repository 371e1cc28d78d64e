import { join } from 'node:path';
import type { Call, LegResult, LossReason, Overflow, Verdict } from '../src/call/call.js';
import { ANNA, BILLBOARD, BORIS, type CastCall, LINE, OFFICE, type PhoneName, TONES, VERA } from './cast.js';
import type { Checks } from './checks.js';
import type { Received } from './receiver.js';
import { type HeardRecording, listenTo } from './sound.js';
import { happened, headline, say, tellBody, tellCall } from './story.js';
import type { World } from './world.js';

/** From the number shown to the call, and how long people talk. */
const READING_MS = 1500;
const TALK_MS = 4000;
const SHORT_TALK_MS = 2000;
const LEASE_MS = 600_000;
/** A talk is recorded from the moment both sides are joined, and the machine may be busy: as in src/recordings. */
const LENGTH_TOLERANCE_SECONDS = 0.5;

/** What a shown call is to be; everything is compared with what came by webhook, by SIP and in the file. */
interface Expected {
  types: string[];
  verdict: Verdict;
  legs: { target: string; result: LegResult; channelsInUse: number; channelLimit: number }[];
  overflow: Overflow | null;
  tags: string[];
  end: { talkWith: PhoneName; endedBy: 'caller' | 'business' } | { lossReason: LossReason; refusedWith: number };
}

/** One line about a shown call, for programs. */
export interface CallReport {
  name: string;
  id: string;
  trackingNumber: string;
  verdict: string;
  confidence: number;
  disposition: string | null;
  lossReason: string | null;
  overflow: Overflow | null;
  tags: string[];
  recording: { file: string; seconds: number; leftHz: number | null; rightHz: number | null } | null;
}

const leg = (target: string, result: LegResult): Expected['legs'][number] => ({
  target,
  result,
  channelsInUse: 1,
  channelLimit: 1,
});
const ANSWERED = ['call.ringing', 'call.answered', 'call.completed', 'recording.ready'];

/** Plays the calls of the demo and reports each as it ends. Rejects where one does not get as far as it should. */
export async function playScenes(world: World, checks: Checks, reports: CallReport[]): Promise<void> {
  headline('Call 1: an ad is clicked, a number is lent, the visitor calls');
  reports.push(await attributedCall(world, checks));
  headline('Calls 2 to 4: the business number has one channel; three people call');
  for await (const report of fullHouse(world, checks)) reports.push(report);
  tellOneBody(world);
}

async function attributedCall(world: World, checks: Checks): Promise<CallReport> {
  await lend(world, ANNA);
  await pause(READING_MS);
  dial(world, ANNA);
  await world.phones.until('caller', ANNA.callerNumber, 'answered');
  await pause(TALK_MS);
  world.phones.hangUp('caller', ANNA.callerNumber);
  return await report(world, checks, ANNA, {
    types: ['call.received', ...ANSWERED],
    verdict: 'exact',
    legs: [leg(OFFICE, 'answered')],
    overflow: null,
    tags: [],
    end: { talkWith: OFFICE, endedBy: 'caller' },
  });
}

async function* fullHouse(world: World, checks: Checks): AsyncGenerator<CallReport> {
  const { phones } = world;
  dial(world, BILLBOARD);
  await phones.until('caller', BILLBOARD.callerNumber, 'answered');
  say(`\n    ${OFFICE}'s only channel is taken now. The next caller:\n`);

  await lend(world, BORIS);
  dial(world, BORIS);
  await phones.until('caller', BORIS.callerNumber, 'answered');
  say(`\n    ${LINE}'s only channel is taken too. The next caller:\n`);

  await lend(world, VERA);
  dial(world, VERA);
  yield await report(world, checks, VERA, {
    types: ['call.received', 'call.overflowed', 'call.missed'],
    verdict: 'exact',
    legs: [leg(OFFICE, 'no_channel'), leg(LINE, 'no_channel')],
    overflow: { from: OFFICE, reason: 'no_free_channel' },
    tags: ['callback'],
    end: { lossReason: 'destination_capacity', refusedWith: 486 },
  });

  say('\n    Now the business ends call 3, and the caller ends call 2.\n');
  await pause(SHORT_TALK_MS);
  phones.hangUp(LINE, BORIS.callerNumber);
  yield await report(world, checks, BORIS, {
    types: ['call.received', 'call.overflowed', ...ANSWERED],
    verdict: 'exact',
    legs: [leg(OFFICE, 'no_channel'), leg(LINE, 'answered')],
    overflow: { from: OFFICE, reason: 'no_free_channel' },
    tags: [],
    end: { talkWith: LINE, endedBy: 'business' },
  });

  phones.hangUp('caller', BILLBOARD.callerNumber);
  yield await report(world, checks, BILLBOARD, {
    types: ['call.received', ...ANSWERED],
    verdict: 'static',
    legs: [leg(OFFICE, 'answered')],
    overflow: null,
    tags: [],
    end: { talkWith: OFFICE, endedBy: 'caller' },
  });
}

async function lend(world: World, cast: CastCall): Promise<void> {
  const key = await world.pool.lend(cast, LEASE_MS);
  const { utm, keyword } = cast.visitor ?? { utm: null, keyword: null };
  happened(cast.name, 'number pool', `lends ${cast.trackingNumber} to a visitor from ${utm?.source ?? '-'}`);
  happened(cast.name, '', `who searched "${keyword ?? '-'}" (written to Redis: ${key})`);
}

function dial({ phones, gateway }: World, { name, callerNumber, trackingNumber }: CastCall): void {
  happened(name, 'caller', `${callerNumber} dials ${trackingNumber}`);
  phones.dial(callerNumber, `sip:${trackingNumber}@${gateway.sip}`);
}

/** The rerouted call's last webhook: it has a session, two legs, an overflow and a recording. */
function tellOneBody({ receiver }: World): void {
  const { name, trackingNumber } = BORIS;
  const last = receiver.received.all.findLast(({ event }) => event.data.call.trackingNumber === trackingNumber);
  if (!last) return;
  headline(`One webhook in full: the last one of ${name}, as received (indented here)`);
  tellBody(last);
}

/** Waits for the end of a call, tells it, and compares it with what it should be. */
async function report(world: World, checks: Checks, cast: CastCall, expected: Expected): Promise<CallReport> {
  const { event: first } = await world.receiver.received.first(
    `webhooks of ${cast.name}`,
    ({ event }) => event.data.call.trackingNumber === cast.trackingNumber,
  );
  const came = await world.receiver.settled(first.data.call.id);
  if (world.stopping) throw new Error('the call was ended with the demo');
  const { call } = (came.at(-1)?.event ?? first).data;
  await untilPhonesAreDone(world, cast, expected);
  const recording = await recordingOf(world, call);
  tellCall(cast.name, call, recording);
  const looked = 'webhooks, session, legs, outcome, phones, recording, GET /v1/calls/<id>';
  await checks.section(looked, async () => {
    checkWebhooks(checks, came, expected);
    checkCall(checks, call, cast, expected);
    await checkPhones(world, checks, cast, expected);
    if ('talkWith' in expected.end) {
      await checkRecording(world, checks, { call, cast, talkWith: expected.end.talkWith, recording });
    }
    await checkApi(world, checks, call);
  });
  return reportOf(cast.name, call, recording);
}

async function untilPhonesAreDone({ phones }: World, { callerNumber }: CastCall, { end }: Expected): Promise<void> {
  await phones.until('caller', callerNumber, 'ended');
  if ('talkWith' in end) await phones.until(end.talkWith, callerNumber, 'ended');
}

/** Where the call's recording is, and what is to be heard in it; null where there is none. */
export async function recordingOf(world: World, call: Call): Promise<{ file: string; heard: HeardRecording } | null> {
  if (call.recording.file === null) return null;
  const file = join(world.recordings, call.recording.file);
  return { file, heard: await listenTo(file) };
}

function checkWebhooks(checks: Checks, came: Received[], { types }: Expected): void {
  const events = came.map(({ event }) => event);
  checks.same(
    'types, in the order of their coming',
    events.map(({ type }) => type),
    types,
  );
  checks.same(
    'sequence',
    events.map(({ sequence }) => sequence),
    types.map((_, i) => i + 1),
  );
  checks.that(
    'every signature',
    came.every(({ verified }) => verified),
  );
  checks.that(
    'webhook-id is the id of the event',
    came.every(({ headers, event }) => headers['webhook-id'] === event.id),
  );
}

function checkCall(checks: Checks, call: Call, cast: CastCall, { verdict, legs, overflow, tags, end }: Expected): void {
  checks.same('caller', call.caller.number, cast.callerNumber);
  checks.same('verdict', call.attribution.verdict, verdict);
  checks.same('confidence', call.attribution.confidence, 1);
  checks.same('session', call.attribution.session, cast.visitor);
  const tried = call.legs.map(({ target, result, channelsInUse, channelLimit }) => ({
    target,
    result,
    channelsInUse,
    channelLimit,
  }));
  checks.same('legs', tried, legs);
  checks.same('overflow', call.overflow, overflow);
  checks.same(
    'tags',
    call.tags.map(({ name }) => name),
    tags,
  );
  const answered = 'talkWith' in end;
  checks.same('disposition', call.disposition, answered ? 'answered' : 'missed');
  checks.same('loss reason', call.lossReason, answered ? null : end.lossReason);
  if (answered) checks.same('ended', call.ended, { by: end.endedBy, reason: 'normal', sip: 200 });
}

async function checkPhones(
  { phones }: World,
  checks: Checks,
  { callerNumber }: CastCall,
  { end }: Expected,
): Promise<void> {
  const caller = (await phones.until('caller', callerNumber, 'ended')).end;
  if (!('talkWith' in end)) {
    checks.same(
      "the caller's refusal",
      [caller?.how, caller?.by, caller?.status],
      ['refused', 'remote', end.refusedWith],
    );
    return;
  }
  const business = (await phones.until(end.talkWith, callerNumber, 'ended')).end;
  const [first, second] = end.endedBy === 'caller' ? [caller, business] : [business, caller];
  checks.same('who hangs up sends BYE', [first?.how, first?.by], ['bye', 'local']);
  checks.same('the other side gets BYE', [second?.how, second?.by], ['bye', 'remote']);
  checks.that('the caller hears the business', isTone(caller?.heard?.hz, TONES[end.talkWith]));
  checks.that('the business hears the caller', isTone(business?.heard?.hz, TONES.caller));
}

interface RecordedTalk {
  call: Call;
  cast: CastCall;
  talkWith: PhoneName;
  recording: { file: string; heard: HeardRecording } | null;
}

async function checkRecording(world: World, checks: Checks, talk: RecordedTalk): Promise<void> {
  const { call, cast, talkWith, recording } = talk;
  checks.that('there is one', recording !== null);
  if (recording === null) return;
  const { heard } = recording;
  checks.same('channels', call.recording.channels, ['caller', 'business']);
  checks.same('SHA-256 of the file', heard.sha256, call.recording.sha256);
  const [left, right] = heard.channels;
  checks.that(
    `left is the caller's ${TONES.caller} Hz alone`,
    isTone(left?.hz, TONES.caller),
    `${left?.hz ?? 'silence'}`,
  );
  checks.that(
    `right is the business's ${TONES[talkWith]} Hz alone`,
    isTone(right?.hz, TONES[talkWith]),
    `${right?.hz ?? 'silence'}`,
  );
  checks.that(
    'both are there most of the time',
    heard.channels.every(({ share }) => share > 0.7),
  );
  const { end } = await world.phones.until('caller', cast.callerNumber, 'ended');
  const talked = end?.talkSeconds ?? 0;
  const off = Math.abs(heard.seconds - talked);
  checks.that('length', off < LENGTH_TOLERANCE_SECONDS, `${heard.seconds} s of a talk of ${talked} s`);
}

/** G.711 and a window of a tenth of a second place a tone to within a few Hz. */
const isTone = (heardHz: number | null | undefined, hz: number): boolean => Math.abs((heardHz ?? 0) - hz) <= 3;

async function checkApi(world: World, checks: Checks, call: Call): Promise<void> {
  const response = await world.get(`/v1/calls/${call.id}`);
  checks.same('status', response.status, 200);
  checks.same('the call', await response.json(), call);
}

function reportOf(name: string, call: Call, recording: { file: string; heard: HeardRecording } | null): CallReport {
  const { id, trackingNumber, disposition, lossReason, overflow, tags } = call;
  const { verdict, confidence } = call.attribution;
  const [left, right] = recording?.heard.channels ?? [];
  return {
    name,
    id,
    trackingNumber,
    verdict,
    confidence,
    disposition,
    lossReason,
    overflow,
    tags: tags.map((tag) => tag.name),
    recording: recording && {
      file: recording.file,
      seconds: recording.heard.seconds,
      leftHz: left?.hz ?? null,
      rightHz: right?.hz ?? null,
    },
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
