import { describe, expect, it } from 'vitest';
import { findByCode } from '../../../src/call/promo.js';
import { exampleCall, exampleHolder } from '../../redis/examples.js';

const STARTED = '2026-11-21T10:00:00.000Z';
const ENDED = '2026-11-21T10:05:00.000Z';

const lentAt = (leasedAt: string) => ({
  find: () => Promise.resolve(exampleHolder({ leaseId: 'pc_1', leasedAt: Date.parse(leasedAt) })),
});

describe('whose call it is by a code', () => {
  it.each([
    ['before the call', '2026-11-21T09:00:00.000Z', ENDED, true],
    ['while it went on', '2026-11-21T10:04:00.000Z', ENDED, true],
    ['while it goes on', '2026-11-21T10:09:00.000Z', null, true],
    ['after it, to the next visitor', '2026-11-21T10:09:00.000Z', ENDED, false],
  ])('lent %s', async (_what, leasedAt, endedAt, counts) => {
    const found = await findByCode(exampleCall({ startedAt: STARTED, endedAt }), '48210', lentAt(leasedAt));
    expect(found !== null).toBe(counts);
    if (found) expect(found).toMatchObject({ attribution: { verdict: 'promo', leaseId: 'pc_1' } });
  });

  it('is nobody’s where no site, or nobody, has it', async () => {
    const code = { find: () => Promise.resolve(null) };
    expect(await findByCode(exampleCall(), '48210', code)).toBeNull();
    expect(await findByCode(exampleCall({ site: null }), '48210', lentAt(STARTED))).toBeNull();
  });
});
