import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import type { Call } from '../../src/call/call.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisHistory } from '../../src/redis/history.js';
import { RedisHistoryIndex } from '../../src/redis/history-index.js';
import { RedisUse } from '../../src/redis/use.js';
import { exampleCall, exampleChange } from '../redis/examples.js';
import { accessKey, serve } from '../support/http.js';
import { openRedis } from '../support/redis.js';

/** @param before each page is read: which one, from 1 */
async function open(calls: Call[], before?: (page: number, index: RedisHistoryIndex) => Promise<void>) {
  const { link, keys } = await openRedis();
  const store = new RedisCallStore(link, keys);
  for (const call of calls) await store.commit(exampleChange(call, ['call.received'], { closed: true }));
  const history = new RedisHistory(link, keys, { countries: () => ['RU'], use: new RedisUse(link, keys) });
  const search = history.search.bind(history);
  let page = 0;
  history.search = async (query) => {
    await before?.((page += 1), new RedisHistoryIndex(link, keys));
    return await search(query);
  };
  const url = await serve({
    keys: () => [accessKey('crm', 'key', ['calls:read'])],
    calls: store,
    sites: () => [{ id: 'divan' }, { id: 'shop' }],
    history,
  });
  return (path: string) => fetch(`${url}/v1${path}`, { headers: { authorization: 'Bearer key' } });
}

interface Page {
  calls: Call[];
  next: string | null;
  approximateTotal: number | null;
  code?: string;
  detail?: string;
}

const CALLS = Array.from({ length: 5 }, (_, n) =>
  exampleCall({
    startedAt: `2026-11-21T10:0${n}:00.000Z`,
    site: n === 4 ? 'shop' : 'divan',
    disposition: n % 2 ? 'answered' : 'missed',
    lossReason: n % 2 ? null : 'destination_capacity',
    caller: {
      ...exampleCall().caller,
      number: `+7916000000${n}`,
      name: ['a;=1+1, -2', '=HYPERLINK("http://x")'][n] ?? null,
    },
    tags: n === 1 ? [{ name: '-2+3', by: 'x', at: '2026-11-21T10:00:00.000Z' }] : [],
  }),
);

describe('/v1/calls', () => {
  it('lists what fits, newest first, page by page', async () => {
    const get = await open(CALLS);
    const ids = CALLS.map(({ id }) => id).reverse();
    const first = (await (await get('/calls?limit=3')).json()) as Page;
    expect(first).toMatchObject({ approximateTotal: 5 });
    const second = (await (await get(`/calls?limit=3&cursor=${String(first.next)}`)).json()) as Page;
    expect([...first.calls, ...second.calls].map(({ id }) => id)).toEqual(ids);
    expect(second.next).toBeNull();
    const query = new URLSearchParams({ number: '8 (916) 000', disposition: 'missed', site: 'divan' });
    const some = (await (await get(`/calls?${query.toString()}`)).json()) as Page;
    expect(some.calls.map(({ id }) => id)).toEqual([ids[2], ids[4]]);
    const none = (await (await get('/calls?tag=nobody')).json()) as Page;
    expect(none).toEqual({ calls: [], next: null, approximateTotal: 0 });
  });

  it.each([
    ['number=12', 'number'],
    ['number=*)(%7C', 'number'],
    ['from=yesterday', 'from'],
    ['from=2026-11-21T10:00:00Z&to=2026-11-21T09:00:00Z', '"from" must be before "to"'],
    ['disposition=lost', 'answered, missed, rejected'],
    ['lossReason=x', 'lossReason'],
    ['verdict=x', 'verdict'],
    ['source=%2F%2F', 'source'],
    ['trunk=a%20b', 'trunk'],
    ['minTalkSeconds=-1', 'minTalkSeconds'],
    ['minTalkSeconds=9&maxTalkSeconds=3', 'maxTalkSeconds'],
    ['tagg=x', 'tagg'],
    ['cursor=forged', 'cursor'],
    ['site=a&site=b', 'site'],
    ['limit=201', 'limit'],
  ])('refuses ?%s', async (query, says) => {
    const get = await open([]);
    for (const path of ['/calls', ...(/cursor|limit/.test(query) ? [] : ['/calls.csv'])]) {
      const answer = await get(`${path}?${query}`);
      const problem = (await answer.json()) as Page;
      expect(problem, path).toMatchObject({ status: 400, code: 'GW_ERR_BAD_REQUEST' });
      expect(problem.detail).toContain(says);
    }
  });

  it('has callers whom nobody answered', async () => {
    const get = await open(CALLS);
    const page = (await (await get('/calls/missed?limit=2')).json()) as { callers: unknown[]; waiting: number };
    expect(page).toMatchObject({ waiting: 3, waitingForCapacity: 3, next: '2' });
    expect(page.callers[0]).toMatchObject({ state: 'waiting', site: 'shop', forCapacity: true, attempts: 1 });
    expect(await (await get('/calls/missed?view=settled&site=divan')).json()).toMatchObject({
      callers: [],
      waiting: 2,
    });
    expect((await get('/calls/missed?view=all')).status).toBe(400);
  });
});

describe('/v1/calls.csv', () => {
  it('is a table that no spreadsheet takes for formulas', async () => {
    const get = await open(CALLS);
    const answer = await get('/calls.csv?site=divan');
    expect(answer.headers.get('content-type')).toContain('text/csv');
    expect(answer.headers.get('content-disposition')).toContain('calls.csv');
    const text = await answer.text();
    expect(text.split('\r\n')).toHaveLength(6);
    const rows = parse<Record<string, string>>(text, { columns: true });
    expect(rows.map(({ id }) => id)).toEqual(
      CALLS.slice(0, 4)
        .map(({ id }) => id)
        .reverse(),
    );
    expect(rows[2]).toMatchObject({
      caller: '79160000001',
      callerName: `'=HYPERLINK("http://x")`,
      tags: "'-2+3",
      source: 'yandex',
      disposition: 'answered',
    });
    // Also for one that cuts at another separator than ours.
    expect(rows[3]).toMatchObject({ callerName: "a;'=1+1,' -2" });
    for (const cell of rows.flatMap(Object.values)) expect(cell).not.toMatch(/^[=+\-@\t\r]/);
  });

  it('has the columns asked for', async () => {
    const get = await open(CALLS);
    expect(await (await get('/calls.csv?columns=site,disposition&disposition=answered')).text()).toBe(
      'site,disposition\r\ndivan,answered\r\ndivan,answered\r\n',
    );
    expect((await get('/calls.csv?columns=site,secret')).status).toBe(400);
  });

  it('tells one billboard from another', async () => {
    const source = { utm_source: 'billboard', label: 'MKAD 32 km' };
    const call = exampleCall();
    const get = await open([{ ...call, attribution: { ...call.attribution, session: null, source } }]);
    expect(await (await get('/calls.csv?columns=source,label')).text()).toBe(
      'source,label\r\nbillboard,MKAD 32 km\r\n',
    );
  });

  it('is refused while the index is rebuilt, which does not find every call', async () => {
    const get = await open(CALLS, (_page, index) => index.ask());
    const answer = await get('/calls.csv');
    expect([answer.status, await answer.json()]).toMatchObject([503, { code: 'GW_ERR_NOT_READY' }]);
  });

  it('is broken off where the index is rebuilt under it', async () => {
    const many = Array.from({ length: 450 }, () => exampleCall());
    const get = await open(many, async (page, index) => {
      if (page !== 2) return;
      await index.ask();
      await index.begin();
      while (await index.step());
    });
    const answer = await get('/calls.csv?columns=id');
    expect(answer.status).toBe(200);
    await expect(answer.text()).rejects.toThrow();
  });

  it('goes over more calls than one page', async () => {
    const many = Array.from({ length: 450 }, () => exampleCall());
    const get = await open(many);
    const rows = (await (await get('/calls.csv?columns=id')).text()).trim().split('\r\n').slice(1);
    expect(new Set(rows)).toEqual(new Set(many.map(({ id }) => id)));
  });
});
