import { expect, it } from 'vitest';
import { runChaos } from './chaos.js';

// The long one is `npm run chaos`: 20,000 events.
it('loses no event, invents none and keeps the order of each call, whoever dies', async () => {
  const lines: string[] = [];
  const options = {
    events: 500,
    seed: 20_261_121,
    gateways: 2,
    appendfsync: 'always' as const,
    everyMs: 600,
    settleMs: 120_000,
  };
  const result = await runChaos({ ...options, log: (line) => lines.push(line) });
  expect(Object.keys(result.misfortunes)).toHaveLength(5);
  expect(result.written).toBeGreaterThanOrEqual(500);
  expect({ ...result, lines }).toMatchObject({ missing: [], unfounded: [], disordered: [], unverified: 0 });
});
