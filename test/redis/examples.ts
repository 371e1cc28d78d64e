import { newCallId } from '../../src/lib/ids.js';
import type { Call, CallResources, Leg } from '../../src/call/call.js';
import { newCall, NO_RECORDING, noResources } from '../../src/call/document.js';
import type { CallEventType } from '../../src/call/event-types.js';
import type { CallChange, Holder } from '../../src/call/ports.js';
import { buildCallEvent, writeDown } from '../../src/events/catalogue.js';

/** Of `exampleChange`. */
export const EDGE = 'tcp/10.0.0.1:5060,udp/10.0.0.1:5060';
const NO_RESOURCES: CallResources = noResources(EDGE);

const CALLER = { number: '+79160000001', withheld: false, name: null };

export function exampleCall(fields: Partial<Call> = {}): Call {
  const call = newCall({
    id: newCallId(),
    sipCallId: 'a84b4c76e66710@203.0.113.5',
    gateway: 'gw-1',
    trunk: 'carrier-a',
    trackingNumber: '+74951111111',
    caller: CALLER,
    receivedAt: Date.parse('2026-11-21T10:12:00.000Z'),
  });
  return {
    ...call,
    site: 'divan',
    route: 'divan',
    numberKind: 'dynamic',
    caller: {
      ...CALLER,
      firstCall: false,
      previousCalls: 2,
      lastCallAt: '2026-11-20T09:00:00.000Z',
      lastDisposition: 'answered',
    },
    durations: { ...call.durations, addedSetupMs: 11 },
    attribution: {
      verdict: 'exact',
      confidence: 1,
      rule: 'active-lease',
      leaseId: 'lease-1',
      leaseAgeSeconds: 64,
      session: exampleHolder().session,
      source: null,
      candidates: [],
    },
    // Of its own: what a test changes in it is this call's.
    recording: { ...NO_RECORDING, paused: [], masked: [] },
    ...fields,
  };
}

/** Dialled in the first step, and nothing heard of it yet. */
export const exampleLeg = (fields: Partial<Leg> = {}): Leg => ({
  n: 1,
  kind: 'destination',
  target: 'main-office',
  step: 1,
  via: null,
  startedAt: '2026-11-21T10:12:00.011Z',
  ringingAt: null,
  answeredAt: null,
  endedAt: null,
  result: null,
  obstacle: null,
  sip: null,
  q850: null,
  channelsInUse: 1,
  channelLimit: 4,
  ...fields,
});

export function exampleHolder(fields: Partial<Holder> = {}): Holder {
  return {
    leaseId: 'lease-1',
    sessionId: 'session-1',
    site: 'divan',
    leasedAt: 1_000_000,
    expiresAt: 2_000_000,
    session: {
      id: 'session-1',
      visitorId: 'visitor-1',
      landingPage: 'https://divan.example/sofas?utm_source=yandex',
      referrer: null,
      utm: { source: 'yandex', medium: 'cpc', campaign: 'sofas', content: null, term: null },
      keyword: 'угловой диван',
      gclid: null,
      yclid: '123456789',
      gaClientId: null,
      ymClientId: '1700000000000000000',
    },
    ...fields,
  };
}

/** A change with one event for each of `types`, numbered from `first`, all wanted by `endpoints`. */
export function exampleChange(
  call: Call,
  types: CallEventType[],
  { first = 1, endpoints = [] as string[], closed = false } = {},
): CallChange {
  const events = types.map((type, i) => writeDown(buildCallEvent(type, call, first + i, Date.now())));
  return { call, resources: NO_RESOURCES, events, endpoints: events.map(() => endpoints), closed };
}
