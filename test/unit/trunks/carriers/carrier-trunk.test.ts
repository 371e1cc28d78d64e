import { expect, it, onTestFinished } from 'vitest';
import type { LegResult } from '../../../../src/call/call.js';
import { configSchema } from '../../../../src/config/schema.js';
import { CarrierTrunk } from '../../../../src/trunks/carriers/carrier-trunk.js';
import { trunksDown } from '../../../../src/trunks/overview.js';
import { until } from '../../../support/until.js';

const [FIRST, SECOND] = ['sip:192.0.2.1:5060', 'sip:192.0.2.2:5060'] as const;
const HELD = { status: 503, reason: 'Service Unavailable', texts: [], q850: null, retryAfterSeconds: 60 };

/** A trunk of two gateways, of which each answers OPTIONS or is silent, and has asked to be left alone with a word or not. */
async function trunkOf(answers: readonly [boolean, boolean], asked: readonly (LegResult | null)[]) {
  const to = [FIRST, SECOND].map((uri, i) => ({ uri, priority: i + 1 }));
  const health = { options: '100ms', down: 1, up: 1 };
  const [config = expect.fail()] = configSchema.shape.trunks.parse([{ id: 'carrier', outbound: { to }, health }]);
  const trunk = new CarrierTrunk(config, {
    options: (uri) => Promise.resolve((uri === FIRST ? answers[0] : answers[1]) ? 200 : null),
    register: () => expect.fail('it does not register'),
    now: () => performance.now(),
    random: () => 0,
    onChange: () => undefined,
    onRegistration: () => undefined,
  });
  onTestFinished(() => trunk.stop());
  await until('both were asked', () => trunk.gatewayStates().every(({ state }) => state !== 'unknown'));
  for (const [i, result] of asked.entries()) if (result) trunk.failed(to[i]?.uri ?? '', HELD, result);
  return trunk;
}

it.each([
  ['both are there', [true, true], [], [FIRST, SECOND], [FIRST, SECOND]],
  ['one is there: the silent one is left alone', [false, true], [], [SECOND], [SECOND]],
  ['both are silent: dialled rather than the call is lost', [false, false], [], [], [FIRST, SECOND]],
  ['one is silent, one asked to be left alone', [false, true], [null, 'unreachable'], [], [FIRST]],
  ['silent, and asked to be left alone', [false, false], ['unreachable', 'unreachable'], [], []],
  ['both asked to be left alone', [true, true], ['unreachable', 'capacity'], [], []],
] as const)('%s', async (_, answers, asked, usual, evenDown) => {
  const trunk = await trunkOf(answers, asked);
  const order = (even: boolean) => trunk.order(trunk.config.outbound?.to ?? [], even).gateways.map(({ uri }) => uri);
  expect(order(false)).toEqual(usual);
  expect(order(true)).toEqual(evenDown);
  // As operators are told it.
  const told = trunksDown([{ id: 'carrier', draining: false, gateways: trunk.gatewayStates() }], Date.now());
  expect(told.has('carrier')).toBe(usual.length === 0);
  expect(told.get('carrier')?.silent ?? false).toBe(usual.length === 0 && evenDown.length > 0);
});
