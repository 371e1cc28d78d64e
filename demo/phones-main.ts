/**
 * The phones of the demo, in a process of their own: the callers' behind the carrier, the business's office (a public
 * number behind the same carrier) and its internal line. Real SIP and RTP, no part of the gateway's.
 */
import { type CallEnd, type IncomingCall, Phone, type PhoneCall } from '../src/sandbox/phone/index.js';
import { inBackground } from '../src/lib/background.js';
import { LINE, OFFICE, type PhoneName, TONES } from './cast.js';
import type { PhoneCommand, PhoneEvent, PhoneMessage } from './phone-protocol.js';
import { hear } from './sound.js';

const RING_MS = 1200;
const LONGEST_CALL_MS = 3_600_000;

const calls = new Map<string, PhoneCall>();
const callKey = (phone: PhoneName, callerNumber: string): string => `${phone} ${callerNumber}`;

function send(message: PhoneMessage): void {
  process.send?.(message);
}

/** Tells what becomes of a call, up to its end. */
async function follow(phone: PhoneName, callerNumber: string, call: PhoneCall): Promise<void> {
  const key = callKey(phone, callerNumber);
  calls.set(key, call);
  const tell = (what: PhoneEvent['what'], end?: NonNullable<PhoneEvent['end']>): void => {
    send({ type: 'event', phone, callerNumber, what, ...(end === undefined ? {} : { end }) });
  };
  // Where it ends before, the end says so.
  await call.ringing(LONGEST_CALL_MS).then(
    () => tell('rings'),
    () => undefined,
  );
  await call.answered(LONGEST_CALL_MS).then(
    () => tell('answered'),
    () => undefined,
  );
  tell('ended', endOf(call, await call.ended(LONGEST_CALL_MS)));
  calls.delete(key);
}

function endOf(call: PhoneCall, { by, how, status }: CallEnd): NonNullable<PhoneEvent['end']> {
  const { answeredMs, endedMs } = call.timings;
  if (answeredMs === undefined || endedMs === undefined) return { by, how, status, talkSeconds: null, heard: null };
  return { by, how, status, talkSeconds: (endedMs - answeredMs) / 1000, heard: hear(call.media.heard()) };
}

async function openBusiness(name: PhoneName): Promise<Phone> {
  const phone = await Phone.open({ user: name, answers: { answerAfterMs: RING_MS, toneHz: TONES[name] } });
  inBackground(takeCalls(name, phone));
  return phone;
}

async function takeCalls(name: PhoneName, phone: Phone): Promise<never> {
  for (;;) {
    const call = await phone.nextCall(LONGEST_CALL_MS * 24).catch(() => null);
    if (call !== null) inBackground(follow(name, callerOf(call), call));
  }
}

/** The number the phone shows: user part of From. */
function callerOf(call: IncomingCall): string {
  return /sips?:([^@>;]+)@/.exec(call.invite.headers.get('From') ?? '')?.[1] ?? 'somebody';
}

async function obey(command: PhoneCommand, caller: Phone): Promise<void> {
  if (command.do === 'hang-up') {
    await calls.get(callKey(command.phone, command.callerNumber))?.hangUp();
    return;
  }
  const { callerNumber, target } = command;
  await follow('caller', callerNumber, await caller.call({ target, callerId: callerNumber, toneHz: TONES.caller }));
}

const caller = await Phone.open({ user: 'caller' });
const [office, line] = await Promise.all([openBusiness(OFFICE), openBusiness(LINE)]);
const address = ({ host, port }: Phone): string => `${host}:${port}`;

process.on('message', (command: PhoneCommand) => inBackground(obey(command, caller)));
// The demo is gone: nobody is left to phone for.
process.on('disconnect', () => process.exit());
send({
  type: 'ready',
  addresses: { caller: address(caller), [OFFICE]: address(office), [LINE]: address(line) },
});
