import { describe, expect, it } from 'vitest';
import { PromoDesk } from '../../src/leases/promo-desk.js';
import type { PromoPolicy } from '../../src/leases/ports.js';
import { RedisPromoCodes } from '../../src/redis/promo-codes.js';
import { visitor } from '../support/lender.js';
import { openRedis } from '../support/redis.js';

const HOUR = 3_600_000;
const POLICY: PromoPolicy = { lend: 'beside', digits: 5, lease: HOUR, rest: 2 * HOUR };

async function open(policy: Partial<PromoPolicy> = {}) {
  const redis = await openRedis();
  const held: string[] = [];
  const desk = new PromoDesk(
    new RedisPromoCodes(redis.link, redis.keys),
    (site) => (site === 'divan' || site === 'stol' ? { ...POLICY, ...policy } : null),
    (site) => held.push(site),
  );
  return { ...redis, desk, held };
}

describe('promo codes', () => {
  it('say whose they are, to their own site alone', async () => {
    const { desk } = await open();
    const { code = '' } = (await desk.lend('divan', visitor('a'))) ?? {};
    expect(await desk.find('divan', code)).toMatchObject({ sessionId: 'a', site: 'divan', session: { id: 'a' } });
    expect(await desk.find('stol', code)).toBeNull();
    expect(await desk.find('nowhere', code)).toBeNull();
  });

  it('stay a session’s own, with what is known of it last', async () => {
    const { desk } = await open();
    const first = await desk.lend('divan', visitor('a'));
    const again = await desk.lend('divan', { ...visitor('a'), keyword: 'corner sofa' });
    expect(again?.code).toBe(first?.code);
    const [holder, before] = [await desk.find('divan', first?.code ?? ''), first?.expiresAt ?? 0];
    expect(holder).toMatchObject({ session: { keyword: 'corner sofa' } });
    expect(holder?.leaseId).toMatch(/^pc_[0-9a-f]{32}_\d{5}$/);
    expect(again?.expiresAt).toBeGreaterThanOrEqual(before);
  });

  it('count on while they rest, then go', async () => {
    const { desk, raw, keys } = await open();
    const { code = '' } = (await desk.lend('divan', visitor('a'))) ?? {};
    for (const key of [keys.promoCode('divan', code), keys.sessionCode('divan', 'a')]) {
      const left = await raw.pttl(key);
      expect(left).toBeGreaterThan(3 * HOUR - 60_000);
      expect(left).toBeLessThanOrEqual(3 * HOUR);
    }
  });

  it('are nobody else’s, until there are none left', async () => {
    const { desk } = await open({ digits: 3 });
    const lent = await Promise.all(Array.from({ length: 60 }, (_, n) => desk.lend('divan', visitor(`v-${n}`))));
    const codes = lent.flatMap((one) => (one ? [one.code] : []));
    expect(codes.length).toBe(60);
    expect(new Set(codes).size).toBe(60);
    let refused = null;
    for (let n = 0; n < 200 && refused === null; n += 1)
      refused = (await desk.lend('divan', visitor(`w-${n}`))) ? null : n;
    expect(refused).not.toBeNull();
  });

  it('of another length than the site lends now are asked for no more', async () => {
    const { desk, link, keys } = await open();
    const { code = '' } = (await desk.lend('divan', visitor('a'))) ?? {};
    const longer = new PromoDesk(new RedisPromoCodes(link, keys), () => ({ ...POLICY, digits: 6 }));
    expect(await longer.find('divan', code)).toBeNull();
    expect((await longer.lend('divan', visitor('a')))?.code).toMatch(/^\d{6}$/);
  });

  it('are not all one address’s, whatever visitors it makes up; who has one keeps it', async () => {
    const { desk, raw, keys, held } = await open({ digits: 3 });
    const asker = { id: 'address', share: 0.1 };
    for (let n = 0; n < 10; n += 1) expect(await desk.lend('divan', visitor(`v-${n}`), asker)).not.toBeNull();
    expect(held).toEqual([]);
    expect(await desk.lend('divan', visitor('one-more'), asker)).toBeNull();
    expect(held).toEqual(['divan']);
    expect(await desk.lend('divan', visitor('v-3'), asker)).not.toBeNull();
    expect(await desk.lend('divan', visitor('of-another-address'), { ...asker, id: 'other' })).not.toBeNull();
    // As if the time of one of them were over.
    const [first = ''] = await raw.zrange(keys.codeAsker('divan', 'address'), 0, 0);
    await raw.zadd(keys.codeAsker('divan', 'address'), 1, first);
    expect(await desk.lend('divan', visitor('one-more'), asker)).not.toBeNull();
  });
});
