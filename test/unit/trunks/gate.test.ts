import { describe, expect, it } from 'vitest';
import type { TrunkConfig } from '../../../src/config/schema.js';
import { TrunkGate } from '../../../src/trunks/gate.js';

function trunk(id: string, ...from: string[]): TrunkConfig {
  const inbound = {
    from,
    transport: 'any' as const,
    srtp: 'off' as const,
    channels: null,
    numbers: { country: 'RU' },
    trustAssertedIdentity: false,
  };
  return { id, channels: null, capacityCodes: [], inbound };
}

const gate = new TrunkGate([
  trunk('wide', '203.0.113.0/24', '2001:db8::/32'),
  trunk('narrow', '203.0.113.8/29'),
  trunk('host', '203.0.113.9', '2001:db8::7'),
  trunk('sloppy', '198.51.100.77/24'),
  trunk('mapped', '::ffff:192.0.2.0/120'),
  { id: 'outbound-only', channels: null, capacityCodes: [] },
]);

describe('TrunkGate', () => {
  it.each([
    ['203.0.113.1', 'wide'],
    ['203.0.113.8', 'narrow'],
    ['203.0.113.15', 'narrow'],
    ['203.0.113.16', 'wide'],
    ['203.0.113.9', 'host'],
    ['::ffff:203.0.113.9', 'host'],
    ['::ffff:cb00:7109', 'host'],
    ['2001:db8::7', 'host'],
    ['2001:0DB8:0:0:0:0:0:8', 'wide'],
    ['[2001:db8::8]', 'wide'],
    ['2001:db8::8%eth0', 'wide'],
    ['198.51.100.1', 'sloppy'],
    ['192.0.2.200', 'mapped'],
    ['192.0.3.200', undefined],
    ['203.0.114.1', undefined],
    ['2001:db9::1', undefined],
    ['127.0.0.1', undefined],
    ['203.0.113', undefined],
    ['203.0.113.1.1', undefined],
    ['0313.0.113.1', undefined],
    ['carrier.example', undefined],
    ['', undefined],
  ])('%s → %s', (address, id) => {
    expect(gate.find(address)?.id).toBe(id);
  });

  it('takes every address for a trunk that says so', () => {
    const open = new TrunkGate([trunk('all', '0.0.0.0/0')]);
    expect(open.find('8.8.8.8')?.id).toBe('all');
    expect(open.find('2001:db8::1')).toBeNull();
  });
});
