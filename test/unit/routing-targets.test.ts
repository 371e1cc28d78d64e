import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import { resolveTarget, routeSrtp } from '../../src/routing/targets.js';

const carrier = (outbound: Record<string, unknown>, trunk: Record<string, unknown> = {}) =>
  configSchema.parse({
    trunks: [{ id: 'carrier', channels: 9, outbound: { to: 'sip:sip.carrier.example', ...outbound }, ...trunk }],
    lines: [
      { id: 'desk', uri: 'sip:101@10.0.0.5', channels: 1 },
      { id: 'phone', register: { username: 'u', password: 'p' } },
    ],
    destinations: [{ id: 'office', trunk: 'carrier', number: '+74951230000', channels: 4 }],
    routes: [{ id: 'route', steps: [{ dial: ['office'] }] }],
    sites: [{ id: 'shop', defaultRoute: 'route' }],
  });

describe('resolveTarget', () => {
  it.each([
    ['as configured', {}, {}, 'sip:+74951230000@sip.carrier.example'],
    ['in the national way', { numbers: { format: 'national' } }, {}, 'sip:84951230000@sip.carrier.example'],
    [
      "by the inbound side's country",
      { numbers: { format: 'national' } },
      { inbound: { from: ['203.0.113.1'], numbers: { country: 'DE' } } },
      'sip:0074951230000@sip.carrier.example',
    ],
    [
      'by a country of its own',
      { numbers: { format: 'international', country: 'US' } },
      { inbound: { from: ['203.0.113.1'], numbers: { country: 'DE' } } },
      'sip:01174951230000@sip.carrier.example',
    ],
    [
      'behind a prefix that a URI has to write otherwise',
      { numbers: { format: 'plain', prefix: '9*#' } },
      {},
      'sip:9*%2374951230000@sip.carrier.example',
    ],
    [
      'in the place of the number that stands there',
      { to: 'sip:trunk@sip.carrier.example:5080;transport=tcp' },
      {},
      'sip:+74951230000@sip.carrier.example:5080;transport=tcp',
    ],
  ])('writes the number %s', (_, outbound, trunk, uri) => {
    expect(resolveTarget(carrier(outbound, trunk), 'office').gateways).toEqual([{ uri, priority: 1, weight: 1 }]);
  });

  it('counts a call against the destination, the outbound side and the trunk as a whole', () => {
    expect(resolveTarget(carrier({ channels: 6 }), 'office').limits).toEqual([
      { resource: 'destination:office', limit: 4 },
      { resource: 'trunk-out:carrier', limit: 6 },
      { resource: 'trunk:carrier', limit: 9 },
    ]);
  });

  it('knows lines with an address and lines that register', () => {
    expect(resolveTarget(carrier({}), 'desk')).toMatchObject({
      kind: 'line',
      trunk: null,
      gateways: [{ uri: 'sip:101@10.0.0.5' }],
      limits: [{ resource: 'line:desk', limit: 1 }],
    });
    expect(resolveTarget(carrier({}), 'phone')).toMatchObject({ gateways: [], line: { id: 'phone' } });
  });

  it('knows how FreeSWITCH is to offer its sound to all whom a route dials', () => {
    const config = carrier({ to: 'sip:sip.carrier.example;transport=tls', srtp: 'required' });
    const srtpOf = (...dial: string[]) => routeSrtp(config, { steps: dial.map((id) => ({ dial: [id] })) as never });
    expect([srtpOf('desk'), srtpOf('office'), srtpOf('office', 'desk')]).toEqual([
      'forbidden',
      'mandatory',
      'optional',
    ]);
    expect(routeSrtp(config, { steps: [{ announce: 'x' }] as never })).toBe('forbidden');
  });

  it('throws where the name stands for nothing', () => {
    expect(() => resolveTarget(carrier({}), 'nobody')).toThrow('"nobody" names no line');
  });
});
