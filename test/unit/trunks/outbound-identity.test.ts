import { describe, expect, it } from 'vitest';
import { formatNumber, type NumberFormat, outboundIdentity } from '../../../src/trunks/outbound-identity.js';

type Format = NumberFormat['format'];

describe('formatNumber', () => {
  it.each<[number: string, country: string, format: Format, expected: string]>([
    ['+74951230000', 'RU', 'e164', '+74951230000'],
    ['+74951230000', 'RU', 'plain', '74951230000'],
    ['+74951230000', 'RU', 'national', '84951230000'],
    ['+74951230000', 'RU', 'international', '81074951230000'],
    ['+998711234567', 'RU', 'national', '810998711234567'],
    ['+77012345678', 'RU', 'national', '87012345678'],
    ['+4930123456', 'DE', 'national', '030123456'],
    ['+74951230000', 'DE', 'national', '0074951230000'],
    ['+12125550123', 'US', 'national', '12125550123'],
    ['+4930123456', 'US', 'international', '0114930123456'],
    ['+74951230000', 'XX', 'international', '0074951230000'],
    ['112', 'RU', 'national', '112'],
    ['', 'RU', 'e164', ''],
  ])('%s in %s as %s: %s', (number, country, format, expected) => {
    expect(formatNumber(number, { format, prefix: '', country })).toBe(expected);
  });

  it('puts the prefix before it', () => {
    expect(formatNumber('+74951230000', { format: 'plain', prefix: '99#', country: 'RU' })).toBe('99#74951230000');
  });
});

const ANNA = { number: '+79160000001', withheld: false, name: 'Anna', trackingNumber: '+74951111111' };
const HIDDEN = { ...ANNA, number: null, withheld: true, name: null };
const NOBODY = { ...ANNA, number: null, name: null };
const PLAIN = {
  to: [{ uri: 'sip:x@sip.carrier.example:5060;transport=tcp', priority: 1, weight: 1 }],
  callerId: 'passthrough',
  assertedIdentity: false,
  diversion: false,
  numbers: { format: 'e164' as const, prefix: '' },
};
const ANONYMOUS = { user: 'anonymous', displayName: 'Anonymous', host: 'anonymous.invalid' };
const PAI = { 'P-Asserted-Identity': '<sip:+79160000001@localhost>' };

describe('outboundIdentity', () => {
  it.each([
    ['passes the number through', ANNA, {}, { user: '+79160000001', displayName: 'Anna' }, {}],
    ['shows a fixed number', ANNA, { callerId: '+74951111111' }, { user: '+74951111111', displayName: 'Anna' }, {}],
    ['asserts the number', ANNA, { assertedIdentity: true }, { user: '+79160000001', displayName: 'Anna' }, PAI],
    [
      'asserts it behind a fixed number',
      ANNA,
      { callerId: '+74951111111', assertedIdentity: true },
      { user: '+74951111111', displayName: 'Anna' },
      PAI,
    ],
    ['hides who withholds his number', HIDDEN, {}, ANONYMOUS, { Privacy: 'id' }],
    ['tells it no carrier', HIDDEN, { assertedIdentity: true }, ANONYMOUS, { Privacy: 'id' }],
    [
      'names our account, and asserts the number behind it',
      ANNA,
      { callerId: 'sip:123456@sip.carrier.example', assertedIdentity: true },
      { user: '123456', host: 'sip.carrier.example', displayName: 'Anna' },
      PAI,
    ],
    [
      'needs no privacy for a number of our own',
      HIDDEN,
      { callerId: '+74951111111' },
      { user: '+74951111111', displayName: null },
      {},
    ],
    ['has no number to show', NOBODY, { assertedIdentity: true }, ANONYMOUS, {}],
    [
      'says by which number he came',
      ANNA,
      { diversion: true },
      { user: '+79160000001', displayName: 'Anna' },
      { Diversion: '<sip:+74951111111@sip.carrier.example>;reason=unconditional;privacy=off;counter=1' },
    ],
    [
      'writes all numbers in the way of the carrier, without the prefix',
      ANNA,
      { diversion: true, assertedIdentity: true, numbers: { format: 'national' as const, prefix: '9' } },
      { user: '89160000001', displayName: 'Anna' },
      {
        'P-Asserted-Identity': '<sip:89160000001@localhost>',
        Diversion: '<sip:84951111111@sip.carrier.example>;reason=unconditional;privacy=off;counter=1',
      },
    ],
    [
      'diverts from no number that is none',
      { ...ANNA, trackingNumber: '' },
      { diversion: true },
      { user: '+79160000001', displayName: 'Anna' },
      {},
    ],
  ])('%s', (_, caller, policy, from, headers) => {
    expect(outboundIdentity(caller, { ...PLAIN, ...policy }, 'RU')).toEqual({ from, headers });
  });
});
