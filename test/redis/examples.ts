import { newCallId } from '../../src/lib/ids.js';
import type { Call, CallResources } from '../../src/call/call.js';
import { noResources } from '../../src/call/document.js';
import type { CallEventType } from '../../src/call/event-types.js';
import type { CallChange, Holder } from '../../src/call/ports.js';
import { buildCallEvent, writeDown } from '../../src/events/catalogue.js';

/** Of `exampleChange`. */
export const EDGE = 'tcp/10.0.0.1:5060,udp/10.0.0.1:5060';
const NO_RESOURCES: CallResources = noResources(EDGE);

export function exampleCall(fields: Partial<Call> = {}): Call {
  return {
    id: newCallId(),
    sipCallId: 'a84b4c76e66710@203.0.113.5',
    site: 'divan',
    gateway: 'gw-1',
    trunk: 'carrier-a',
    route: 'divan',
    trackingNumber: '+74951111111',
    numberKind: 'dynamic',
    caller: {
      number: '+79160000001',
      withheld: false,
      name: null,
      firstCall: false,
      previousCalls: 2,
      lastCallAt: '2026-11-20T09:00:00.000Z',
      lastDisposition: 'answered',
    },
    startedAt: '2026-11-21T10:12:00.000Z',
    ringingAt: null,
    engagedAt: null,
    answeredAt: null,
    endedAt: null,
    durations: { ringSeconds: 0, talkSeconds: 0, totalSeconds: 0, addedSetupMs: 11 },
    disposition: null,
    lossReason: null,
    ended: null,
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
    corrections: [],
    legs: [],
    overflow: null,
    recording: {
      status: 'none',
      reason: null,
      file: null,
      bytes: null,
      sha256: null,
      durationSeconds: null,
      sampleRate: null,
      channels: null,
      silentChannels: null,
      startedAt: null,
      stoppedAt: null,
      paused: [],
      masked: [],
      deletedAt: null,
    },
    tags: [],
    handled: null,
    notes: [],
    screening: null,
    ...fields,
  };
}

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
