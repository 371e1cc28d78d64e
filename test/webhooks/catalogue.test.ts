import { describe, expect, expectTypeOf, it } from 'vitest';
import type { z } from 'zod';
import type { Call } from '../../src/call/call.js';
import type { CallEventType } from '../../src/call/event-types.js';
import type { callSchema } from '../../src/events/catalogue.js';
import { buildCallEvent, eventSchema, writeDown } from '../../src/events/catalogue.js';
import {
  endpointsForCall,
  endpointsForOperational,
  matches,
  SUBSCRIPTION_PATTERNS,
  unknownPatterns,
  unnamedEndpoints,
} from '../../src/events/subscriptions.js';
import { exampleCall } from '../redis/examples.js';

const NOW = Date.parse('2026-11-21T10:12:07.412Z');
const at = '2026-11-21T10:12:07.000Z';
const ended = { endedAt: at, ended: { by: 'caller', reason: 'normal', sip: 200 } } as const;
describe('the catalogue', () => {
  it('has the shape of the call document', () => {
    expectTypeOf<z.output<typeof callSchema>>().toEqualTypeOf<Call>();
  });

  it.each<[CallEventType, Partial<Call>]>([
    ['call.missed', { ...ended, disposition: 'missed' }],
    ['call.missed', { ...ended, disposition: 'answered', lossReason: 'busy' }],
    ['call.completed', { ...ended, disposition: 'answered' }],
    ['recording.ready', {}],
    ['call.overflowed', {}],
    ['call.received', { startedAt: 'yesterday' }],
  ])('%s does not take %j', (type, fields) => {
    expect(eventSchema(type).safeParse(buildCallEvent(type, exampleCall(fields), 1, NOW)).success).toBe(false);
  });

  it('an event written down keeps the call as it was', () => {
    const call = exampleCall();
    const before = structuredClone(call);
    const event = buildCallEvent('call.received', call, 1, NOW, { note: 1 });
    const { id, type, timestamp, sequence, body } = writeDown(event);
    call.legs.push({} as Call['legs'][0]);
    expect(JSON.parse(body)).toEqual({ id, type, timestamp, sequence, data: { note: 1, call: before } });
  });
});

describe('subscriptions', () => {
  it.each([
    [['*'], 'trunk.down', true],
    [['call.*'], 'call.missed', true],
    [['call.*'], 'call.attribution.corrected', true],
    [['call.*'], 'recording.ready', false],
    [['call.missed', 'recording.*'], 'recording.ready', true],
    [['call.missed'], 'call.completed', false],
    [[], 'call.completed', false],
  ] as const)('%j and %s: %s', (patterns, type, expected) => {
    expect(matches(patterns, type)).toBe(expected);
  });

  it('name what no event is called', () => {
    expect(unknownPatterns(['*', 'call.*', 'call.missed', 'pool.*'])).toEqual([]);
    expect(unknownPatterns(['call', 'call.lost', 'calls.*', '', 'call.attribution.*'])).toHaveLength(5);
    expect(SUBSCRIPTION_PATTERNS).toContain('capacity.*');
  });

  it('go by the site of the call', () => {
    const endpoints = [
      { id: 'crm', events: ['*'] },
      { id: 'bi', events: ['call.missed'] },
      { id: 'ops', events: ['*'] },
    ];
    const sites = [
      { id: 'divan', webhooks: ['crm', 'bi'] },
      { id: 'kitchen', webhooks: ['bi'] },
    ];
    expect(endpointsForCall('call.missed', 'divan', endpoints, sites)).toEqual(['crm', 'bi']);
    expect(endpointsForCall('call.answered', 'kitchen', endpoints, sites)).toEqual([]);
    expect(endpointsForCall('call.rejected', null, endpoints, sites)).toEqual(['ops']);
    expect(endpointsForCall('call.rejected', null, endpoints, sites.slice(0, 1))).toEqual(['crm', 'ops']);
    expect(unnamedEndpoints([...endpoints, { id: 'noc', events: ['trunk.*'] }], sites)).toEqual(['ops']);
    expect(endpointsForOperational('trunk.down', endpoints, null, sites)).toEqual(['crm', 'ops']);
    expect(endpointsForOperational('pool.low', endpoints, 'divan', sites)).toEqual(['crm', 'ops']);
    expect(endpointsForOperational('pool.low', endpoints, 'kitchen', sites)).toEqual(['ops']);
  });
});
