import type { Call } from '../call/call.js';
import { newCall } from '../call/document.js';
import { CALL_EVENT_TYPES, type CallEventType, type EventType } from '../call/event-types.js';
import type { CallEvent } from '../call/ports.js';
import { buildCallEvent, buildOperationalEvent, type OperationalData, type OperationalEvent } from './catalogue.js';

/**
 * One event of each type, as the documentation shows it: a visitor who came by an ad calls, the main office is full, a
 * line of the business takes the call. Tests hold every example against its schema.
 */

const DAY = '2026-11-21T';
const clockAt = (time: string): string => `${DAY}${time}Z`;
const id = (n: number): string => `evt_${n.toString(16).padStart(32, '0')}`;

const CALLER = { number: '+79160000001', withheld: false, name: null };

const received: Call = {
  ...newCall({
    id: '019aa5c1-7c44-7c6e-9d0b-5f1f0f6f2a11',
    sipCallId: 'a84b4c76e66710@203.0.113.5',
    gateway: 'gw-1',
    trunk: 'carrier-a',
    trackingNumber: '+74951111111',
    caller: CALLER,
    receivedAt: Date.parse(clockAt('10:12:00.118')),
  }),
  site: 'divan',
  route: 'divan',
  numberKind: 'dynamic',
  caller: {
    ...CALLER,
    firstCall: false,
    previousCalls: 2,
    lastCallAt: '2026-11-18T09:40:12.000Z',
    lastDisposition: 'missed',
  },
  attribution: {
    verdict: 'exact',
    confidence: 1,
    rule: 'active-lease',
    leaseId: 'lease-8812',
    leaseAgeSeconds: 64,
    session: {
      id: 'session-4471',
      visitorId: 'visitor-209',
      landingPage: 'https://divan.example/sofas?utm_source=yandex',
      referrer: 'https://yandex.ru/',
      utm: { source: 'yandex', medium: 'cpc', campaign: 'sofas', content: null, term: null },
      keyword: 'corner sofa',
      gclid: null,
      yclid: '17563219844213760',
      gaClientId: '1166021955.1763719901',
      ymClientId: '1763719901442013857',
    },
    source: null,
    candidates: [],
  },
};

const overflowed: Call = {
  ...received,
  durations: { ...received.durations, addedSetupMs: 11 },
  legs: [
    {
      n: 1,
      kind: 'destination',
      target: 'main-office',
      step: 1,
      via: null,
      startedAt: clockAt('10:12:00.131'),
      ringingAt: null,
      answeredAt: null,
      endedAt: clockAt('10:12:00.131'),
      result: 'no_channel',
      obstacle: null,
      sip: null,
      q850: null,
      channelsInUse: 4,
      channelLimit: 4,
    },
  ],
  overflow: { from: 'main-office', reason: 'no_free_channel' },
};

const [busyOffice] = overflowed.legs;
const ringing: Call = {
  ...overflowed,
  ringingAt: clockAt('10:12:00.402'),
  legs: [
    ...overflowed.legs,
    {
      ...(busyOffice as Call['legs'][number]),
      n: 2,
      kind: 'line',
      target: 'sales-1',
      step: 2,
      startedAt: clockAt('10:12:00.133'),
      ringingAt: clockAt('10:12:00.402'),
      endedAt: null,
      result: null,
      channelsInUse: 1,
      channelLimit: 1,
    },
  ],
};

/** The last leg with these fields. */
const lastLeg = (call: Call, fields: Partial<Call['legs'][number]>): Call['legs'] =>
  call.legs.map((leg, i) => (i === call.legs.length - 1 ? { ...leg, ...fields } : leg));

const answeredAt = clockAt('10:12:04.402');
const answered: Call = {
  ...ringing,
  engagedAt: answeredAt,
  answeredAt,
  durations: { ...ringing.durations, ringSeconds: 4 },
  legs: lastLeg(ringing, { answeredAt, result: 'answered', sip: 200 }),
  recording: { ...ringing.recording, status: 'recording' },
};

const endedAt = clockAt('10:13:06.902');
const completed: Call = {
  ...answered,
  endedAt,
  durations: { ...answered.durations, talkSeconds: 62.5, totalSeconds: 66.784 },
  disposition: 'answered',
  ended: { by: 'caller', reason: 'normal', sip: 200 },
  legs: lastLeg(answered, { endedAt }),
};

const lostAt = clockAt('10:12:20.402');
const missed: Call = {
  ...ringing,
  endedAt: lostAt,
  durations: { ...ringing.durations, ringSeconds: 20, totalSeconds: 20.284 },
  disposition: 'missed',
  lossReason: 'no_answer',
  ended: { by: 'gateway', reason: 'normal', sip: 480 },
  legs: lastLeg(ringing, { endedAt: lostAt, result: 'no_answer', sip: 487 }),
  tags: [{ name: 'callback', by: 'gateway', at: lostAt }],
};

const ready: Call['recording'] = {
  status: 'ready',
  reason: null,
  file: '2026-11-21/019aa5c1-7c44-7c6e-9d0b-5f1f0f6f2a11.wav',
  bytes: 2_000_044,
  sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  durationSeconds: 62.5,
  sampleRate: 8000,
  channels: ['caller', 'business'],
  silentChannels: [],
  startedAt: answeredAt,
  stoppedAt: null,
  paused: [],
  masked: [{ fromSeconds: 31.2, toSeconds: 44.9 }],
  deletedAt: null,
};
const without = (status: 'absent' | 'failed', reason: string): Call['recording'] => ({
  ...received.recording,
  status,
  reason,
});

const nobody: Call['attribution'] = {
  ...received.attribution,
  verdict: 'none',
  confidence: 0,
  rule: 'unknown-number',
  leaseId: null,
  leaseAgeSeconds: null,
  session: null,
};
const rejected: Call = {
  ...received,
  site: null,
  route: null,
  trackingNumber: '+74959999999',
  numberKind: null,
  endedAt: clockAt('10:12:00.121'),
  disposition: 'rejected',
  lossReason: 'unknown_number',
  ended: { by: 'gateway', reason: 'normal', sip: 404 },
  attribution: nobody,
};

interface Example {
  call: Call;
  at: string;
  sequence: number;
  /** What stands beside `call`. */
  extra?: Record<string, unknown>;
}

const outline = (attribution: Call['attribution']): Call['corrections'][number]['old'] => ({
  verdict: attribution.verdict,
  confidence: attribution.confidence,
  rule: attribution.rule,
  leaseId: attribution.leaseId,
  sessionId: attribution.session?.id ?? null,
  source: attribution.session?.utm.source ?? null,
  campaign: attribution.session?.utm.campaign ?? null,
});
const correctedAt = clockAt('10:13:30.000');
const lateLease = 'the lease was written after the call had come';
const corrections = [
  { by: 'gateway', at: correctedAt, reason: lateLease, old: outline(nobody), new: outline(received.attribution) },
];
const handled: Call['handled'] = {
  by: 'pbx',
  at: clockAt('10:35:00.000'),
  callback: { at: clockAt('10:32:10.000'), talkSeconds: 165, line: 'sales-2', tries: 1 },
};
const sofas = { name: 'sofas', by: 'olga', at: clockAt('10:31:00.000') };
const callExamples: Record<CallEventType, Example> = {
  'call.received': { call: received, at: clockAt('10:12:00.129'), sequence: 1 },
  'call.overflowed': { call: overflowed, at: clockAt('10:12:00.132'), sequence: 2 },
  'call.ringing': { call: ringing, at: clockAt('10:12:00.403'), sequence: 3 },
  'call.answered': { call: answered, at: clockAt('10:12:04.404'), sequence: 4 },
  'call.completed': { call: completed, at: clockAt('10:13:06.905'), sequence: 5 },
  'call.missed': { call: missed, at: clockAt('10:12:20.405'), sequence: 4 },
  'call.rejected': { call: rejected, at: clockAt('10:12:00.122'), sequence: 2 },
  'recording.ready': { call: { ...completed, recording: ready }, at: clockAt('10:13:07.611'), sequence: 6 },
  'recording.absent': {
    call: { ...completed, recording: without('absent', 'nothing was written') },
    at: clockAt('10:13:11.911'),
    sequence: 6,
  },
  'recording.failed': {
    call: { ...completed, recording: without('failed', 'the file could not be moved') },
    at: clockAt('10:13:11.911'),
    sequence: 6,
  },
  'recording.deleted': {
    call: {
      ...completed,
      recording: { ...ready, status: 'deleted', reason: 'request', file: null, deletedAt: clockAt('10:40:00.120') },
    },
    at: clockAt('10:40:00.121'),
    sequence: 7,
  },
  'call.attribution.corrected': {
    call: { ...completed, recording: ready, corrections },
    at: clockAt('10:13:30.001'),
    sequence: 7,
    extra: { old: nobody, new: received.attribution, reason: lateLease },
  },
  'call.tagged': {
    call: { ...missed, tags: [...missed.tags, sofas] },
    at: clockAt('10:31:00.004'),
    sequence: 5,
    extra: { change: { kind: 'tag', ...sofas } },
  },
  'call.handled': {
    call: { ...missed, tags: [...missed.tags, sofas], handled },
    at: clockAt('10:35:00.003'),
    sequence: 6,
  },
};

const operationalExamples: OperationalData = {
  'trunk.down': { trunk: 'carrier-a', reason: 'options' },
  'trunk.up': { trunk: 'carrier-a', reason: null },
  'line.down': { line: 'sales-1', reason: 'options' },
  'line.up': { line: 'sales-1', reason: 'options' },
  'capacity.high': { kind: 'trunk', id: 'carrier-a', direction: 'inbound', inUse: 24, limit: 30 },
  'capacity.exhausted': { kind: 'destination', id: 'main-office', direction: null, inUse: 4, limit: 4 },
  'capacity.recovered': { kind: 'line', id: 'sales-1', direction: null, inUse: 0, limit: 1 },
  'pool.low': { site: 'divan', free: 2, total: 40 },
  'pool.exhausted': { site: 'divan', free: 0, total: 40 },
  'webhook.disabled': { endpoint: 'crm', reason: 'gone', failingSeconds: 0, undelivered: 3 },
  'webhook.enabled': { endpoint: 'crm', reason: 'request', undelivered: 3 },
  'webhook.dead_letter': { endpoint: 'crm', events: 2, lastEventId: id(1), reason: 'HTTP 500' },
  'events.dropped': { endpoint: 'crm', events: 10, reason: 'age', oldestSeconds: 2_600_000 },
  'storage.low': { gateway: 'gw-1', freeBytes: 812_000_000, minFreeBytes: 1_000_000_000 },
  'storage.recovered': { gateway: 'gw-1', freeBytes: 1_402_000_000, minFreeBytes: 1_000_000_000 },
  'uploads.failing': { gateway: 'gw-1', recordings: 41, oldestSeconds: 1802.4, reason: 'connect ECONNREFUSED' },
  'uploads.recovered': { gateway: 'gw-1', recordings: 40, oldestSeconds: 2710.1, reason: null },
};

/** The example of one type: the same one each time. */
export function exampleEvent(type: EventType): CallEvent | OperationalEvent {
  if (!isCallType(type))
    return buildOperationalEvent(type, operationalExamples[type], Date.parse(clockAt('10:00:00.000')), id(0));
  const { call, at, sequence, extra } = callExamples[type];
  return buildCallEvent(type, call, sequence, Date.parse(at), extra, id(1 + CALL_EVENT_TYPES.indexOf(type)));
}

const isCallType = (type: EventType): type is CallEventType => !(type in (operationalExamples as object));
