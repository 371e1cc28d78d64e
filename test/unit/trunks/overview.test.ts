import { expect, it } from 'vitest';
import { configSchema } from '../../../src/config/schema.js';
import type { TrunkState } from '../../../src/trunks/carriers/state.js';
import { Overview } from '../../../src/trunks/overview.js';

const config = configSchema.parse({
  trunks: [{ id: 'carrier', outbound: { to: 'sip:carrier.example' } }],
  destinations: [{ id: 'office', trunk: 'carrier', number: '+74951230000' }],
  routes: [{ id: 'main', steps: [{ dial: ['office'] }] }],
  sites: [{ id: 'divan', defaultRoute: 'main' }],
});
const GATEWAY = {
  uri: 'sip:carrier.example',
  priority: 1,
  weight: 1,
  state: 'up' as const,
  since: null,
  lastStatus: 200,
  heldUntil: null,
  full: false,
  share: 1,
};
const SINCE = '2026-11-21T10:00:00.000Z';
const trunk = (change: Partial<TrunkState>): TrunkState => ({
  id: 'carrier',
  up: (change.down ?? []).length === 0,
  draining: false,
  down: [],
  gateways: [GATEWAY],
  registration: null,
  lastCallAt: null,
  ...change,
});

it.each<[string, Partial<TrunkState>, boolean]>([
  ['in order', {}, true],
  ['not registered, which is about calls in', { down: [{ reason: 'registration', since: SINCE }] }, true],
  ['from which no call has come for long', { down: [{ reason: 'silence', since: SINCE }] }, true],
  [
    'of which no gateway answers',
    { down: [{ reason: 'options', since: SINCE }], gateways: [{ ...GATEWAY, state: 'down' }] },
    false,
  ],
  ['that drains', { down: [{ reason: 'drain', since: SINCE }], draining: true }, false],
])('a destination behind a trunk %s', async (_what, change, trunkUp) => {
  const overview = new Overview({
    config: () => config,
    inUse: () => Promise.resolve(new Map()),
    use: { highest: () => Promise.resolve(new Map()) },
    trunkStates: { list: () => [trunk(change)] },
    drains: { has: () => false, set: () => Promise.resolve() },
    registrations: () => Promise.resolve(new Map()),
    lineHealth: () => null,
    findNumber: () => Promise.resolve(null),
  });
  expect(await overview.destinations('UTC')).toMatchObject([{ id: 'office', trunkUp }]);
});
