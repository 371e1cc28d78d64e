import { describe, expect, it } from 'vitest';
import { configSchema, type Scope } from '../../src/config/schema.js';
import { LeaseDesk } from '../../src/leases/desk.js';
import { RedisLeases } from '../../src/redis/leases.js';
import { RedisNumbers } from '../../src/redis/numbers.js';
import { accessKey, serve } from '../support/http.js';
import { lend, visitor } from '../support/lender.js';
import { openRedis } from '../support/redis.js';

const config = configSchema.parse({
  trunks: [{ id: 'carrier', inbound: { from: ['192.0.2.1'] } }],
  routes: [{ id: 'main', steps: [{ announce: 'silence_stream://1000' }] }],
  sites: [
    { id: 'divan', defaultRoute: 'main', pool: { lease: '10m', maxLease: '1h', fallback: '+74959999999' } },
    { id: 'stol', defaultRoute: 'main' },
  ],
  numbers: [
    { number: '+74951111111', site: 'divan', kind: 'dynamic' },
    { number: '+74951111112', site: 'divan', kind: 'dynamic' },
    { number: '+74951111113', site: 'stol', kind: 'static' },
  ],
});

interface Body {
  outcome?: string;
  number?: string | null;
  lease?: { id: string; number: string; expiresAt: string } | null;
  id?: string;
  code?: string;
  detail?: string;
  expiresAt?: string;
}

async function open(scopes: Scope[] = ['leases:read', 'leases:write']) {
  const { link, keys, raw, prefix } = await openRedis();
  await new RedisNumbers(link, keys, 'gw-1').write(config.numbers);
  const desk = new LeaseDesk(
    new RedisLeases(link, keys),
    (site) => config.sites.find(({ id }) => id === site)?.pool ?? null,
  );
  const url = await serve({
    keys: () => [accessKey('shop', 'key', scopes)],
    leases: desk,
  });
  const ask = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${url}/v1/leases${path}`, {
      method,
      headers: { authorization: 'Bearer key', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Body };
  };
  return { ask, raw, prefix };
}

describe('/v1/leases', () => {
  it('lends, keeps, extends, finds and releases', async () => {
    const { ask } = await open();
    const session = { id: 'a', utm: { source: 'yandex' }, gclid: 'x' };
    const lent = await ask('POST', '', { site: 'divan', session });
    expect(lent).toMatchObject({ status: 201, body: { outcome: 'lent', number: '+74951111111' } });
    expect(lent.body.lease).toMatchObject({
      number: '+74951111111',
      site: 'divan',
      session: { ...session, yclid: null },
    });
    const { id = '', expiresAt = '' } = lent.body.lease ?? {};
    expect(await ask('POST', '', { site: 'divan', session })).toMatchObject({
      status: 200,
      body: { outcome: 'kept', lease: { id } },
    });
    const extended = await ask('PATCH', `/${id}`, { leaseSeconds: 3600 });
    expect(extended).toMatchObject({ status: 200, body: { id } });
    expect(Date.parse(extended.body.expiresAt ?? '')).toBeGreaterThan(Date.parse(expiresAt));
    for (const path of [`/${id}`, '?number=%2B74951111111', '?site=divan&session=a'])
      expect(await ask('GET', path)).toEqual({ status: 200, body: extended.body });
    expect((await ask('DELETE', `/${id}`)).status).toBe(204);
    expect((await ask('DELETE', `/${id}`)).status).toBe(204);
    for (const [method, path] of [
      ['GET', `/${id}`],
      ['PATCH', `/${id}`],
      ['GET', '?number=%2B74951111111'],
      ['GET', '?site=divan&session=a'],
      ['GET', '/ls_no-such-lease'],
    ] as const)
      expect(await ask(method, path)).toMatchObject({ status: 404, body: { code: 'GW_ERR_NOT_FOUND' } });
  });

  it('finds the lease of another service by its number', async () => {
    const { ask, raw, prefix } = await open();
    await lend(raw, prefix, '+74951111111', 'divan', visitor('theirs'));
    expect(await ask('GET', '?number=%2B74951111111')).toMatchObject({ status: 200, body: { id: 'lease-theirs' } });
    // It is not ours to end: "done" would be a lie.
    for (const method of ['DELETE', 'PATCH', 'GET'])
      expect(await ask(method, '/lease-theirs')).toMatchObject({ status: 404, body: { code: 'GW_ERR_NOT_FOUND' } });
    expect((await ask('POST', '', { site: 'divan', session: { id: 'a' } })).body.number).toBe('+74951111112');
  });

  it('answers the static number when none is free, and nothing where there is no such number', async () => {
    const { ask } = await open();
    for (const id of ['a', 'b']) await ask('POST', '', { site: 'divan', session: { id } });
    expect(await ask('POST', '', { site: 'divan', session: { id: 'c' } })).toEqual({
      status: 200,
      body: { outcome: 'fallback', number: '+74959999999', lease: null, promo: null },
    });
    expect(await ask('POST', '', { site: 'stol', session: { id: 'c' } })).toEqual({
      status: 200,
      body: { outcome: 'fallback', number: null, lease: null, promo: null },
    });
  });

  it.each([
    ['a session of 1 MB', { site: 'divan', session: { id: 'a', keyword: 'x'.repeat(1_000_000) } }, 413, ''],
    [
      'a session of 20 kB',
      {
        site: 'divan',
        session: {
          id: 'a',
          ...Object.fromEntries(
            ['landingPage', 'referrer', 'keyword', 'gclid'].map((name) => [name, 'ы'.repeat(2_500)]),
          ),
        },
      },
      400,
      'bytes',
    ],
    ['a lease longer than allowed', { site: 'divan', session: { id: 'a' }, leaseSeconds: 3601 }, 400, 'at most 3600'],
    ['a lease of no length', { site: 'divan', session: { id: 'a' }, leaseSeconds: 0 }, 400, 'leaseSeconds'],
    ['a site that is none', { site: 'other', session: { id: 'a' } }, 400, 'site'],
    ['no session', { site: 'divan' }, 400, 'session'],
    ['a session without an id', { site: 'divan', session: { utm: {} } }, 400, 'session.id'],
    ['a field that is none', { site: 'divan', session: { id: 'a' }, number: '+74951111111' }, 400, 'number'],
    ['what is no JSON', '{"site":', 400, 'JSON'],
  ])('refuses %s with a problem document', async (_what, body, status, detail) => {
    const { ask } = await open();
    const answer = await ask('POST', '', body);
    expect(answer.status).toBe(status);
    expect(answer.body.code).toBe(status === 413 ? 'GW_ERR_PAYLOAD_TOO_LARGE' : 'GW_ERR_BAD_REQUEST');
    expect(answer.body.detail).toContain(detail);
  });

  it.each([{}, { utm: null }, { utm: {} }])('takes a visitor of no campaign, as %j', async (session) => {
    const { ask } = await open();
    const lent = await ask('POST', '', { site: 'divan', session: { id: 'a', ...session } });
    expect(lent.body.lease).toMatchObject({ session: { utm: { source: null, term: null } } });
  });

  it('cuts a text that is too long, and refuses a look-up that is none', async () => {
    const { ask } = await open();
    const long = await ask('POST', '', { site: 'divan', session: { id: 'a', landingPage: 'x'.repeat(5_000) } });
    expect(long.body.lease).toMatchObject({ session: { landingPage: 'x'.repeat(2_048) } });
    // Half of what stands at the edge is no letter, and neither PHP nor PostgreSQL reads JSON with one.
    const odd = await ask('POST', '', { site: 'divan', session: { id: 'b', keyword: `${'x'.repeat(2_047)}😀` } });
    expect(odd.body.lease).toMatchObject({ session: { keyword: `${'x'.repeat(2_047)}\ufffd` } });
    for (const query of ['', '?number=74951111111', '?site=divan', '?number=%2B74951111111&site=divan'])
      expect((await ask('GET', query)).status).toBe(400);
  });

  it('asks for its scopes', async () => {
    const reader = await open(['leases:read']);
    expect((await reader.ask('POST', '', { site: 'divan', session: { id: 'a' } })).status).toBe(403);
    const writer = await open(['leases:write']);
    expect((await writer.ask('GET', '?number=%2B74951111111')).status).toBe(403);
  });
});
