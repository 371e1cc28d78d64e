import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exampleEvent } from '../../src/events/examples.js';
import { configSchema } from '../../src/config/schema.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisDeliveryArchive } from '../../src/redis/delivery-archive.js';
import { RedisOutbox } from '../../src/redis/outbox.js';
import { openSink } from '../../src/sinks/index.js';
import { Dispatcher } from '../../src/webhooks/dispatcher.js';
import type { AnyEndpointConfig } from '../../src/webhooks/dispatcher.js';
import type { Attempt } from '../../src/webhooks/sender.js';
import { exampleCall, exampleChange } from '../redis/examples.js';
import { eventually, openRedis } from '../support/redis.js';
import { fresh, NO_PORTS, send, vendor, type Answer } from './vendor.js';

describe('a template', () => {
  const fields = {
    phone: 'caller.number',
    status: 'call.disposition',
    uid: 'event.id',
    none: 'session.gclid',
  } as const;

  it('is flat JSON of named fields', async () => {
    const { asked, url } = await vendor(() => [200]);
    const [attempt] = await send(`${url}/hook?key=1`, { template: { as: 'json', fields } }, [fresh('call.missed')]);
    expect(attempt).toMatchObject({ delivered: true, status: 200 });
    expect(asked[0]?.path).toBe('/hook?key=1');
    expect(asked[0]?.json()).toMatchObject({ phone: '+79160000001', status: 'missed', none: null });
  });

  it('or a form', async () => {
    const { asked, url } = await vendor(() => [200]);
    await send(url, { template: { as: 'form', fields } }, [fresh('call.completed')]);
    expect(asked[0]?.headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect(asked[0]?.body).toMatch(/^phone=%2B79160000001&status=answered&uid=evt_\w+&none=$/);
  });

  it('sends user and password of the address as a header', async () => {
    const { asked, url } = await vendor(() => [200]);
    const named = url.replace('//', '//crm:s%40cret@');
    await send(named, { template: { as: 'json', fields } }, [fresh('call.missed')]);
    expect(asked[0]?.headers['authorization']).toBe(`Basic ${Buffer.from('crm:s@cret').toString('base64')}`);
  });

  it.each<[Answer, Partial<Attempt>]>([
    [[422, 'no such phone'], { delivered: false, dead: 'HTTP 422: no such phone' }],
    [[401], { delivered: false, status: 401 }],
    [[404], { delivered: false, status: 404 }],
    [[405], { delivered: false, status: 405 }],
    [[410], { delivered: false, status: 410 }],
    [[429, '', { 'retry-after': '7' }], { delivered: false, retryAfterMs: 7000 }],
    [[503, '', { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }], { delivered: false, retryAfterMs: 0 }],
    [[500], { delivered: false, retryAfterMs: null }],
  ])('%j', async (answer, expected) => {
    const { url } = await vendor(() => answer);
    const [attempt] = await send(url, { template: { as: 'json', fields } }, [fresh('call.missed')]);
    expect(attempt).toMatchObject(expected);
    if (expected.dead === undefined) expect(attempt).not.toHaveProperty('dead');
  });
});

describe('Google Analytics 4', () => {
  const ga4 = { measurementId: 'G-1', apiSecret: 's', eventName: 'phone_call' };

  it('gets one event a call, under the visitor’s client id', async () => {
    const { asked, url } = await vendor(() => [204]);
    const bodies = (['call.received', 'call.completed', 'recording.ready', 'trunk.down'] as const).map((type) =>
      fresh(type),
    );
    const attempts = await send(url, { ga4 }, bodies);
    expect(attempts.every(({ delivered }) => delivered)).toBe(true);
    expect(attempts.map(({ status, response }) => [status, response])).toEqual([
      [null, 'passed over'],
      [204, ''],
      [null, 'passed over'],
      [null, 'passed over'],
    ]);
    expect(asked.map(({ path }) => path)).toEqual(['/mp/collect?measurement_id=G-1&api_secret=s']);
    expect(asked[0]?.json()).toMatchObject({
      client_id: '1166021955.1763719901',
      events: [{ name: 'phone_call', params: { disposition: 'answered', talk_seconds: 62.5, source: 'yandex' } }],
    });
  });

  it('gets no value that is too long for it', async () => {
    const { asked, url } = await vendor(() => [204]);
    const body = fresh('call.missed').replace('"campaign":"sofas"', `"campaign":"${'ж'.repeat(300)}"`);
    await send(url, { ga4 }, [body]);
    expect(asked[0]?.json()).toMatchObject({ events: [{ params: { campaign: 'ж'.repeat(100) } }] });
  });

  it('is not asked again where its interface is not found', async () => {
    const { url } = await vendor(() => [404]);
    expect((await send(url, { ga4 }, [fresh('call.missed')]))[0]?.dead).toMatch(/HTTP 404/);
    const gone = await vendor(() => [410]);
    // Its status would switch all of them off.
    expect(await send(gone.url, { ga4 }, [fresh('call.missed')])).toMatchObject([{ delivered: false, status: null }]);
  });

  it('gets no call that it would drop', async () => {
    const { asked, url } = await vendor(() => [204]);
    const [old] = await send(url, { ga4 }, [fresh('call.missed', new Date(Date.now() - 4 * 86_400_000))]);
    expect(old?.dead).toMatch(/72 hours/);
    expect(asked).toEqual([]);
  });
});

describe('Yandex.Metrica', () => {
  const metrica = { counter: 77, token: 't', goal: 'Call' };

  it('gets a file with one line', async () => {
    const { asked, url } = await vendor(() => [200, { uploading: { id: 1, line_quantity: 1 } }]);
    expect(await send(url, { metrica }, [fresh('call.missed')])).toMatchObject([{ delivered: true }]);
    const [one] = asked;
    expect(one?.path).toBe('/management/v1/counter/77/offline_conversions/upload_calls?new_goal_name=Call');
    expect(one?.headers).toMatchObject({ authorization: 'OAuth t' });
    const boundary = /boundary=(\S+)$/.exec(String(one?.headers['content-type']))?.[1] ?? 'none';
    const [, file = ''] = one?.body.split(`--${boundary}`) ?? [];
    const [, text = ''] = file.split('\r\n\r\n');
    const [head = '', line = ''] = text.split('\n');
    expect(head).toMatch(/^ClientId,DateTime,StaticCall,PhoneNumber,/);
    expect(line).toMatch(/^1763719901442013857,\d{10},0,\+74951111111,0,20,1,0,https:/);
  });

  it('gets the call of a known visitor to a static number as one to put to his visit', async () => {
    const { asked, url } = await vendor(() => [200, { uploading: { id: 1, line_quantity: 1 } }]);
    await send(url, { metrica }, [fresh('call.missed').replace('"numberKind":"dynamic"', '"numberKind":"static"')]);
    expect(asked[0]?.body).toMatch(/\n1763719901442013857,\d{10},0,/);
  });

  it('a success with nothing taken is none', async () => {
    const { url } = await vendor(() => [200, { uploading: { id: 1, line_quantity: 0 } }]);
    expect((await send(url, { metrica }, [fresh('call.missed')]))[0]?.dead).toMatch(/no line/);
    const refused = await vendor(() => [200, { errors: [{ error_type: 'invalid_parameter' }], code: 400 }]);
    expect((await send(refused.url, { metrica }, [fresh('call.missed')]))[0]?.dead).toMatch(/invalid_parameter/);
  });
});

describe('the configuration', () => {
  const check = (endpoint: object): string => {
    const webhooks = [{ id: 'x', url: 'https://x.example', ...endpoint }];
    const { error } = configSchema.pick({ webhooks: true }).safeParse({ webhooks });
    return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n');
  };

  it('names all fields where one is unknown', () => {
    const unknown = check({ template: { fields: { phone: 'caller.phone' } } });
    expect(unknown).toMatch(/template.*one of event\.id, .*caller\.number/);
    expect(check({ template: { fields: { phone: 'caller.number' } } })).toBe('');
  });

  it('takes no name for Google’s event that Google keeps for itself', () => {
    const named = (eventName: string) => check({ ga4: { measurementId: 'G-1', apiSecret: 's', eventName } });
    for (const one of ['session_start', 'error', 'ga_call', 'firebase_call', 'google_call'])
      expect(named(one)).toMatch(/ga4\.eventName: .*does not keep for itself/);
    for (const one of ['phone_call', 'generate_lead', 'gas_call']) expect(named(one)).toBe('');
  });

  it('says where recordings may be', () => {
    const check24 = (recordings: unknown) => check({ bitrix24: { userId: 1, recordings } });
    for (const one of ['signed', null, 'https://calls.example/{id}']) expect(check24(one)).toBe('');
    expect(check24('https://calls.example/')).toMatch(
      /bitrix24\.recordings: "signed", or an address with "\{id\}" in it/,
    );
  });
});

describe('through the outbox', () => {
  it('what no attempt can help goes to the dead letters, and the next event goes out', async () => {
    const redis = await openRedis();
    const { asked, url } = await vendor((_one, n) => (n === 1 ? [422, 'no'] : [200]));
    const outbox = new RedisOutbox(redis.link, redis.keys);
    const dead: string[] = [];
    const dispatcher = new Dispatcher(
      outbox,
      pino({ level: 'silent' }),
      { onDead: (_delivery, reason) => dead.push(reason) },
      { openSink: (...to) => openSink(...to, NO_PORTS) },
    );
    onTestFinished(() => dispatcher.stop(0));
    const store = new RedisCallStore(redis.link, redis.keys, {}, { onQueued: (ids) => dispatcher.poke(ids) });
    const endpoint: AnyEndpointConfig = {
      id: 'old',
      url,
      secret: [],
      allowPrivate: true,
      template: { as: 'json', fields: { id: 'event.id' } },
    };
    dispatcher.start([endpoint]);
    const { call } = exampleEvent('call.received').data as { call: Parameters<typeof exampleChange>[0] };
    await store.commit(exampleChange(call, ['call.received', 'call.missed'], { endpoints: ['old'] }));
    await eventually(() => expect(asked).toHaveLength(2));
    await eventually(() => expect(dead).toEqual(['HTTP 422: no']));
  });

  it('says what failed behind a 200, in the log and among the deliveries', async () => {
    const redis = await openRedis();
    const { url } = await vendor(() => [200, { result: { CALL_ID: 'externalCall.1' } }]);
    const outbox = new RedisOutbox(redis.link, redis.keys);
    const lines: string[] = [];
    const ports = {
      ...NO_PORTS,
      stepsOf: () => Promise.resolve({}),
      noteStep: () => Promise.reject(new Error('Redis cannot be used now')),
    };
    const dispatcher = new Dispatcher(
      outbox,
      pino({ level: 'warn' }, { write: (line) => void lines.push(line) }),
      {},
      { openSink: (...to) => openSink(...to, ports) },
    );
    onTestFinished(() => dispatcher.stop(0));
    const bitrix24 = { userId: 5, recordings: null };
    dispatcher.start([{ id: 'crm', url, secret: [], allowPrivate: true, bitrix24 }]);
    const store = new RedisCallStore(redis.link, redis.keys);
    const call = exampleCall({ disposition: 'missed', lossReason: 'no_answer' });
    await store.commit(exampleChange(call, ['call.missed'], { endpoints: ['crm'] }));
    const reason = 'SINK: Redis cannot be used now';
    await eventually(() => expect(JSON.parse(lines[0] ?? '{}')).toMatchObject({ msg: 'a delivery failed', reason }));
    const [attempt] = await new RedisDeliveryArchive(redis.link, redis.keys, outbox).ofCall('crm', call.id);
    expect(attempt).toMatchObject({ outcome: 'retry', status: 200, response: reason });
  });

  it('two that refuse what they are told of each other do not go on for ever', async () => {
    const redis = await openRedis();
    const { url } = await vendor(() => [422, 'no call']);
    const wanting = () => ['old', 'older'];
    const outbox = new RedisOutbox(redis.link, redis.keys, { wanting, onQueued: (ids) => dispatcher.poke(ids) });
    const dispatcher = new Dispatcher(
      outbox,
      pino({ level: 'silent' }),
      {},
      { backlogMs: 600_000, openSink: (...to) => openSink(...to, NO_PORTS) },
    );
    onTestFinished(() => dispatcher.stop(0));
    const template = { as: 'json', fields: { id: 'event.id' } } as const;
    dispatcher.start(wanting().map((id) => ({ id, url, secret: [], allowPrivate: true, template })));
    const store = new RedisCallStore(redis.link, redis.keys, {}, { onQueued: (ids) => dispatcher.poke(ids) });
    await store.commit(exampleChange(exampleCall(), ['call.received'], { endpoints: wanting() }));
    // Each refuses the call, then that the other did. The dispatcher tells of letters too, when it looks.
    await eventually(async () => {
      const states = [...(await outbox.backlog(wanting())).values()].map(({ events, dead }) => [events, dead]);
      const told = [];
      for (const id of wanting()) told.push(await outbox.tellDead(id));
      expect({ states, told }).toEqual({
        states: [
          [0, 2],
          [0, 2],
        ],
        told: [0, 0],
      });
    });
  });
});
