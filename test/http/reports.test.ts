import { describe, expect, it } from 'vitest';
import type { Call, Leg } from '../../src/call/call.js';
import { configSchema, type Scope } from '../../src/config/schema.js';
import { DEFAULT_RATES } from '../../src/numbers/call-rates.js';
import { LeaseDesk } from '../../src/leases/desk.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisChannels } from '../../src/redis/channels.js';
import { RedisEventFeed } from '../../src/redis/event-feed.js';
import { RedisLeases } from '../../src/redis/leases.js';
import { RedisNumbers } from '../../src/redis/numbers.js';
import { RedisTrunks } from '../../src/redis/trunks.js';
import { RedisUse } from '../../src/redis/use.js';
import { localDay } from '../../src/lib/local-time.js';
import { toldLimitsOf } from '../../src/routing/limits.js';
import { SharedDrains } from '../../src/trunks/drains.js';
import { Overview } from '../../src/trunks/overview.js';
import { exampleCall, exampleLeg, exampleChange } from '../redis/examples.js';
import { accessKey, serve } from '../support/http.js';
import { noEvents, unwatchedTrunks } from '../support/no-resources.js';
import { visitor } from '../support/lender.js';
import { openRedis } from '../support/redis.js';

const config = configSchema.parse({
  trunks: [
    {
      id: 'carrier-a',
      channels: 12,
      inbound: { from: ['192.0.2.1'], channels: 30 },
      outbound: { to: 'sip:carrier.example', channels: 10 },
    },
  ],
  lines: [
    { id: 'sales-1', uri: 'sip:101@10.0.0.5', channels: 1 },
    { id: 'sales-2', register: { username: 'sales-2', password: 'x' }, channels: 1 },
  ],
  destinations: [{ id: 'office', trunk: 'carrier-a', number: '+74951230000', channels: 2 }],
  routes: [{ id: 'divan', steps: [{ dial: ['office'] }, { dial: ['sales-1', 'sales-2'], when: 'overflow' }] }],
  sites: [
    { id: 'divan', defaultRoute: 'divan', timezone: 'Europe/Moscow' },
    { id: 'stol', defaultRoute: 'divan', timezone: 'Europe/Moscow' },
  ],
  numbers: [{ number: '+74951111111', site: 'divan', kind: 'static' }],
});
const NOBODY_REGISTERED = { contacts: 0, unreachable: 0, userAgents: [], expiresAt: null, phones: [] };
const SILENT = { state: 'down' as const, since: '2026-11-21T10:00:00.000Z', lastStatus: null };
const POOL = {
  site: 'divan',
  free: 1,
  numbers: 2,
  leaseSeconds: 600,
  quarantineSeconds: 300,
  rates: DEFAULT_RATES,
};
const SCOPES: Scope[] = ['reports:read', 'trunks:read', 'trunks:write', 'events:read'];

/** The HTTP interface on a real Redis, with what calls leave there. */
async function open({ scopes = SCOPES, silent = [] }: { scopes?: Scope[]; silent?: string[] } = {}) {
  const { link, keys, raw } = await openRedis();
  const channels = new RedisChannels(link, keys);
  const store = new RedisCallStore(link, keys);
  const feed = new RedisEventFeed(link, keys);
  const use = new RedisUse(link, keys);
  const shared = new RedisTrunks(link, keys);
  const drains = new SharedDrains(
    (name, on) => shared.setDrained(name, on),
    () => undefined,
  );
  const resources = new Overview({
    config: () => config,
    inUse: (names) => channels.inUse(names),
    use,
    trunkStates: unwatchedTrunks(() => config),
    drains,
    registrations: (ids) => Promise.resolve(new Map(ids.map((id) => [id, NOBODY_REGISTERED]))),
    lineHealth: (id) => (silent.includes(id) ? SILENT : null),
    findNumber: () => Promise.resolve(null),
  });
  const url = await serve({
    keys: () => [accessKey('ops', 'key', scopes)],
    events: {
      ...noEvents,
      after: (cursor, limit) => feed.after(cursor, limit),
      cursorAt: (at) => feed.cursorAt(at),
    },
    resources,
    reports: {
      peaks: (...range) => use.peaks(...range),
      highest: (...range) => use.highest(...range),
      traffic: (...range) => use.traffic(...range),
      callCounts: (...range) => use.callCounts(...range),
      limits: () => toldLimitsOf(config),
      sites: () => config.sites,
      poolHours: (...range) => use.poolHours(...range),
      pools: () => Promise.resolve([POOL]),
    },
    readiness: () => ({ ready: true, checks: {} }),
  });
  const ask = async (path: string, init: RequestInit = {}) => {
    const headers = { authorization: 'Bearer key', 'content-type': 'application/json' };
    const response = await fetch(`${url}/v1${path}`, { headers, ...init });
    return {
      status: response.status,
      type: response.headers.get('content-type') ?? '',
      body: (await response.json()) as Body,
    };
  };
  const end = async (fields: Partial<Call>) => {
    const call = exampleCall({ startedAt: new Date().toISOString(), endedAt: new Date().toISOString(), ...fields });
    await store.commit(exampleChange(call, ['call.missed'], { closed: true }));
  };
  return { ask, end, channels, store, raw, keys, link };
}

type Body = Record<string, unknown>;

const leg = (fields: Partial<Leg>): Leg => {
  const full = { result: 'no_channel', channelsInUse: 2, channelLimit: 2 } as const;
  return exampleLeg({ target: 'office', startedAt: new Date().toISOString(), ...full, ...fields });
};

const lost: Partial<Call> = { disposition: 'missed', lossReason: 'destination_capacity', legs: [leg({})] };
const rerouted: Partial<Call> = {
  disposition: 'answered',
  overflow: { from: 'office', reason: 'far_end_capacity' },
  legs: [leg({ result: 'capacity' }), leg({ n: 2, kind: 'line', target: 'sales-1', result: 'answered' })],
};

describe('/v1/reports/lost', () => {
  it('counts lost and rerouted calls by target and reason', async () => {
    const { ask, end } = await open();
    await end(lost);
    await end(lost);
    await end(rerouted);
    await end({ ...lost, site: 'stol' });
    const { status, body } = await ask('/reports/lost?bucket=day');
    expect(status).toBe(200);
    expect(body['timezone']).toBe('Europe/Moscow');
    expect(body['totals']).toEqual({ calls: 4, answered: 1, lost: 3, rerouted: 1, rejected: 0 });
    const rows = (body['rows'] as Body[]).map(({ site, target, reason, lost, rerouted }) => ({
      site,
      target,
      reason,
      lost,
      rerouted,
    }));
    expect(rows).toHaveLength(3);
    expect(rows).toContainEqual({
      site: 'divan',
      target: 'office',
      reason: 'destination_capacity',
      lost: 2,
      rerouted: 0,
    });
    expect(rows).toContainEqual({ site: 'divan', target: 'office', reason: 'far_end_capacity', lost: 0, rerouted: 1 });
    expect(rows).toContainEqual({
      site: 'stol',
      target: 'office',
      reason: 'destination_capacity',
      lost: 1,
      rerouted: 0,
    });
    const narrow = await ask('/reports/lost?site=stol&target=office');
    expect(narrow.body['totals']).toMatchObject({ calls: 1, lost: 1 });
    expect(narrow.body['rows']).toHaveLength(1);
    expect((await ask('/reports/lost?target=other')).body['rows']).toEqual([]);
  });
});

it('a call is of one day only, also where the clocks differ from UTC by half an hour', async () => {
  const { ask, end } = await open();
  const zone = 'Asia/Kolkata';
  const [former = '', day = '', next = ''] = [3, 2, 1].map((ago) => localDay(Date.now() - ago * 86_400_000, zone));
  // The hour over midnight has begun the day before.
  for (const startedAt of [`${former}T23:45:00+05:30`, `${day}T00:15:00+05:30`, `${day}T00:45:00+05:30`])
    await end({ ...lost, startedAt: new Date(startedAt).toISOString() });
  for (const [from, to, calls] of [
    [former, day, 2],
    [day, next, 1],
  ] as const) {
    const { body } = await ask(`/reports/lost?bucket=day&timezone=${zone}&from=${from}&to=${to}`);
    expect(body['totals']).toMatchObject({ calls });
    expect(body['rows']).toMatchObject([{ at: from, lost: calls }]);
  }
});

describe('/v1/reports/channels', () => {
  it('tells use against limit over time', async () => {
    const { ask, channels } = await open();
    for (const token of ['a', 'b', 'c']) await channels.reserve([{ resource: 'destination:office', token, limit: 2 }]);
    const { status, body } = await ask('/reports/channels?bucket=minute&kind=destination&id=office');
    expect(status).toBe(200);
    expect(body['limits']).toMatchObject([{ kind: 'destination', id: 'office', limit: 2, peak: 2 }]);
    const [limit] = body['limits'] as Body[];
    expect((limit?.['rows'] as Body[]).at(-1)).toMatchObject({ peak: 2, limit: 2, fullMinutes: 1 });
    const all = await ask('/reports/channels');
    expect((all.body['limits'] as Body[]).map(({ kind, id }) => [kind, id].join(':'))).toEqual([
      'trunk-in:carrier-a',
      'trunk-out:carrier-a',
      'trunk:carrier-a',
      'destination:office',
      'line:sales-1',
      'line:sales-2',
    ]);
  });
});

describe('/v1/reports/capacity', () => {
  it('says how many channels would have been enough, and from which figures', async () => {
    const { ask, channels, raw, keys, end } = await open();
    const resource = 'destination:office';
    for (const token of ['a', 'b', 'c']) await channels.reserve([{ resource, token, limit: 2 }]);
    // Two channels for an hour, and the third caller refused.
    const hourKey = (await raw.keys(`${keys.channelDays(resource)}hours:*`)).sort().at(-1) ?? '';
    const field = Object.keys(await raw.hgetall(hourKey)).find((name) => name.endsWith(':a')) ?? '';
    await raw.hset(hourKey, field.replace(':a', ':ms'), 7_200_000);
    await raw.hset(keys.channelState(resource), 'at', Date.now() + 60_000);
    await end({ ...rerouted, legs: [leg({ result: 'capacity' })] });
    const { status, body } = await ask('/reports/capacity?kind=destination');
    expect(status).toBe(200);
    const [report] = body['limits'] as Body[];
    expect(report).toMatchObject({
      kind: 'destination',
      id: 'office',
      limit: 2,
      measured: {
        attempts: 3,
        refusedHere: 1,
        refusedThere: 1,
        carriedSeconds: 7200,
        blocking: 0.6667,
        meanHoldingSeconds: 7200,
      },
      busyHour: { attempts: 3, carriedErlang: 2, offeredErlang: 6, rule: 'carried / (1 - blocking)' },
      targetLoss: 0.01,
      channelsNeeded: 13,
      expectedLoss: { needed: expect.closeTo(0.0052, 3) as number },
    });
    expect(report?.['sentence']).toMatch(
      /^In its busiest hour \(.*\) 3 calls wanted a channel of number office and 2 \(66\.7 %\) found none/,
    );
    expect(report?.['sentence']).toContain('Instead of 2 it needs 13 channels to keep the loss under 1 %.');
  });

  it('takes no time that is still to come for one in which nobody called', async () => {
    const { ask, raw, keys } = await open();
    const from = Date.now() - 2 * 3_600_000;
    const [day, hour] = [Math.floor(from / 86_400_000), Math.floor((from % 86_400_000) / 3_600_000)];
    await raw.hset(`${keys.channelDays('destination:office')}hours:${day}`, `${hour}:ms`, 4 * 3_600_000);
    const [since, until] = [from, from + 12 * 3_600_000].map((at) => new Date(at).toISOString());
    const { body } = await ask(`/reports/capacity?kind=destination&from=${since}&to=${until}`);
    const [{ measured }] = body['limits'] as [{ measured: { carriedErlang: number } }];
    // Four hours of talk in three or, by the turn of an hour, four.
    expect(measured.carriedErlang).toBeGreaterThanOrEqual(1);
  });
});

describe('reports refuse', () => {
  it.for([
    ['from=2026-01-02&to=2026-01-01', '"from" must be before "to"'],
    ['from=2020-01-01&to=2020-01-02', 'nothing older is kept'],
    ['from=0020-01-01&to=0020-01-02', 'nothing older is kept'],
    ['from=2026-01-01&to=2027-01-01', 'at most 92 days'],
    ['from=yesterday', '"from" must be a time like'],
    ['from=2026-13-01', '"from" must be a time like'],
    ['timezone=Mars/Olympus', '"timezone" must be an IANA time zone'],
    ['bucket=minute', '"bucket" must be one of hour, day'],
    ['bucket=year', '"bucket" must be one of'],
    ['site=nobody', '"site" must be one of divan, stol'],
    ['target=a%20b', '"target" must be an id'],
    ['colour=red', 'unknown: "colour"'],
    ['kind=line', 'unknown: "kind"'],
    ['from=2026-01-01&from=2026-01-02', '"from" must be a time like'],
  ] as const)('?%s', async ([query, detail]) => {
    const { ask } = await open();
    const { status, type, body } = await ask(`/reports/lost?${query}`);
    expect({ status, type, code: body['code'] }).toEqual({
      status: 400,
      type: 'application/problem+json; charset=utf-8',
      code: 'GW_ERR_BAD_REQUEST',
    });
    expect(body['detail']).toContain(detail);
  });

  it('more than two days by the minute', async () => {
    const { ask } = await open();
    const from = new Date(Date.now() - 5 * 86_400_000).toISOString();
    expect((await ask(`/reports/channels?bucket=minute&from=${from}`)).body['detail']).toContain('at most 2 days');
  });

  it('who lacks the scope', async () => {
    const { ask } = await open({ scopes: ['calls:read'] });
    for (const path of [
      '/reports/lost',
      '/reports/channels',
      '/reports/capacity',
      '/trunks',
      '/lines',
      '/destinations',
    ]) {
      expect((await ask(path)).status, path).toBe(403);
    }
    expect((await ask('/trunks/carrier-a/drain', { method: 'PUT', body: '{"draining":true}' })).status).toBe(403);
  });
});

describe('/v1/trunks, /v1/lines, /v1/destinations', () => {
  it('tell state, channels in use, limit and the peak of the day', async () => {
    const { ask, channels } = await open({ silent: ['sales-1'] });
    for (const token of ['a', 'b']) await channels.reserve([{ resource: 'destination:office', token, limit: 2 }]);
    await channels.release([{ resource: 'destination:office', token: 'a' }]);
    expect((await ask('/destinations')).body['destinations']).toEqual([
      {
        id: 'office',
        number: '+74951230000',
        trunk: 'carrier-a',
        trunkUp: true,
        draining: false,
        kind: 'destination',
        channels: { inUse: 1, limit: 2, peakToday: 2 },
      },
    ]);
    expect((await ask('/lines')).body['lines']).toMatchObject([
      { id: 'sales-1', state: 'fixed', uri: 'sip:101@10.0.0.5', health: SILENT },
      { id: 'sales-2', state: 'unregistered', uri: null, health: null, registrations: { contacts: 0 } },
    ]);
    const trunks = await ask('/trunks?timezone=Asia/Kolkata');
    expect(trunks.body).toMatchObject({
      timezone: 'Asia/Kolkata',
      trunks: [{ id: 'carrier-a', up: true, draining: false }],
    });
    expect((await ask('/trunks/carrier-a')).body['limits']).toHaveLength(3);
    expect((await ask('/lines/nobody')).status).toBe(404);
    expect((await ask('/trunks?timezone=x')).status).toBe(400);
  });

  it.each([
    ['trunks', 'carrier-a', 'trunk:carrier-a'],
    ['lines', 'sales-1', 'line:sales-1'],
    ['destinations', 'office', 'destination:office'],
  ])('drain one of the %s and put it back', async (what, id, name) => {
    const { ask, raw, keys } = await open();
    const drain = (init: RequestInit, one = id) => ask(`/${what}/${one}/drain`, init);
    const put = (body: string, one = id) => drain({ method: 'PUT', body }, one);
    expect(await put('{"draining":true}')).toMatchObject({ status: 200, body: { id, draining: true } });
    expect(await raw.smembers(keys.drained())).toEqual([name]);
    expect((await put('{"draining":false}')).body).toEqual({ id, draining: false });
    expect(await raw.exists(keys.drained())).toBe(0);
    await put('{"draining":true}');
    expect((await drain({ method: 'DELETE' })).body).toEqual({ id, draining: false });
    expect(await raw.exists(keys.drained())).toBe(0);
    expect((await put('{}')).status).toBe(400);
    expect((await put('{"draining":true}', 'nobody')).status).toBe(404);
    expect((await ask(`/${what}/${id}/drain`)).status).toBe(405);
  });

  it('say of lines and destinations that they are out of service, and calls pass them over', async () => {
    const { ask } = await open();
    const drain = (path: string) => ask(`${path}/drain`, { method: 'PUT', body: '{"draining":true}' });
    await drain('/destinations/office');
    expect((await ask('/destinations/office')).body['draining']).toBe(true);
    expect((await ask('/lines/sales-1')).body['draining']).toBe(false);
    await drain('/lines/sales-1');
    expect((await ask('/lines/sales-1')).body['draining']).toBe(true);
    const { body } = await ask('/routes/explain?number=%2B74951111111');
    expect(body['sentence']).toMatch(/^office is passed over, it is taken out of service/);
  });
});

describe('/v1/routes/explain', () => {
  it('says what would happen to a call now', async () => {
    const { ask, channels } = await open();
    for (const token of ['a', 'b']) await channels.reserve([{ resource: 'destination:office', token, limit: 2 }]);
    const { status, body } = await ask('/routes/explain?number=%2B74951111111');
    expect(status).toBe(200);
    expect(body).toMatchObject({ site: 'divan', route: 'divan' });
    expect(body['sentence']).toBe(
      'office is passed over, destination:office is full (2/2): step 2 rings sales-1 for 30 s.',
    );
    expect((await ask('/routes/explain?number=+74951111111')).body['site']).toBe('divan');
    expect((await ask('/routes/explain?number=hello')).status).toBe(400);
    expect((await ask('/routes/explain')).status).toBe(400);
  });

  it('knows of a line that does not answer', async () => {
    const { ask, channels } = await open({ silent: ['sales-1'] });
    for (const token of ['a', 'b']) await channels.reserve([{ resource: 'destination:office', token, limit: 2 }]);
    const { body } = await ask('/routes/explain?number=%2B74951111111');
    expect(body['sentence']).toBe(
      'office is passed over, destination:office is full (2/2); sales-1 is passed over, it does not answer OPTIONS; ' +
        'sales-2 is passed over, no phone is registered: nobody else can be rung now, so sales-1 is tried after all; ' +
        'where that is in vain, the call is lost.',
    );
  });
});

describe('/v1/events?since=', () => {
  it('begins at a time', async () => {
    const { ask, end } = await open();
    const before = new Date(Date.now() - 1000).toISOString();
    await end(lost);
    expect((await ask(`/events?since=${before}`)).body['events']).toHaveLength(1);
    const later = await ask(`/events?since=${new Date(Date.now() + 60_000).toISOString()}`);
    expect(later.body['events']).toEqual([]);
    expect((await ask(`/events?after=${later.body['next'] as string}`)).status).toBe(200);
    expect((await ask(`/events?since=${before}&after=1-0`)).status).toBe(400);
    expect((await ask('/events?since=now')).status).toBe(400);
  });
});

describe('/v1/reports/pools', () => {
  it('tells from measured visitors and leases how many numbers a site needs', async () => {
    const { ask, keys, link } = await open();
    const pool = configSchema.shape.sites.element.parse({ id: 'divan', defaultRoute: 'divan' }).pool;
    const desk = new LeaseDesk(new RedisLeases(link, keys), () => ({ ...pool, lease: 600_000 }));
    const numbers = ['+74951111112', '+74951111113'].map((number) => ({
      number,
      site: 'divan',
      kind: 'dynamic' as const,
    }));
    await new RedisNumbers(link, keys, 'gw-1').write(numbers);
    for (const id of ['a', 'b', 'c', 'd']) await desk.allocate({ site: 'divan', session: visitor(id) });
    const { body } = await ask('/reports/pools?site=divan&chance=0.9');
    const [report] = body['pools'] as Body[];
    expect(report).toMatchObject({
      site: 'divan',
      free: 1,
      numbers: 2,
      measured: { visitors: 4, withoutNumber: 2, shareWithoutNumber: 0.5, meanLeaseSeconds: 600, mostTaken: 2 },
      inputs: { visitorsPerHour: 4, leaseMeasured: true, quarantineSeconds: 300, offeredErlang: 1 },
      chance: 0.9,
      numbersNeeded: 3,
      expectedChance: { present: 0.8, needed: 0.9375 },
    });
    expect((await ask('/reports/pools?chance=1')).status).toBe(400);
    expect((await ask('/reports/lost?chance=0.9')).status).toBe(400);
    expect((await ask('/reports/pools?site=stol')).body['pools']).toEqual([]);
  });
});
