import { describe, expect, it } from 'vitest';
import { LeaseDesk, type LeaseOutcome } from '../../src/leases/desk.js';
import type { LeaseStore, PoolPolicy, TakeRequest } from '../../src/leases/ports.js';
import { serve } from '../support/http.js';
import { httpOptions, noLeaseStore } from '../support/no-resources.js';

const KEY = 'site-divan-0123456789';
const ORIGINS = ['https://divan.example', 'https://*.shop.example:8443'];

const BROWSER =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';

const POOL: PoolPolicy = {
  lease: 600_000,
  maxLease: 3_600_000,
  quarantine: 600_000,
  low: 0.1,
  holders: 86_400_000,
  fallback: '+74952222222',
};

function listen(perAddress = 60, leases = httpOptions().leases, sharePerAddress = 0.5): Promise<string> {
  const snippet = { key: KEY, origins: ORIGINS, perAddress, sharePerAddress };
  const sites = [{ id: 'divan', snippet }, { id: 'without' }];
  return serve({
    leases,
    sites: () => sites,
    trustedProxies: ['127.0.0.1'],
  });
}

async function open(perAddress?: number, leases?: LeaseDesk, sharePerAddress?: number) {
  const url = await listen(perAddress, leases, sharePerAddress);
  return (headers: Record<string, string>, { key = KEY, method = 'POST', body = '{"session":{"id":"s"}}' } = {}) =>
    fetch(`${url}/dni/${key}/leases`, {
      method,
      headers: { 'content-type': 'text/plain', 'user-agent': BROWSER, ...headers },
      ...(method === 'POST' ? { body } : {}),
    });
}

describe('/dni.js', () => {
  it('is sent compressed to who takes that, and not again to who has it', async () => {
    const url = `${await listen()}/dni.js`;
    const get = (headers: Record<string, string>) => fetch(url, { headers });
    const [zipped, plain] = [
      await get({ 'accept-encoding': 'gzip, br' }),
      await get({ 'accept-encoding': 'identity' }),
    ];
    expect([zipped, plain].map(({ headers }) => headers.get('content-encoding'))).toEqual(['gzip', null]);
    expect([zipped, plain].map(({ headers }) => headers.get('vary'))).toEqual(['Accept-Encoding', 'Accept-Encoding']);
    expect(await zipped.text()).toBe(await plain.text());
    const etag = zipped.headers.get('etag') ?? '';
    expect(plain.headers.get('etag')).not.toBe(etag);
    expect((await get({ 'accept-encoding': 'gzip', 'if-none-match': etag, 'cache-control': 'max-age=0' })).status).toBe(
      304,
    );
  });
});

describe("the snippet's way in", () => {
  it.each([
    ['https://divan.example', true],
    ['https://www.shop.example:8443', true],
    ['https://a.b.shop.example:8443', true],
    ['http://divan.example', false],
    ['https://divan.example.evil.example', false],
    ['https://shop.example:8443', false],
    ['https://.shop.example:8443', false],
    ['https://evilshop.example:8443', false],
    ['null', false],
  ])('from %s: %s', async (origin, allowed) => {
    const ask = await open();
    // 400: let in, and then told that nothing of the sort is lent here.
    const answer = await ask({ origin });
    expect(answer.status).toBe(allowed ? 400 : 403);
    expect(answer.headers.get('access-control-allow-origin')).toBe(allowed ? origin : null);
    const before = await ask({ origin, 'access-control-request-method': 'POST' }, { method: 'OPTIONS' });
    expect(before.status).toBe(allowed ? 204 : 403);
    expect(before.headers.get('access-control-allow-headers')).toBe(allowed ? 'Content-Type' : null);
  });

  it('refuses who says no origin, and a key that is none', async () => {
    const ask = await open();
    expect((await ask({})).status).toBe(403);
    expect((await ask({ origin: 'https://divan.example' }, { key: 'undefined' })).status).toBe(404);
  });

  it.each([
    ['no JSON', '{', 400],
    ['no session', '{}', 400],
    ['anything else beside it', '{"session":{"id":"s"},"leaseSeconds":86400}', 400],
    ['a megabyte', JSON.stringify({ session: { id: 's', landingPage: 'x'.repeat(1_000_000) } }), 413],
  ])('refuses %s', async (_what, body, status) => {
    const ask = await open();
    expect((await ask({ origin: 'https://divan.example' }, { body })).status).toBe(status);
  });

  it('lets one address ask only so often, by what a trusted proxy says', async () => {
    const ask = await open(2);
    const from = (address: string) => ask({ origin: 'https://divan.example', 'x-forwarded-for': address });
    expect((await from('192.0.2.1')).status).toBe(400);
    expect((await from('192.0.2.1')).status).toBe(400);
    const third = await from('192.0.2.1');
    expect(third.status).toBe(429);
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await from('192.0.2.2')).status).toBe(400);
    // A customer with IPv6 has a /64 of addresses to choose from.
    for (const last of [1, 2]) expect((await from(`2001:db8:1:2::${last}`)).status).toBe(400);
    expect((await from('2001:db8:1:2:ffff::3')).status).toBe(429);
    expect((await from('2001:db8:1:3::1')).status).toBe(400);
  });

  it('says from whom a visitor comes, in words that lead nobody to the address, unless all are for all', async () => {
    const askers: TakeRequest['asker'][] = [];
    const store: LeaseStore = {
      ...noLeaseStore,
      take: (request) => {
        askers.push(request.asker);
        return noLeaseStore.take(request);
      },
    };
    const desk = new LeaseDesk(store, () => POOL);
    const from = async (addresses: readonly string[], share?: number) => {
      const ask = await open(60, desk, share);
      for (const address of addresses) await ask({ origin: 'https://divan.example', 'x-forwarded-for': address });
      return askers.splice(0);
    };
    const [one, again, other] = await from(['192.0.2.1', '192.0.2.1', '192.0.2.2']);
    expect(one).toEqual({ id: expect.stringMatching(/^[\w-]{16}$/) as string, share: 0.5 });
    expect([again, other?.id === one?.id]).toEqual([one, false]);
    const [elsewhere] = await from(['192.0.2.1']);
    expect(elsewhere?.id).not.toBe(one?.id);
    expect(await from(['192.0.2.1'], 1)).toEqual([null]);
  });

  it.each([
    ['a visitor', BROWSER, 'fallback'],
    ['a visitor who does not say with what he looks', '', 'fallback'],
    ['a crawler', 'Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)', 'robot'],
    ['a program', 'curl/8.9.1', 'robot'],
  ])('asks the pool for %s: %s', async (_who, agent, expected) => {
    const outcomes: LeaseOutcome[] = [];
    const desk = new LeaseDesk(noLeaseStore, () => POOL, { onOutcome: (_site, outcome) => outcomes.push(outcome) });
    const ask = await open(60, desk);
    const answer = await ask({ origin: 'https://divan.example', 'user-agent': agent });
    const { number, expiresInSeconds, askAgainSeconds, ...code } = (await answer.json()) as Record<string, unknown>;
    expect([number, expiresInSeconds, askAgainSeconds]).toEqual(['+74952222222', 0, 60]);
    expect(code).toEqual({ code: null, codeExpiresInSeconds: 0 });
    expect(outcomes).toEqual([expected]);
  });
});
