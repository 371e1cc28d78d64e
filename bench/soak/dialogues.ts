import { setTimeout as pause } from 'node:timers/promises';
import type { IncomingCall, OutgoingCall, PhoneCall } from '../../src/sandbox/phone/index.js';
import { dominantTone } from '../../src/sandbox/rtp/tone.js';
import { until } from '../../test/support/until.js';
import { BUSINESS_HZ, CALLER_HZ } from '../../test/support/wav.js';
import {
  answers,
  GIVES_UP_MS,
  talkedByCaller,
  unlessEnded,
  type Behaviour,
  type Notes,
  type Others,
} from './behaviour.js';
import type { Plan } from './plan.js';

type Side = Pick<PhoneCall, 'hold' | 'resume' | 'refresh' | 'request'>;

const WINDOW_SAMPLES = 800;
/** FreeSWITCH takes up what was held within 0.3 s; a machine that is busy may take seconds. */
const HEARS_MS = 10_000;
/** A key takes 0.1 s and its pause, and goes through a jitter buffer or two. */
const KEYS_MS = 10_000;
/** Whatever the answer is; by 32 s a caller's phone gives up itself. */
const ANSWERED_MS = 10_000;
/** The shortest that drachtio-server takes (RFC 4028 5). */
const SESSION_SECONDS = 90;
const REFRESHES_MS = 40_000;
/** Refreshed late: what was not would have been hung up on by then. */
const BEYOND_MS = (SESSION_SECONDS + 8) * 1000;
const TIMER = { Supported: 'timer', 'Session-Expires': `${SESSION_SECONDS};refresher=uac` };

/** Waits until each of the two hears the other from now on, and notes who does not. */
async function hearEachOther(
  call: OutgoingCall,
  other: IncomingCall,
  note: Others['note'],
  name: string,
): Promise<void> {
  const listeners = [
    { who: 'caller', phone: call, hz: BUSINESS_HZ },
    { who: 'business', phone: other, hz: CALLER_HZ },
  ].map((one) => ({ ...one, from: one.phone.media.heardSamples }));
  let deaf = listeners;
  const all = until(
    'they hear each other',
    () => {
      deaf = deaf.filter(({ phone: { media }, hz, from }) => !hearsSince(media, from, hz));
      return deaf.length === 0 || call.isEnded || other.isEnded;
    },
    HEARS_MS,
  );
  await all.catch(() => undefined); // who hears nothing is noted
  note(name, deaf.length === 0 ? 'both' : `not ${deaf.map(({ who }) => who).join(' and ')}`);
}

function hearsSince(media: PhoneCall['media'], from: number, hz: number): boolean {
  return media.heardSamples >= from + WINDOW_SAMPLES && dominantTone(media.heard(-WINDOW_SAMPLES), [hz]) === hz;
}

/** Plays `play` with both sides between the first third of a talk and its last, where neither has hung up. */
const between =
  (play: (call: OutgoingCall, other: IncomingCall, plan: Plan, others: Others) => Promise<void>): Behaviour['caller'] =>
  async (call, plan, others) => {
    await call.answered(GIVES_UP_MS);
    await unlessEnded(call, plan.talkMs / 3);
    const other = others.business();
    if (!call.isEnded && other !== undefined) await play(call, other, plan, others);
    await unlessEnded(call, plan.talkMs / 3);
    await call.hangUp();
  };

const statuses = (responses: { status: number }[]): string => responses.map(({ status }) => status).join(' ');

async function press(call: OutgoingCall, other: IncomingCall, { keys, talkMs }: Plan, { note }: Others): Promise<void> {
  await hearEachOther(call, other, note, 'hear each other');
  await Promise.all([call.press(keys.caller), other.press(keys.business)]);
  const came = until(
    'all keys have come',
    () => call.isEnded || (call.digits.length >= keys.business.length && other.digits.length >= keys.caller.length),
    KEYS_MS,
  );
  await came.catch(() => undefined); // which are missing is noted
  // One that came twice comes now.
  await unlessEnded(call, talkMs / 3);
  note('keys at the business', other.digits);
  note('keys at the caller', call.digits);
}

async function holdAndResume(call: OutgoingCall, other: IncomingCall, plan: Plan, others: Others): Promise<void> {
  const side = plan.byBusiness ? other : call;
  const heldAtMs = Date.now();
  const held = await side.hold();
  await unlessEnded(call, plan.talkMs / 3);
  const resumed = await side.resume();
  if (!plan.byBusiness) others.callerHeld(Date.now() - heldAtMs);
  others.note('answers', statuses([held, resumed]));
  await hearEachOther(call, other, others.note, 'hear each other again');
}

/** The one holds while the other does already, and takes up the talk while the other still holds. */
async function holdInTurn(call: OutgoingCall, other: IncomingCall, plan: Plan, others: Others): Promise<void> {
  const [first, second]: [Side, Side] = plan.byBusiness ? [other, call] : [call, other];
  const heldAtMs = Date.now();
  const held = [await first.hold(), await second.hold()];
  await unlessEnded(call, plan.talkMs / 3);
  const resumed = [await first.resume(), await second.resume()];
  others.callerHeld(Date.now() - heldAtMs);
  others.note('answers', statuses([...held, ...resumed]));
  await hearEachOther(call, other, others.note, 'hear each other again');
}

/** Both at one time, and at one time back; RFC 3261 14.1 has who gets 491 ask again. */
async function holdTogether(call: OutgoingCall, other: IncomingCall, plan: Plan, others: Others): Promise<void> {
  const heldAtMs = Date.now();
  const held = await together(
    plan.apartMs,
    () => call.hold(),
    () => other.hold(),
  );
  await unlessEnded(call, plan.talkMs / 3);
  const resumed = await together(
    plan.apartMs,
    () => call.resume(),
    () => other.resume(),
  );
  others.callerHeld(Date.now() - heldAtMs);
  others.note('answers', statuses([...held, ...resumed]));
  await hearEachOther(call, other, others.note, 'hear each other again');
}

/** `second` follows `first` by so much, or is ahead of it by as much where that is negative. */
async function together<T>(apartMs: number, first: () => Promise<T>, second: () => Promise<T>): Promise<[T, T]> {
  const after = async (ms: number, act: () => Promise<T>): Promise<T> => {
    if (ms > 0) await pause(ms);
    return await act();
  };
  return await Promise.all([after(-apartMs, first), after(apartMs, second)]);
}

/** The caller's hold crosses the business's BYE: whatever it is answered with, the call ends as it would have. */
async function holdWithBye(call: OutgoingCall, plan: Plan, others: Others): Promise<void> {
  await call.answered(GIVES_UP_MS);
  await unlessEnded(call, plan.talkMs);
  const other = others.business();
  if (call.isEnded || other === undefined) return;
  const heldAtMs = Date.now();
  others.note('hold', 'answered in time');
  const hold = async (): Promise<void> => {
    if (call.isEnded) return;
    await call.hold();
    if (Date.now() - heldAtMs > ANSWERED_MS) others.note('hold', 'answered late');
  };
  await together(plan.apartMs, hold, () => other.hangUp());
  await unlessEnded(call, GIVES_UP_MS);
  others.callerHeld(Date.now() - heldAtMs);
  await call.hangUp();
}

/** Each says again what is agreed, by both methods, and without a word of sound by UPDATE (RFC 3311). */
async function refresh(call: OutgoingCall, other: IncomingCall, plan: Plan, others: Others): Promise<void> {
  const sides: [Side, Side] = plan.byBusiness ? [other, call] : [call, other];
  const responses = [];
  for (const side of sides) {
    responses.push(await side.refresh('INVITE', TIMER), await side.refresh('UPDATE', TIMER));
    responses.push(await side.request('UPDATE', { headers: TIMER }));
  }
  const at = await together(
    plan.apartMs,
    () => call.refresh(),
    () => other.refresh(),
  );
  others.note('answers', statuses([...responses, ...at]));
  others.note('timers', [...new Set(responses.map(({ headers }) => headers.get('Session-Expires')))].join(', '));
  await hearEachOther(call, other, others.note, 'hear each other still');
}

async function talkOnTimer(call: OutgoingCall, { byBusiness }: Plan, others: Others): Promise<void> {
  await call.answered(GIVES_UP_MS);
  const other = others.business();
  // His INVITE has promised that the caller does; the business may on its own side.
  const sides = byBusiness && other ? [call, other] : [call];
  const responses: { status: number }[] = [];
  const endMs = Date.now() + BEYOND_MS;
  for (let left = BEYOND_MS; left > 0 && !call.isEnded; left = endMs - Date.now()) {
    const method = responses.length % 2 === 0 ? 'UPDATE' : 'INVITE';
    for (const side of sides) responses.push(await side.refresh(method, TIMER));
    await unlessEnded(call, Math.min(REFRESHES_MS, left));
  }
  others.note('answers', [...new Set(responses.map(({ status }) => status))].join(' '));
  if (!call.isEnded && other) await hearEachOther(call, other, others.note, 'hear each other still');
  await call.hangUp();
}

const well = (times: number): string => Array<number>(times).fill(200).join(' ');

/** What two do who talk already. */
export const DIALOGUES = {
  keys: {
    weight: 2,
    business: answers,
    caller: between(press),
    expects: talkedByCaller,
    meets: ({ keys }) => ({
      'hear each other': 'both',
      'keys at the business': keys.caller,
      'keys at the caller': keys.business,
    }),
  },
  hold: {
    weight: 2,
    business: answers,
    caller: between(holdAndResume),
    expects: talkedByCaller,
    meets: () => ({ answers: well(2), 'hear each other again': 'both' }),
  },
  'hold-in-turn': {
    weight: 2,
    business: answers,
    caller: between(holdInTurn),
    expects: talkedByCaller,
    meets: () => ({ answers: well(4), 'hear each other again': 'both' }),
  },
  // A hold that comes a second time, behind the end of it, is none.
  'lossy-hold': {
    weight: 2,
    lossy: 'caller',
    business: answers,
    caller: between(holdInTurn),
    expects: talkedByCaller,
    meets: () => ({ answers: well(4), 'hear each other again': 'both' }),
  },
  'hold-together': {
    weight: 3,
    business: answers,
    caller: between(holdTogether),
    expects: talkedByCaller,
    meets: () => ({ answers: well(4), 'hear each other again': 'both' }),
  },
  'hold-with-bye': {
    weight: 2,
    business: answers,
    caller: holdWithBye,
    expects: () => ({ disposition: 'answered', lossReason: null, by: 'business', reason: 'normal' }),
    meets: (_plan, { notes }): Notes => (notes['hold'] === undefined ? {} : { hold: 'answered in time' }),
  },
  refresh: {
    weight: 2,
    business: answers,
    caller: between(refresh),
    expects: talkedByCaller,
    meets: () => ({
      answers: well(8),
      timers: TIMER['Session-Expires'],
      'hear each other still': 'both',
    }),
  },
  // Longer than the session would last that nobody refreshes.
  'session-timer': {
    weight: 0.3,
    business: answers,
    options: { headers: TIMER },
    caller: talkOnTimer,
    expects: talkedByCaller,
    meets: () => ({ answers: '200', 'hear each other still': 'both' }),
  },
} satisfies Record<string, Behaviour>;
