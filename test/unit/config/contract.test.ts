import { expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.js';

/** What operators were promised: written before the gateway was, so no key of it may go. */
it('takes the configuration that was agreed on', async () => {
  const config = await loadConfig('test/fixtures/contract.yaml', {
    DRACHTIO_SECRET: 'x',
    ESL_SECRET: 'x',
    CARRIER_A_PASSWORD: 'x',
    SALES_2: 'x',
    CRM_HOOK_SECRET: 'x'.repeat(24),
  });
  expect(config.routes[0]?.recording).toEqual({ mode: 'always', announce: false });
  expect(config.trunks[0]?.capacityCodes).toEqual(['503', '486/34', '403/User channel limit exceeded']);
  expect(config.sites[0]?.attribution).toMatchObject({ graceSeconds: 900, returningDays: 30 });
});
