import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { configSchema, type Scope } from '../../src/config/schema.js';
import type { Values } from '../../src/cli/command.js';
import { webhooks as command } from '../../src/cli/commands/webhooks.js';
import { buildDelivery } from '../../src/composition/delivery.js';
import { capacityEvent, poolEvent } from '../../src/events/scarcity.js';
import { GatewayMetrics } from '../../src/observability/metrics.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisEventFeed } from '../../src/redis/event-feed.js';
import type { Keys } from '../../src/redis/keys.js';
import { exampleCall, exampleChange } from '../redis/examples.js';
import { accessKey, serve } from '../support/http.js';
import { answer, OK, openReceiver, type Received } from '../support/receiver.js';
import { eventually, openRedis } from '../support/redis.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const KEY = 'k'.repeat(64);
type Body = Record<string, unknown>;

async function open(scopes: Scope[] = ['webhooks:read', 'webhooks:write'], others: { id: string }[] = []) {
  const redis = await openRedis();
  const receiver = await openReceiver(SECRET);
  const config = configSchema.parse({
    trunks: [{ id: 'carrier', inbound: { from: ['192.0.2.1'] } }],
    routes: [{ id: 'none', steps: [{ announce: 'silence_stream://1000' }] }],
    sites: [
      { id: 'divan', defaultRoute: 'none', webhooks: ['crm', ...others.map(({ id }) => id)] },
      { id: 'other', defaultRoute: 'none' },
    ],
    webhooks: [
      { id: 'crm', url: `${receiver.url}/hooks/hidden?token=hidden`, secret: SECRET, allowPrivate: true },
      ...others.map((other) => ({ url: receiver.url, allowPrivate: true, ...other })),
    ],
  });
  const logger = pino({ level: 'silent' });
  const metrics = new GatewayMetrics({ nodeDefaults: false });
  const parts = { ...redis, config: () => config, metrics, logger };
  const { dispatcher, desk } = buildDelivery({
    ...parts,
    onDataLost: () => expect.unreachable('Redis is never emptied'),
  });
  dispatcher.start(config.webhooks);
  const store = new RedisCallStore(redis.link, redis.keys, {}, { onQueued: (ids) => dispatcher.poke(ids) });
  onTestFinished(() => dispatcher.stop(0));
  const url = await serve({ keys: () => [accessKey('ops', KEY, scopes)], webhooks: desk });
  const ask = async (path: string, body?: Body) => {
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
    const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    const response = await fetch(`${url}/v1/webhooks${path}`, { headers, ...sent });
    return { status: response.status, body: (await response.json()) as Body };
  };
  const write = async (
    types: Parameters<typeof exampleChange>[1] = ['call.received'],
    site = 'divan',
    endpoints = ['crm'],
  ) => {
    const call = exampleCall({ site });
    await store.commit(exampleChange(call, types, { endpoints: site === 'divan' ? endpoints : [] }));
    return call.id;
  };
  const cli = async (...args: string[]) => {
    const [out, said]: [string[], string[]] = [[], []];
    const terminal = {
      out: (text: string) => out.push(text),
      err: (text: string) => said.push(text),
      tty: false,
      clear: () => undefined,
      secret: () => Promise.resolve(''),
      env: { CALLTRACK_URL: url, CALLTRACK_KEY: KEY },
      interrupted: new AbortController().signal,
    };
    const { values, positionals } = parseArgs({ args, options: command.options, allowPositionals: true });
    const status = await command.run(values as Values, positionals, terminal);
    return { status, text: out.join('\n'), said: said.join('\n') };
  };
  return { ...redis, receiver, ask, write, cli, desk, store };
}

const deliveriesOf = async (ask: Awaited<ReturnType<typeof open>>['ask'], query = '') =>
  (await ask(`/crm/deliveries${query}`)).body['deliveries'] as Body[];
/** What a replay in one piece comes to. */
const queuedAgain = (queued: number, skipped: number, goneBefore: string | null = null) => {
  return { queued, skipped, next: null, goneBefore };
};
const idOf = (received: Received | undefined): string => received?.body.id ?? '';

describe('/v1/webhooks', () => {
  it('shows state and backlog, without what stands in the query of the address', async () => {
    const { ask, receiver } = await open();
    const { body } = await ask('');
    expect(body['webhooks']).toEqual([
      {
        id: 'crm',
        url: new URL(receiver.url).origin,
        events: ['*'],
        state: 'up',
        reason: null,
        since: null,
        nextProbeAt: null,
        undelivered: 0,
        oldestAt: null,
        deadLetters: 0,
      },
    ]);
    expect(JSON.stringify(body)).not.toContain('hidden');
    expect((await ask('/nobody')).status).toBe(404);
  });

  it('shows each attempt with status, latency and answer, by outcome, status, time and call', async () => {
    const { ask, receiver, write } = await open();
    receiver.behave = () =>
      receiver.received.length === 1 ? { kind: 'answer', status: 500, body: `sorry${'!'.repeat(9_000)}` } : OK;
    const call = await write(['call.received', 'call.ringing']);
    await receiver.wait(3);
    const all = await eventually(async () => {
      const found = await deliveriesOf(ask);
      expect(found).toHaveLength(3);
      return found;
    });
    expect(all.map(({ type, attempt, outcome, status }) => [type, attempt, outcome, status])).toEqual([
      ['call.ringing', 1, 'delivered', 200],
      ['call.received', 2, 'delivered', 200],
      ['call.received', 1, 'retry', 500],
    ]);
    expect(String(all[2]?.['response'])).toHaveLength(4_096);
    expect(all[0]).toMatchObject({ response: 'ok', callId: call });
    expect(await deliveriesOf(ask, '?outcome=retry')).toEqual([all[2]]);
    expect(await deliveriesOf(ask, '?status=200')).toEqual(all.slice(0, 2));
    expect(await deliveriesOf(ask, `?from=${new Date(Date.now() + 1_000).toISOString()}`)).toEqual([]);
    const byCall = await deliveriesOf(ask, `?call=${call}`);
    expect(byCall.map(({ type, attempt }) => [type, attempt]).toSorted()).toEqual([
      ['call.received', 2],
      ['call.ringing', 1],
    ]);
    expect(await deliveriesOf(ask, `?call=${call}&event=${String(all[0]?.['eventId'])}`)).toEqual([all[0]]);
    const [newest, older] = [all[0], all[1]].map((one) => String(one?.['at']));
    for (const query of ['', `&call=${call}`]) {
      const inTime = async (from: string, to: string) =>
        (await deliveriesOf(ask, `?from=${from}&to=${to}${query}`)).map(({ type }) => type);
      // What `to` names is not among it; so near, both attempts may be of one millisecond.
      expect(await inTime('1969-12-31T00:00:00Z', older ?? '')).not.toContain('call.ringing');
      expect(await inTime(newest ?? '', '2100-01-01T00:00:00Z')).toContain('call.ringing');
      expect(await inTime('1960-01-01T00:00:00Z', '1969-12-31T00:00:00Z')).toEqual([]);
    }
    const page = (await ask('/crm/deliveries?limit=2')).body;
    expect(await deliveriesOf(ask, `?before=${String(page['next'])}`)).toEqual([all[2]]);
  });

  it('sends one event again with its own id, once however often it is asked', async () => {
    const { ask, receiver, write, desk, link, keys } = await open();
    await write();
    const [first] = await receiver.wait(1);
    await desk.switch('crm', false);
    await eventually(async () => expect(await deliveriesOf(ask)).toHaveLength(1));
    const path = `/crm/deliveries/${idOf(first)}/replay`;
    expect(await ask(path, {})).toEqual({ status: 202, body: queuedAgain(1, 0) });
    expect(await ask(path, {})).toEqual({ status: 202, body: queuedAgain(0, 1) });
    const { events } = await new RedisEventFeed(link, keys).after(null, 10);
    const byCursor = `/crm/deliveries/${events[0]?.cursor ?? ''}/replay`;
    expect(await ask(byCursor, {})).toEqual({ status: 202, body: queuedAgain(0, 1) });
    await desk.switch('crm', true);
    const again = (await receiver.wait(2))[1];
    expect(idOf(again)).toBe(idOf(first));
    expect(again?.headers['webhook-attempt']).toBe('1');
    expect(again?.verified).toBe(true);
  });

  it.each([
    [
      'capacity.high',
      capacityEvent({ resource: 'line:x', number: 1, level: 'high', inUse: 4, limit: 5, at: Date.now() }),
    ],
    ['pool.low', poolEvent({ resource: 'pool:divan', number: 1, level: 'low', free: 1, total: 9, at: Date.now() })],
  ])('sends %s again by its id, though nobody drew that', async (_type, event) => {
    const { ask, receiver, store } = await open();
    await store.appendOperational(event, 'x', ['crm']);
    // Until its delivery is written down it is queued already.
    await eventually(async () => expect(await deliveriesOf(ask)).toHaveLength(1));
    const replayed = await ask(`/crm/deliveries/${event.id}/replay`, {});
    expect(replayed).toEqual({ status: 202, body: queuedAgain(1, 0) });
    expect((await receiver.wait(2)).map(idOf)).toEqual([event.id, event.id]);
  });

  it('tells no webhook of calls that are not its own', async () => {
    const { ask, receiver, write, link, keys } = await open();
    await write(['call.received'], 'other');
    const [[cursor]] = (await link.send((client) => client.xrange(keys.events(), '-', '+'))) as [[string, string[]]];
    expect((await ask(`/crm/deliveries/${cursor}/replay`, {})).status).toBe(404);
    const range = { from: '2020-01-01T00:00:00Z', to: '2100-01-01T00:00:00Z' };
    expect((await ask('/crm/replay', range)).body).toEqual(queuedAgain(0, 1));
    expect(receiver.received).toEqual([]);
  });

  it('sends the events of a time again', async () => {
    const { ask, receiver, write } = await open();
    for (let i = 0; i < 5; i += 1) await write();
    const first = (await receiver.wait(5)).map(idOf);
    await eventually(async () => expect(await deliveriesOf(ask)).toHaveLength(5));
    const range = { from: new Date(Date.now() - 60_000).toISOString(), to: new Date(Date.now() + 1_000).toISOString() };
    expect((await ask('/crm/replay', range)).body).toEqual(queuedAgain(5, 0));
    const all = (await receiver.wait(10)).map(idOf);
    expect(all.slice(5).toSorted()).toEqual(first.toSorted());
  });

  it('says so where the oldest events of a time are no longer kept', async () => {
    const { receiver, write, ask, cli, raw, keys } = await open();
    for (let i = 0; i < 2; i += 1) await write();
    await receiver.wait(2);
    await eventually(async () => expect(await deliveriesOf(ask)).toHaveLength(2));
    await raw.xtrim(keys.events(), 'MAXLEN', 1);
    const [[kept] = ['']] = await raw.xrange(keys.events(), '-', '+');
    const since = new Date(Number(kept.split('-')[0])).toISOString();
    const to = '2100-01-01T00:00:00Z';
    expect((await ask('/crm/replay', { from: '2020-01-01T00:00:00Z', to })).body).toEqual(queuedAgain(1, 0, since));
    await receiver.wait(3);
    const { said } = await cli('replay', 'crm', '--from', '2020-01-01T00:00:00Z', '--to', to);
    expect(said).toBe(`events before ${since} are no longer kept: they are not among them`);
    const later = new Date(Date.parse(since) + 2).toISOString();
    expect((await ask('/crm/replay', { from: later, to })).body['goneBefore']).toBeNull();
  });

  it('sends what one limit is told of again whatever becomes of the others, and in order', async () => {
    const { ask, receiver, store } = await open();
    const high = (resource: string, number: number) =>
      capacityEvent({ resource, number, at: 1_800_000_000_000, level: 'high', inUse: 4, limit: 5 });
    const changes = [['line:a', 1] as const, ['line:b', 1] as const, ['line:b', 2] as const];
    for (const [line, number] of changes) await store.appendOperational(high(line, number), line, ['crm']);
    await eventually(async () => expect(await deliveriesOf(ask)).toHaveLength(3));
    const [refused, ...others] = changes.map(([line, number]) => high(line, number).id);
    receiver.behave = ({ body }) => (body.id === refused ? answer(500) : OK);
    const range = { from: '2020-01-01T00:00:00Z', to: '2100-01-01T00:00:00Z' };
    expect((await ask('/crm/replay', range)).body).toEqual(queuedAgain(3, 0));
    const again = () => receiver.received.slice(3).map(idOf);
    await eventually(() => expect(again().filter((id) => id !== refused)).toEqual(others));
  });

  it('sends all dead letters again, also those that the feed has lost', async () => {
    const { ask, receiver, write, raw, keys } = await open();
    receiver.behave = () => answer(500);
    await write();
    const [first] = await receiver.wait(1);
    // The letter as the outbox makes it after 76 hours.
    await eventually(async () => expect(await deliveriesOf(ask)).toHaveLength(1));
    const [[cursor, fields]] = (await raw.xrange(keys.events(), '-', '+')) as [[string, string[]]];
    const call = fields[fields.indexOf('call') + 1] ?? '';
    await raw.xadd(
      keys.dead('crm'),
      '*',
      'event',
      cursor,
      'key',
      call,
      'attempts',
      '9',
      'reason',
      'HTTP 500',
      ...fields,
    );
    await raw.del(keys.events(), `${keys.todoPrefix('crm')}${call}`, keys.due('crm'), keys.flight('crm'));
    await raw.del(keys.backlog('crm'), keys.health('crm'), keys.tries('crm'));
    receiver.behave = () => OK;
    expect((await ask('/crm/replay', { dead: true })).body).toEqual(queuedAgain(1, 0));
    const again = (await receiver.wait(2))[1];
    expect(idOf(again)).toBe(idOf(first));
    expect(again?.raw).toBe(first?.raw);
    expect((await ask('/crm')).body['deadLetters']).toBe(0);
    expect((await ask('/crm/replay', { dead: true })).body).toEqual(queuedAgain(0, 0));
  });

  it.each([
    ['feed', (keys: Keys) => keys.deliveryLog('old')],
    ['log', (keys: Keys) => keys.events()],
  ])('sends one dead letter again that only the %s still knows, and the letter is gone', async (_what, lost) => {
    const template = { id: 'old', template: { fields: { uid: 'event.id' } } };
    const { ask, receiver, write, raw, keys } = await open(undefined, [template]);
    receiver.behave = () => answer(400);
    const call = await write(['call.received'], 'divan', ['old']);
    await receiver.wait(1);
    await eventually(async () => expect((await ask('/old')).body['deadLetters']).toBe(1));
    const [letter] = (await ask(`/old/deliveries?call=${call}`)).body['deliveries'] as Body[];
    await raw.del(lost(keys));
    receiver.behave = () => OK;
    const path = `/old/deliveries/${String(letter?.['eventId'])}/replay`;
    expect(await ask(path, {})).toEqual({ status: 202, body: queuedAgain(1, 0) });
    // The other endpoint may be told of the dead letter meanwhile.
    const ofOld = () => receiver.received.filter(({ path: where }) => where === '/hooks/calls');
    await eventually(() => expect(ofOld()).toHaveLength(2));
    expect(ofOld()[1]?.raw).toBe(ofOld()[0]?.raw);
    expect((await ask('/old')).body['deadLetters']).toBe(0);
  });

  it('tests a receiver and tells what it answered', async () => {
    const { ask, receiver } = await open();
    const { body } = await ask('/crm/test', {});
    expect(body).toMatchObject({ delivered: true, status: 200, response: 'ok', error: null });
    expect(receiver.received[0]).toMatchObject({ verified: true, body: { id: body['eventId'], type: 'webhook.test' } });
    expect(await deliveriesOf(ask)).toEqual([]);
    await receiver.stop();
    expect((await ask('/crm/test', {})).body).toMatchObject({ delivered: false, error: { code: 'ECONNREFUSED' } });
  });

  it('does not say that a test was taken where nothing could be sent', async () => {
    const ga4 = { id: 'ga', ga4: { measurementId: 'G-1', apiSecret: 's' } };
    const { ask, cli, receiver } = await open(undefined, [ga4]);
    const { status, body } = await ask('/ga/test', {});
    expect([status, body['code']]).toEqual([409, 'GW_ERR_CONFLICT']);
    expect(body['detail']).toMatch(/calls only.*make a test call/);
    await expect(cli('test', 'ga')).rejects.toThrow(/make a test call/);
    expect(receiver.received).toEqual([]);
  });

  it.each([
    ['/crm/deliveries?outcome=lost', undefined, 400],
    ['/crm/deliveries?status=abc', undefined, 400],
    ['/crm/deliveries?from=yesterday', undefined, 400],
    ['/crm/deliveries?before=xyz', undefined, 400],
    ['/crm/deliveries?limit=9999', undefined, 400],
    ['/crm/deliveries?unknown=1', undefined, 400],
    ['/crm/deliveries/evt_00000000000000000000000000000000/replay', {}, 404],
    ['/crm/deliveries/rubbish/replay', {}, 404],
    ['/crm/replay', {}, 400],
    ['/crm/replay', { from: '2026-01-01T00:00:00Z' }, 400],
    ['/crm/replay', { from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z' }, 400],
    ['/crm/replay', { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z', after: '0-0' }, 400],
    ['/crm/replay', { from: '1960-01-01T00:00:00Z', to: '1969-01-01T00:00:00Z' }, 202],
    ['/crm/deliveries?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', undefined, 400],
    ['/crm/deliveries?before=0-0', undefined, 400],
    ['/crm/deliveries?call=c1&limit=5', undefined, 400],
    ['/crm/deliveries?call=c1&before=1-1', undefined, 400],
    ['/nobody/replay', { dead: true }, 404],
    ['/nobody/test', {}, 404],
    ['/nobody/enable', {}, 404],
    ['/nobody/deliveries', undefined, 404],
  ])('%s %j is answered %i', async (path, body, status) => {
    const { ask } = await open();
    expect((await ask(path, body)).status).toBe(status);
  });

  it.each([
    [{ from: '2026-01-01T00:00:00Z' }, '"to": a time like'],
    [{ form: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' }, /"from": a time like.*"form"/],
    [{ dead: 'yes' }, '"dead": true'],
    [{ from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z' }, '"from" must be before "to"'],
  ])('tells what is wrong with a replay of %j', async (body, detail) => {
    const { ask } = await open();
    expect((await ask('/crm/replay', body)).body['detail']).toMatch(detail);
  });

  it('lets nobody write who may only read', async () => {
    const { ask } = await open(['webhooks:read']);
    expect((await ask('')).status).toBe(200);
    for (const path of ['/crm/test', '/crm/enable', '/crm/disable', '/crm/replay'])
      expect((await ask(path, {})).status).toBe(403);
  });
});

describe('calltrack webhooks', () => {
  it('shows the deliveries of one event, and older ones page by page', async () => {
    const { cli, receiver, write } = await open();
    await write(['call.received', 'call.ringing', 'call.missed']);
    const ids = (await receiver.wait(3)).map(idOf);
    await eventually(async () => expect((await cli('deliveries', 'crm')).text.split('\n')).toHaveLength(4));
    const one = await cli('deliveries', 'crm', '--event', ids[1] ?? '');
    expect(one.text.match(/evt_\w+/g)).toEqual([ids[1]]);
    const newest = await cli('deliveries', 'crm', '--limit', '2');
    expect(newest.text.match(/evt_\w+/g)).toEqual([ids[2], ids[1]]);
    const [, place = ''] = /--before (\S+)$/.exec(newest.said) ?? [];
    const older = await cli('deliveries', 'crm', '--limit', '2', '--before', place);
    expect([older.text.match(/evt_\w+/g), older.said]).toEqual([[ids[0]], '']);
  });

  it('shows, tests, switches and replays', async () => {
    const { cli, receiver, write, ask } = await open();
    expect(await cli()).toMatchObject({ status: 0, text: expect.stringMatching(/crm +up/) as string });
    await write();
    await receiver.wait(1);
    await eventually(async () => expect(await deliveriesOf(ask)).toHaveLength(1));
    expect((await cli('deliveries', 'crm')).text).toMatch(/call\.received +evt_\w+ +1 +delivered +200/);
    expect(await cli('test', 'crm')).toMatchObject({
      status: 0,
      text: expect.stringMatching(/^taken: HTTP 200/) as string,
    });
    expect((await cli('disable', 'crm')).text).toBe('crm is disabled');
    expect(await cli()).toMatchObject({ status: 1, text: expect.stringContaining('disabled (request)') as string });
    expect((await cli('replay', 'crm', idOf(receiver.received[0]))).text).toBe('1 queued, 0 passed over');
    expect((await cli('enable', 'crm')).text).toBe('crm is enabled');
    await receiver.wait(3);
    expect((await cli('replay', 'crm', '--dead')).text).toBe('0 queued, 0 passed over');
    await expect(cli('replay', 'crm')).rejects.toThrow('one of');
    const since = ['--from', '2026-11-21T10:00:00Z'];
    for (const what of [['--dead'], ['evt_1'], []])
      await expect(cli('replay', 'crm', ...what, ...since)).rejects.toThrow('one of');
    await expect(cli('deliveries', 'crm', 'evt_1')).rejects.toThrow('"evt_1" is too much');
    await expect(cli('wipe', 'crm')).rejects.toThrow('deliveries ID');
  });
});
