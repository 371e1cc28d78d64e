import { describe, expect, it } from 'vitest';
import { policyOf } from '../../../src/call/recording-policy.js';
import { configSchema } from '../../../src/config/schema.js';

const [OWN, GENERAL] = ['own.wav', 'general.wav'];

function announcementOf(route: Record<string, unknown>, site: Record<string, unknown>): unknown {
  const config = configSchema.parse({
    trunks: [{ id: 'carrier' }],
    routes: [{ id: 'main', steps: [{ announce: 'x' }], recording: route }],
    sites: [{ id: 'shop', defaultRoute: 'main', recording: site }],
  });
  const [main] = config.routes;
  return main && policyOf(main, config.sites[0]).announcement;
}

describe('the announcement before a recorded call', () => {
  it.each([
    [{}, {}, undefined],
    [{}, { announcement: GENERAL }, GENERAL],
    [{ announce: false }, { announcement: GENERAL }, undefined],
    [{ announce: true }, { announcement: GENERAL, announce: false }, GENERAL],
    [{}, { announcement: GENERAL, announce: false }, undefined],
    [{ announcement: OWN }, { announcement: GENERAL }, OWN],
    [{ announcement: OWN }, { announce: false }, OWN],
    [{ announcement: OWN, announce: false }, {}, undefined],
  ])('route %j, site %j: %s', (route, site, expected) => {
    expect(announcementOf(route, site)).toBe(expected);
  });
});
