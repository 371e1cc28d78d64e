import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Attribution, Call, Leg } from '../src/call/call.js';
import { LINE, OFFICE, type PhoneName } from './cast.js';
import type { PhoneEvent } from './phone-protocol.js';
import type { Received } from './receiver.js';
import type { Heard, HeardRecording } from './sound.js';

/** The words of the demo: everything it prints about a call is put together here. */

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const startedAt = performance.now();

export function say(text = ''): void {
  console.log(text);
}

export function headline(text: string): void {
  say(`\n${text}\n${'-'.repeat(text.length)}`);
}

/** One thing that happened: when, in which call, who, what. */
export function happened(call: string, who: string, what: string): void {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(2);
  say(`${seconds.padStart(7)} s  ${call.padEnd(6)}  ${who.padEnd(11)}  ${what}`);
}

/** As a path from the repository's root, for reading and for copying. */
export const shortPath = (file: string): string => relative(ROOT, file) || '.';

const SHOWN_NAME: Record<PhoneName, string> = { caller: 'caller', [OFFICE]: OFFICE, [LINE]: LINE };

export function tellPhone(call: string, { phone, callerNumber, what, end }: PhoneEvent): void {
  happened(
    call,
    SHOWN_NAME[phone],
    phone === 'caller' ? callerWords(what, end) : businessWords(what, callerNumber, end),
  );
}

function callerWords(what: PhoneEvent['what'], end: PhoneEvent['end']): string {
  if (what === 'rings') return 'hears it ring';
  if (what === 'answered') return 'is answered';
  return endWords(end);
}

function businessWords(what: PhoneEvent['what'], callerNumber: string, end: PhoneEvent['end']): string {
  if (what === 'rings') return `rings, shows ${callerNumber}`;
  if (what === 'answered') return 'picks up';
  return endWords(end);
}

function endWords(end: PhoneEvent['end']): string {
  if (end === undefined) return 'is over';
  const { how, by, status, talkSeconds, heard } = end;
  if (how === 'refused') return by === 'remote' ? `is refused with SIP ${status}` : `refuses with SIP ${status}`;
  if (how === 'cancel') return by === 'remote' ? 'stops ringing: the caller gave up' : 'gives up';
  const talk = `after ${(talkSeconds ?? 0).toFixed(2)} s; heard ${heard === null ? 'nothing' : heardWords(heard)}`;
  return by === 'local' ? `hangs up ${talk}` : `gets the other side's BYE ${talk}`;
}

export const heardWords = ({ hz, share }: Heard): string =>
  hz === null ? 'silence' : `${hz} Hz (${Math.round(share * 100)} % of the time)`;

export function tellWebhook(call: string, { event, verified }: Received): void {
  const signature = verified ? 'signature verified' : 'SIGNATURE WRONG';
  happened(call, 'webhook', `#${event.sequence} ${event.type.padEnd(17)} ${signature}`);
}

/** The body as it came, indented for reading, with the headers that make it a Standard Webhook. */
export function tellBody({ headers, event }: Received): void {
  const shown = Object.entries(headers).filter(([name]) => name.startsWith('webhook-') || name === 'content-type');
  for (const [name, value] of shown) say(`    ${name}: ${value}`);
  say(indent(JSON.stringify(event, null, 2)));
}

const indent = (text: string): string => text.replaceAll(/^/gm, '    ');

/** What the gateway says of a call, by its last webhook. */
export function tellCall(name: string, call: Call, recording: { file: string; heard: HeardRecording } | null): void {
  say(`\n    ${name}, as its last webhook tells it (id ${call.id})`);
  row('number', `${call.trackingNumber}, ${call.numberKind ?? 'unknown'}, of site ${call.site ?? 'none'}`);
  row('verdict', verdictWords(call.attribution));
  if (call.attribution.session) sessionRows(call.attribution.session);
  if (call.attribution.source) {
    const source = Object.entries(call.attribution.source).map(([key, value]) => `${key} ${value}`);
    row('bound to', source.join(', '));
  }
  for (const leg of call.legs) row(`leg ${leg.n}`, legWords(leg));
  if (call.overflow) row('overflow', `from ${call.overflow.from}: ${call.overflow.reason}`);
  row('outcome', outcomeWords(call));
  row('recording', recording ? shortPath(recording.file) : call.recording.status);
  if (recording) soundRows(recording.heard, call);
  if (call.tags.length > 0) row('tags', call.tags.map(({ name: tag, by }) => `${tag} (by the ${by})`).join(', '));
}

function row(name: string, text: string): void {
  say(`      ${name.padEnd(10)}  ${text}`);
}

function verdictWords({ verdict, confidence, rule, leaseAgeSeconds }: Attribution): string {
  const age = leaseAgeSeconds === null ? '' : `; lent ${leaseAgeSeconds} s before the call`;
  return `${verdict}, confidence ${confidence}, by rule ${rule}${age}`;
}

function sessionRows({ id, utm, keyword }: NonNullable<Attribution['session']>): void {
  row(
    'session',
    `${id}: utm source ${utm.source ?? '-'}, medium ${utm.medium ?? '-'}, campaign ${utm.campaign ?? '-'}`,
  );
  row('keyword', keyword ?? '-');
}

function legWords({ kind, target, result, sip, channelsInUse, channelLimit }: Leg): string {
  const limit = channelLimit === null ? 'no limit' : `limit ${channelLimit}`;
  const channels = `channels in use ${channelsInUse ?? '-'}, ${limit}`;
  const dialled = sip === null ? (result === 'no_channel' ? 'not dialled' : 'no answer to the INVITE') : `SIP ${sip}`;
  return `${kind} ${target}: ${result ?? 'open'} (${dialled}); ${channels}`;
}

function outcomeWords({ disposition, lossReason, ended, durations }: Call): string {
  const loss = lossReason === null ? '' : `, lost for ${lossReason}, caller told SIP ${ended?.sip ?? '-'}`;
  const talk = lossReason === null ? `, ended by the ${ended?.by ?? '-'} (${ended?.reason ?? '-'})` : '';
  const { ringSeconds, talkSeconds } = durations;
  return `${disposition ?? 'open'}${loss}${talk}; rang ${ringSeconds.toFixed(2)} s, talked ${talkSeconds.toFixed(2)} s`;
}

function soundRows({ seconds, sampleRate, channels }: HeardRecording, call: Call): void {
  row('', `${seconds.toFixed(2)} s, ${sampleRate} Hz, ${channels.length} channels`);
  const sides = ['left', 'right'];
  channels.forEach((heard, i) => {
    row('', `${sides[i] ?? ''} (${call.recording.channels?.[i] ?? '-'}): ${heardWords(heard)}`);
  });
}
