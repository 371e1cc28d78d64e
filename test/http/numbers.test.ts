import { describe, expect, it } from 'vitest';
import { configSchema, type Scope } from '../../src/config/schema.js';
import { readTable } from '../../src/http/number-table.js';
import { LeaseDesk } from '../../src/leases/desk.js';
import { RedisInventory } from '../../src/redis/inventory.js';
import { RedisLeases } from '../../src/redis/leases.js';
import { RedisNumbers } from '../../src/redis/numbers.js';
import { accessKey, serve } from '../support/http.js';
import { writeNumber } from '../support/lender.js';
import { openRedis } from '../support/redis.js';

const config = configSchema.parse({
  trunks: [{ id: 'carrier', inbound: { from: ['192.0.2.1'] } }],
  routes: [{ id: 'main', steps: [{ announce: 'silence_stream://1000' }] }],
  sites: [
    { id: 'divan', defaultRoute: 'main' },
    { id: 'stol', defaultRoute: 'main' },
  ],
  numbers: [{ number: '+74951111111', site: 'divan', kind: 'dynamic' }],
});

interface Body {
  number?: string;
  numbers?: { number: string; site: string; origin: string; enabled: boolean }[];
  next?: string | null;
  code?: string;
  detail?: string;
  errors?: { row: number; field: string; message: string }[];
  errorCount?: number;
  created?: number;
  unchanged?: number;
  holders?: { session: { id: string } }[];
}

async function open(scopes: Scope[] = ['numbers:read', 'numbers:write']) {
  const { link, keys, raw, prefix } = await openRedis();
  await new RedisNumbers(link, keys, 'gw-1').write(config.numbers);
  const desk = new LeaseDesk(
    new RedisLeases(link, keys),
    (site) => config.sites.find(({ id }) => id === site)?.pool ?? null,
  );
  const url = await serve({
    keys: () => [accessKey('ops', 'key', scopes)],
    leases: desk,
    sites: () => config.sites,
    numbers: {
      inventory: new RedisInventory(link, keys),
      names: () => ({
        sites: config.sites.map(({ id }) => id),
        routes: ['main'],
        destinations: ['+74951230000'],
        fallbacks: ['+74957777777'],
      }),
    },
  });
  const ask = async (method: string, path: string, body?: unknown, type = 'application/json') => {
    const response = await fetch(`${url}/v1/numbers${path}`, {
      method,
      headers: { authorization: 'Bearer key', ...(body === undefined ? {} : { 'content-type': type }) },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' || body instanceof Buffer ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Body };
  };
  const importCsv = (csv: string, query = '') => ask('POST', `/import${query}`, csv, 'text/csv');
  const lendTo = (id: string) => desk.allocate({ site: 'divan', session: visitorOf(id) });
  return { ask, importCsv, lendTo, desk, raw, keys, prefix };
}

const nothing = { visitorId: null, landingPage: null, referrer: null, keyword: null, gclid: null, yclid: null };
const visitorOf = (id: string) => ({
  id,
  ...nothing,
  gaClientId: null,
  ymClientId: null,
  utm: { source: null, medium: null, campaign: null, content: null, term: null },
});

describe('/v1/numbers', () => {
  it('creates one, shows it, disables it, enables it, removes it', async () => {
    const { ask, lendTo, desk } = await open();
    const row = { number: '+74950000001', site: 'divan', kind: 'dynamic', route: 'main', source: { label: 'x' } };
    expect(await ask('POST', '', row)).toEqual({ status: 201, body: { ...row, enabled: true, origin: 'api' } });
    expect((await ask('POST', '', row)).status).toBe(200);
    expect(await ask('POST', '', { ...row, kind: 'static' })).toMatchObject({
      status: 409,
      body: { code: 'GW_ERR_CONFLICT' },
    });
    expect((await ask('PATCH', '/+74950000001', { enabled: false })).body).toMatchObject({ enabled: false });
    const first = await lendTo('a');
    expect(first.number).toBe('+74951111111');
    expect((await lendTo('b')).outcome).toBe('fallback');
    await ask('PATCH', '/%2B74950000001', { enabled: true });
    const lent = await lendTo('b');
    expect(lent.number).toBe('+74950000001');
    expect((await ask('GET', '/+74950000001')).body).toMatchObject({ lease: { id: lent.lease?.leaseId } });
    expect((await ask('GET', '/+74950000001/holders')).body.holders).toMatchObject([{ session: { id: 'b' } }]);
    expect((await ask('DELETE', '/+74950000001')).status).toBe(409);
    await desk.release(lent.lease?.leaseId ?? '');
    expect((await ask('DELETE', '/+74950000001')).status).toBe(204);
    for (const [method, body] of [
      ['GET', undefined],
      ['DELETE', undefined],
      ['PATCH', { enabled: true }],
    ] as const)
      expect((await ask(method, '/+74950000001', body)).status).toBe(404);
    expect((await ask('GET', '/+74950000001/holders')).status).toBe(404);
  });

  it('changes what a number stands for and its route, while it is lent, and keeps its history', async () => {
    const { ask, lendTo, raw, keys } = await open();
    await ask('POST', '', { number: '+74950000001', site: 'stol', source: { label: 'MKAD' }, route: 'main' });
    await ask('POST', '', { number: '+74950000002', site: 'divan' });
    const { number } = await lendTo('a');
    expect((await ask('PATCH', `/${number}`, { route: 'main' })).body).toMatchObject({ route: 'main', enabled: true });
    expect((await ask('GET', `/${number}/holders`)).body.holders).toHaveLength(1);
    expect((await lendTo('a')).number).toBe(number);
    const changed = await ask('PATCH', '/+74950000001', { route: null, source: { utm_source: 'radio' } });
    expect(changed.body).toMatchObject({ route: null, source: { utm_source: 'radio' } });
    expect((await ask('PATCH', '/+74950000001', { source: null })).body).toMatchObject({ source: null });
    expect(await raw.hget(keys.number('+74950000001'), 'enabled')).toBe('1');
    for (const body of [{}, { route: 'nowhere' }, { route: '' }, { source: { a: 1 } }, { site: 'divan' }])
      expect((await ask('PATCH', '/+74950000001', body)).status).toBe(400);
  });

  it('puts a number that is enabled again behind those that have been free for longer', async () => {
    const { ask, lendTo, desk, raw, keys } = await open();
    await ask('POST', '', { number: '+74950000001', site: 'divan' });
    const { number, lease } = await lendTo('a');
    await desk.release(lease?.leaseId ?? '');
    for (const enabled of [false, true]) await ask('PATCH', `/${number}`, { enabled });
    expect(Number(await raw.zscore(keys.pool('divan'), number ?? ''))).toBeGreaterThanOrEqual(lease?.leasedAt ?? NaN);
    expect(await raw.zrange(keys.pool('divan'), 0, -1)).toEqual(['+74951111111', number]);
  });

  it("leaves the configuration's numbers and other services' alone", async () => {
    const { ask, raw, prefix } = await open();
    await writeNumber(raw, prefix, '+74950000009', { site: 'divan', kind: 'dynamic' });
    for (const number of ['+74951111111', '+74950000009']) {
      expect((await ask('PATCH', `/${number}`, { enabled: false })).status).toBe(409);
      expect((await ask('DELETE', `/${number}`)).status).toBe(409);
      expect((await ask('POST', '', { number, site: 'divan' })).status).toBe(409);
    }
    expect((await ask('GET', '/+74951111111')).body).toMatchObject({ origin: 'file' });
    expect((await ask('GET', '/+74950000009')).body).toMatchObject({ origin: 'other' });
  });

  it('lends no number to one visitor that everybody sees', async () => {
    const { ask } = await open();
    const row = { number: '+74957777777', site: 'divan' };
    expect((await ask('POST', '', row)).body.errors).toMatchObject([{ row: 1, field: 'kind' }]);
    expect((await ask('POST', '', { ...row, kind: 'static' })).status).toBe(201);
  });

  it('lists page by page, by site and number', async () => {
    const { ask } = await open();
    const numbers = Array.from({ length: 7 }, (_, i) => ({
      number: `+749500000${10 + i}`,
      site: i < 4 ? 'stol' : 'divan',
    }));
    expect((await ask('POST', '/import', { numbers })).body).toEqual({ created: 7, unchanged: 0 });
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Body = (await ask('GET', `?limit=3${cursor && `&cursor=${encodeURIComponent(cursor)}`}`)).body;
      seen.push(...(page.numbers ?? []).map(({ number, site }) => `${site} ${number}`));
      cursor = page.next ?? null;
    }
    expect(seen).toEqual(
      [...numbers, { number: '+74951111111', site: 'divan' }].map(({ number, site }) => `${site} ${number}`).toSorted(),
    );
    expect((await ask('GET', '?site=stol')).body.numbers).toHaveLength(4);
  });

  it('lists holders page by page, past what is none', async () => {
    const { ask, raw, keys } = await open();
    const key = keys.holders('+74951111111');
    const holder = (i: number) => {
      const session = visitorOf(`s${i}`);
      const [leaseId, leasedAt] = [`lease-${i}`, 1_000 * i];
      return JSON.stringify({
        leaseId,
        sessionId: session.id,
        site: 'divan',
        leasedAt,
        expiresAt: leasedAt + 1,
        session,
      });
    };
    for (let i = 1; i <= 7; i += 1) await raw.zadd(key, 1_000 * i, holder(i));
    await raw.zadd(key, 6_500, 'no holder', 4_000.5, '{}', 'inf', 'for ever');
    const seen: string[][] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Body = (await ask('GET', `/+74951111111/holders?limit=2${cursor && `&cursor=${cursor}`}`)).body;
      seen.push((page.holders ?? []).map(({ session }) => session.id));
      cursor = page.next ?? null;
    }
    expect(seen).toEqual([['s7'], ['s6'], ['s5'], ['s4', 's3'], ['s2', 's1'], []]);
    // Whoever had a number that is none any more may still be asked for.
    await raw.del(keys.number('+74951111111'));
    expect((await ask('GET', '/+74951111111/holders')).body.holders).toHaveLength(7);
    expect((await ask('POST', '', { number: '+74950000001', site: 'divan' })).status).toBe(201);
    expect((await ask('GET', '/+74950000001/holders')).body).toEqual({ holders: [], next: null });
    expect(await ask('GET', '/+74950000002/holders')).toMatchObject({
      status: 404,
      body: { code: 'GW_ERR_NOT_FOUND' },
    });
  });

  it('imports thousands as CSV, and the same again changes nothing', async () => {
    const { ask, importCsv, keys, raw } = await open();
    const rows = Array.from({ length: 5_000 }, (_, i) => `+7496${1_000_000 + i};static;MKAD "${i}" km;`);
    const csv = `\uFEFFnumber;kind;source.label;route\r\n${rows.join('\r\n')}\r\n\r\n`;
    expect(Buffer.byteLength(csv)).toBeGreaterThan(64 * 1024);
    expect(await importCsv(csv.replaceAll('"', ''), '?site=divan')).toEqual({
      status: 200,
      body: { created: 5_000, unchanged: 0 },
    });
    expect((await importCsv(csv.replaceAll('"', ''), '?site=divan')).body).toEqual({ created: 0, unchanged: 5_000 });
    expect((await ask('GET', '/+74961004999')).body).toMatchObject({
      kind: 'static',
      source: { label: 'MKAD 4999 km' },
      route: null,
    });
    expect(await raw.pttl(keys.number('+74961004999'))).toBe(-1);
    expect(await raw.zcard(keys.numberIndex('divan'))).toBe(5_001);
    expect(await raw.zcard(keys.pool('divan'))).toBe(1);
  });

  it('knows what stands there already, in whatever order its columns are sent', async () => {
    const { importCsv } = await open();
    const row = ['+74952222222,divan,static', 'MKAD', 'billboard'];
    const first = `number,site,kind,source.label,source.utm_source\n${row.join(',')}`;
    const again = `source.utm_source,source.label,number,site,kind\n${row.toReversed().join(',')}`;
    expect((await importCsv(first)).body).toEqual({ created: 1, unchanged: 0 });
    expect((await importCsv(again)).body).toEqual({ created: 0, unchanged: 1 });
    expect((await importCsv(again.replace('billboard', 'radio'))).status).toBe(409);
    expect((await importCsv(again.replace('source.label', 'source.text'))).status).toBe(409);
  });

  it('reads a table in another character set where that is said, and takes no garbled one', async () => {
    const { ask } = await open();
    const mkad = Buffer.concat([Buffer.from('number;source.label\n+74950000001;'), Buffer.from('cccac0c4', 'hex')]);
    const read = (type: string) => ask('POST', '/import?site=divan', mkad, type);
    expect(await read('text/csv')).toMatchObject({ status: 415, body: { code: 'GW_ERR_UNSUPPORTED_MEDIA_TYPE' } });
    expect((await read('text/csv; charset=windows-1251')).body).toEqual({ created: 1, unchanged: 0 });
    expect((await ask('GET', '/+74950000001')).body).toMatchObject({ source: { label: 'МКАД' } });
  });

  it.each([
    ['a text with a comma between semicolons', 'number;kind;source.label\n+74950000001;static;МКАД, 32 км\n'],
    ['a text with a semicolon between commas', 'number,source.label\n+74950000001,a; b\n'],
    ['tabs', 'number\tkind\n+74950000001\tstatic\n'],
    ['a line that says what stands between columns', '\uFEFFsep=;\r\nnumber;source.label\r\n+74950000001;a,b\r\n'],
    ['columns and rows in which nothing stands', 'number;kind;;\n+74950000001;static;;\n;;;\n;;;\n'],
    ['rows that are cut short', 'number;kind;source.label\n+74950000001\n'],
    ['rows that are too long by empty cells', 'number;kind\n+74950000001;static;;\n'],
    ['names of columns in capitals', 'Number;KIND;Source.label\n+74950000001;static;x\n'],
  ])('reads %s, as spreadsheets write it', async (_what, csv) => {
    const { importCsv } = await open();
    expect((await importCsv(csv, '?site=divan')).body).toEqual({ created: 1, unchanged: 0 });
  });

  it('takes a text whole, whatever stands between the columns of others', async () => {
    const { ask, importCsv } = await open();
    await importCsv('number;kind;Source.Label\n+74950000001;static;МКАД, 32 км\n', '?site=divan');
    expect((await ask('GET', '/+74950000001')).body).toMatchObject({ source: { Label: 'МКАД, 32 км' } });
  });

  it.each([
    ['a column that is none', 'number;Nummer\n+74950000001;x\n', '"Nummer" in its first row is no column'],
    ['a column twice', 'number;kind;Number\n+74950000001;;+74950000002\n', '"number" twice'],
    ['no names of columns', '+74950000001;divan\n+74950000002;divan\n', '"+74950000001" in its first row'],
    ['no column of numbers', 'kind\nstatic\n', '"number" among them'],
    ['more than the columns named', 'number;kind\n\n+74950000001;static;x\n', 'row 2 has something in column 3'],
    ['something under no name', 'number;;kind\n+74950000001;x;static\n', 'row 1 has something in column 2'],
  ])('says what is wrong with a table with %s', async (_what, csv, why) => {
    const { importCsv } = await open();
    const answer = await importCsv(csv, '?site=divan');
    expect(answer).toMatchObject({ status: 400, body: { detail: expect.stringContaining(why) as string } });
  });

  it('counts rows as the spreadsheet does, and says where the plus went', async () => {
    const { importCsv } = await open();
    const wrong = await importCsv('number;kind\n\n+74950000001;static\n;\n74950000002;static\n', '?site=divan');
    expect(wrong.body.errors).toMatchObject([{ row: 4, message: expect.stringContaining('plus') as string }]);
    const taken = await importCsv('number;kind\n;\n+74951111111;static\n', '?site=divan');
    expect(taken).toMatchObject({ status: 409, body: { errors: [{ row: 2 }] } });
  });

  it('reads a table in many turns: calls share the process', async () => {
    const row = 'a'.repeat(1000);
    let turns = 0;
    const others = setInterval(() => (turns += 1), 0);
    const rows = await readTable(`number\n${`${row}\n`.repeat(1000)}`, 10_000);
    clearInterval(others);
    expect(rows).toHaveLength(1000);
    expect(turns).toBeGreaterThan(10);
    await expect(readTable(`number\n"${row.repeat(1000)}`, 10_000)).rejects.toThrow(/cannot be read/);
  });

  it('imports nothing where a row is wrong, and names every one', async () => {
    const { importCsv, raw, keys } = await open();
    const answer = await importCsv(
      [
        'number,site,kind,route,enabled',
        '+74950000001,divan,dynamic,,yes',
        '84950000002,divan,dynamic,,',
        '+74950000003,other,dynamic,,',
        '+74950000001,divan,static,nowhere,perhaps',
        '+74950000001,divan,static,,',
        '+74950000005,,,,',
        '+74951230000,divan,,,',
      ].join('\n'),
    );
    expect(answer).toMatchObject({ status: 400, body: { code: 'GW_ERR_BAD_REQUEST', errorCount: 6 } });
    expect(answer.body.errors?.map(({ row, field }) => `${row} ${field}`)).toEqual([
      '2 number',
      '3 site',
      '4 enabled',
      '5 number',
      '6 site',
      '7 number',
    ]);
    expect(await raw.exists(keys.number('+74950000001'))).toBe(0);
  });

  it('imports nothing where a number stands there already, whoever wrote it', async () => {
    const { ask, raw, prefix, keys } = await open();
    await writeNumber(raw, prefix, '+74950000009', { site: 'divan' });
    const numbers = ['+74950000008', '+74950000009', '+74951111111'].map((number) => ({ number, site: 'stol' }));
    const answer = await ask('POST', '/import', { numbers });
    expect(answer).toMatchObject({ status: 409, body: { code: 'GW_ERR_CONFLICT', errorCount: 2 } });
    expect(answer.body.errors?.map(({ row }) => row)).toEqual([2, 3]);
    expect(await raw.exists(keys.number('+74950000008'))).toBe(0);
    expect((await ask('GET', '')).body.numbers).toHaveLength(1);
  });

  it('refuses what is no table, too many rows and too large a body', async () => {
    const { ask, importCsv } = await open();
    expect(await importCsv('number,site\n+7495,"divan')).toMatchObject({ status: 400 });
    expect(await importCsv('number,site\n+74950000001,divan,more,than,named')).toMatchObject({ status: 400 });
    expect((await importCsv('')).body.detail).toContain('no number');
    expect((await ask('POST', '/import', { rows: [] })).body.detail).toContain('"numbers"');
    const form = await ask('POST', '/import', 'number\n+74950000001', 'application/x-www-form-urlencoded');
    expect(form).toMatchObject({ status: 415, body: { detail: expect.stringContaining('text/csv') as string } });
    const many = Array.from({ length: 10_001 }, (_, i) => `+7496${1_000_000 + i}`).join('\n');
    expect((await importCsv(`number\n${many}`, '?site=divan')).body.detail).toContain('10000');
    const large = await importCsv(`number\n${'x'.repeat(3_000_000)}`);
    expect(large).toMatchObject({ status: 413, body: { detail: 'the body is larger than 2048 kB' } });
    expect(await ask('POST', '', { number: '+7495', site: 'divan', kind: 'other' })).toMatchObject({
      status: 400,
      body: { errorCount: 2 },
    });
    for (const path of ['/123', '/+74951111111x']) expect((await ask('GET', path)).status).toBe(404);
    for (const path of ['?limit=0', '?site=', '/+74951111111/holders?cursor=x'])
      expect((await ask('GET', path)).status).toBe(400);
  });

  it('asks for its scopes before it reads a body', async () => {
    const reader = await open(['numbers:read']);
    expect((await reader.importCsv('number\n+74950000001', '?site=divan')).status).toBe(403);
    expect((await reader.ask('POST', '', { number: '+74950000001' })).status).toBe(403);
    const writer = await open(['numbers:write']);
    expect((await writer.ask('GET', '')).status).toBe(403);
  });
});
