import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { screeningEditor } from '../../src/composition/screening-editor.js';
import { configSchema } from '../../src/config/schema.js';
import { RedisScreening } from '../../src/redis/screening.js';
import { ListBook, type ListEntry } from '../../src/screening/lists.js';
import { accessKey, serve } from '../support/http.js';
import { openRedis } from '../support/redis.js';

const config = configSchema.parse({
  trunks: [{ id: 'carrier', inbound: { from: ['192.0.2.1'] } }],
  routes: [{ id: 'main', steps: [{ announce: 'silence_stream://1000' }] }],
  sites: [
    { id: 'divan', defaultRoute: 'main', screening: { block: ['+7900*'], allow: ['+79001111111'] } },
    { id: 'stol', defaultRoute: 'main' },
  ],
});
const logger = pino({ level: 'silent' });

/** One gateway's interface, and the lists as its calls and another gateway's see them. */
async function open() {
  const { link, keys, raw } = await openRedis();
  const store = new RedisScreening(link, keys);
  const book = () => new ListBook({ sites: () => config.sites, store, logger });
  const [own, others] = [book(), book()];
  const url = await serve({
    screening: screeningEditor(store, own, () => config),
    keys: () => [
      accessKey('guard', 'writes', ['screening:read', 'screening:write']),
      accessKey('bi', 'reads', ['screening:read']),
    ],
    logger,
  });
  const ask = async (method: string, path: string, body?: unknown, key = 'writes') => {
    const response = await fetch(`${url}/v1/screening${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as unknown };
  };
  const entries = async (site: string) => ((await ask('GET', `/${site}`)).body as { entries: ListEntry[] }).entries;
  return { ask, entries, own, others, raw, keys };
}

describe('/v1/screening', () => {
  it('puts callers on lists and takes them off; calls here see it at once, those of other gateways after a look', async () => {
    const { ask, entries, own, others } = await open();
    const put = await ask('PUT', '/divan/%2B79160000001', { list: 'block' });
    expect(put).toMatchObject({ status: 200, body: { pattern: '+79160000001', list: 'block', by: 'guard' } });
    await ask('PUT', '/divan/%2B7916*', { list: 'allow' });
    expect(await entries('divan')).toHaveLength(2);
    expect(await entries('stol')).toEqual([]);
    const both = { block: ['+7900*', '+79160000001'], allow: ['+79001111111', '+7916*'] };
    expect(own.of('divan')).toEqual(both);
    expect(own.of('stol')).toEqual({ block: [], allow: [] });
    expect(others.of('divan').block).toEqual(['+7900*']);
    await others.refresh();
    expect(others.of('divan')).toEqual(both);

    // Put again it changes the list that he is on.
    expect((await ask('PUT', '/divan/%2B79160000001', { list: 'allow' })).status).toBe(200);
    expect(own.of('divan').block).toEqual(['+7900*']);
    expect((await ask('DELETE', '/divan/%2B79160000001')).status).toBe(204);
    expect((await ask('DELETE', '/divan/%2B7916*')).status).toBe(204);
    await others.refresh();
    for (const book of [own, others]) expect(book.of('divan')).toEqual({ block: ['+7900*'], allow: ['+79001111111'] });
  });

  it.each([
    ['GET', '/nobody', undefined, 404],
    ['PUT', '/nobody/%2B79160000001', { list: 'block' }, 404],
    ['DELETE', '/nobody/%2B79160000001', undefined, 404],
    ['PUT', '/divan/89160000001', { list: 'block' }, 400],
    ['PUT', '/divan/%2B*', { list: 'block' }, 400],
    ['PUT', '/divan/version', { list: 'block' }, 400],
    ['PUT', '/divan/%2B7916%7C', { list: 'block' }, 400],
    ['PUT', '/divan/%2B79160000001', { list: 'grey' }, 400],
    ['PUT', '/divan/%2B79160000001', { list: 'block', why: 'spam' }, 400],
    ['PUT', '/divan/%2B79160000001', undefined, 400],
    // What the configuration blocks is not ours to take off.
    ['DELETE', '/divan/%2B7900*', undefined, 404],
    ['DELETE', '/divan/version', undefined, 400],
    ['POST', '/divan', {}, 405],
    ['POST', '/divan/%2B79160000001', {}, 405],
  ])('%s %s %j: %d', async (method, path, body, status) => {
    const { ask, raw, keys } = await open();
    await raw.hset(keys.screening('divan'), 'version', '1');
    const answer = await ask(method, path, body);
    expect(answer).toMatchObject({ status, body: { status } });
    expect(await raw.hgetall(keys.screening('divan'))).toEqual({ version: '1' });
  });

  it('reads and writes by scopes', async () => {
    const { ask, entries } = await open();
    expect((await ask('GET', '/divan', undefined, 'reads')).status).toBe(200);
    expect((await ask('PUT', '/divan/%2B79160000001', { list: 'block' }, 'reads')).status).toBe(403);
    expect((await ask('DELETE', '/divan/%2B79160000001', undefined, 'reads')).status).toBe(403);
    expect((await ask('GET', '/divan', undefined, 'nobody')).status).toBe(401);
    expect(await entries('divan')).toEqual([]);
  });

  it('says so where the lists of a site are full; who is on one may still change', async () => {
    const { ask, raw, keys } = await open();
    const full = Array.from({ length: 10_000 }, (_, n) => [`+7999${n}`, 'block|guard|2026-11-21T10:00:00.000Z']).flat();
    await raw.hset(keys.screening('divan'), 'version', '1', ...full);
    expect(await ask('PUT', '/divan/%2B79160000001', { list: 'block' })).toMatchObject({
      status: 400,
      body: { code: 'GW_ERR_BAD_REQUEST', detail: 'the lists of this site are full' },
    });
    expect((await ask('PUT', '/divan/%2B79997', { list: 'allow' })).status).toBe(200);
    expect((await ask('PUT', '/stol/%2B79160000001', { list: 'block' })).status).toBe(200);
  });
});
