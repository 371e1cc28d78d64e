import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { EventType } from '../../src/call/event-types.js';
import { exampleEvent } from '../../src/events/examples.js';
import { configSchema } from '../../src/config/schema.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisOutbox } from '../../src/redis/outbox.js';
import { openSink, type SinkConfigs } from '../../src/sinks/index.js';
import { Dispatcher } from '../../src/webhooks/dispatcher.js';
import type { Attempt, AnyEndpointConfig } from '../../src/webhooks/sender.js';
import { exampleChange } from '../redis/examples.js';
import { eventually, openRedis } from '../support/redis.js';

interface Asked {
  path: string;
  headers: Record<string, unknown>;
  body: string;
  json: () => Record<string, never>;
}

type Answer = [status: number, body?: unknown, headers?: Record<string, string>];

/** A vendor's interface in the shape of its documentation, over real HTTP. */
async function vendor(answer: (asked: Asked, n: number) => Answer) {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const one = { path: request.url ?? '', headers: request.headers, body, json: () => JSON.parse(body) as never };
      asked.push(one);
      const [status, reply = '', headers = {}] = answer(one, asked.length);
      response.writeHead(status, headers).end(typeof reply === 'string' ? reply : JSON.stringify(reply));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** An event of now: vendors take no old calls. */
function fresh(type: EventType, at = new Date()): string {
  const event = structuredClone(exampleEvent(type)) as { data: { call?: { startedAt: string } } };
  if (event.data.call) event.data.call.startedAt = at.toISOString();
  return JSON.stringify(event);
}

/** What an attempt comes to. */
async function send(url: string, config: SinkConfigs, ...bodies: string[]): Promise<Attempt[]> {
  const channel = openSink({ url, allowPrivate: true, ...config }, 1);
  if (!channel) throw new Error('no sink');
  const attempts: Attempt[] = [];
  for (const body of bodies) attempts.push(await channel.send({ eventId: 'evt_1', attempt: 1, body }));
  await channel.close();
  return attempts;
}

describe('a template', () => {
  const fields = {
    phone: 'caller.number',
    status: 'call.disposition',
    uid: 'event.id',
    none: 'session.gclid',
  } as const;

  it('is flat JSON of named fields', async () => {
    const { asked, url } = await vendor(() => [200]);
    const [attempt] = await send(`${url}/hook?key=1`, { template: { as: 'json', fields } }, fresh('call.missed'));
    expect(attempt).toMatchObject({ delivered: true, status: 200 });
    expect(asked[0]?.path).toBe('/hook?key=1');
    expect(asked[0]?.json()).toMatchObject({ phone: '+79160000001', status: 'missed', none: null });
  });

  it('or a form', async () => {
    const { asked, url } = await vendor(() => [200]);
    await send(url, { template: { as: 'form', fields } }, fresh('call.completed'));
    expect(asked[0]?.headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect(asked[0]?.body).toMatch(/^phone=%2B79160000001&status=answered&uid=evt_\w+&none=$/);
  });

  it.each<[Answer, Partial<Attempt>]>([
    [[422, 'no such phone'], { delivered: false, dead: 'HTTP 422: no such phone' }],
    [[401], { delivered: false, status: 401 }],
    [[429, '', { 'retry-after': '7' }], { delivered: false, retryAfterMs: 7000 }],
    [[500], { delivered: false, retryAfterMs: null }],
  ])('%j', async (answer, expected) => {
    const { url } = await vendor(() => answer);
    const [attempt] = await send(url, { template: { as: 'json', fields } }, fresh('call.missed'));
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
    expect((await send(url, { ga4 }, ...bodies)).every(({ delivered }) => delivered)).toBe(true);
    expect(asked.map(({ path }) => path)).toEqual(['/mp/collect?measurement_id=G-1&api_secret=s']);
    expect(asked[0]?.json()).toMatchObject({
      client_id: '1166021955.1763719901',
      events: [{ name: 'phone_call', params: { disposition: 'answered', talk_seconds: 62.5, source: 'yandex' } }],
    });
  });

  it('gets no call that it would drop', async () => {
    const { asked, url } = await vendor(() => [204]);
    const [old] = await send(url, { ga4 }, fresh('call.missed', new Date(Date.now() - 4 * 86_400_000)));
    expect(old?.dead).toMatch(/72 hours/);
    expect(asked).toEqual([]);
  });
});

describe('Yandex.Metrica', () => {
  const metrica = { counter: 77, token: 't', goal: 'Call' };

  it('gets a file with one line', async () => {
    const { asked, url } = await vendor(() => [200, { uploading: { id: 1, line_quantity: 1 } }]);
    expect(await send(url, { metrica }, fresh('call.missed'))).toMatchObject([{ delivered: true }]);
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

  it('a success with nothing taken is none', async () => {
    const { url } = await vendor(() => [200, { uploading: { id: 1, line_quantity: 0 } }]);
    expect((await send(url, { metrica }, fresh('call.missed')))[0]?.dead).toMatch(/no line/);
    const refused = await vendor(() => [200, { errors: [{ error_type: 'invalid_parameter' }], code: 400 }]);
    expect((await send(refused.url, { metrica }, fresh('call.missed')))[0]?.dead).toMatch(/invalid_parameter/);
  });
});

describe('Bitrix24', () => {
  const bitrix24 = { userId: 5, recordings: 'https://calls.example/r/{id}' };
  const methods = (asked: Asked[]) => asked.map(({ path }) => path.split('/').at(-1));
  const well = ({ path }: Asked): Answer => [
    200,
    { result: path.includes('register') ? { CALL_ID: 'externalCall.1' } : {} },
  ];

  it('gets a missed call and a task', async () => {
    const { asked, url } = await vendor(well);
    expect(await send(`${url}/rest/5/code/`, { bitrix24 }, fresh('call.missed'))).toMatchObject([{ delivered: true }]);
    expect(asked[0]?.path).toBe('/rest/5/code/telephony.externalcall.register.json');
    expect(methods(asked).slice(1)).toEqual(['telephony.externalcall.finish.json', 'tasks.task.add.json']);
    expect(asked[1]?.json()).toMatchObject({ CALL_ID: 'externalCall.1', STATUS_CODE: '304', DURATION: 0 });
  });

  it('gets an answered call once its recording is there, with the link', async () => {
    const { asked, url } = await vendor(well);
    await send(url, { bitrix24 }, fresh('call.completed'), fresh('recording.ready'));
    expect(methods(asked)).toEqual([
      'telephony.externalcall.register.json',
      'telephony.externalcall.finish.json',
      'telephony.externalcall.attachRecord.json',
    ]);
    expect(asked[2]?.json()).toHaveProperty(
      'RECORD_URL',
      'https://calls.example/r/019aa5c1-7c44-7c6e-9d0b-5f1f0f6f2a11',
    );
  });

  it('goes on behind what is done, and knows an error that comes with 200', async () => {
    const { asked, url } = await vendor((one, n) => (n === 2 ? [503, { error: 'QUERY_LIMIT_EXCEEDED' }] : well(one)));
    const body = fresh('call.missed');
    const attempts = await send(url, { bitrix24 }, body, body);
    expect(attempts).toMatchObject([{ delivered: false, retryAfterMs: 2000 }, { delivered: true }]);
    expect(methods(asked).filter((method) => method?.includes('register'))).toHaveLength(1);
    const refusing = await vendor(() => [200, { error: 'ERROR_CORE', error_description: 'User not found' }]);
    const [refused] = await send(refusing.url, { bitrix24 }, body);
    expect(refused?.dead).toBe('telephony.externalcall.register: ERROR_CORE (User not found)');
  });
});

describe('amoCRM', () => {
  const amocrm = { token: 't', recordings: null };

  it('gets a note on the card, and a task where the call was missed', async () => {
    const { asked, url } = await vendor(({ path }) =>
      path.endsWith('/calls')
        ? [200, { _embedded: { calls: [{ id: 1, entity_id: 9, entity_type: 'contact' }] }, errors: [] }]
        : [200, {}],
    );
    expect(await send(url, { amocrm }, fresh('call.missed'))).toMatchObject([{ delivered: true }]);
    expect(asked.map(({ path }) => path)).toEqual(['/api/v4/calls', '/api/v4/tasks']);
    expect(asked[0]?.json()).toMatchObject([{ direction: 'inbound', call_status: 6, phone: '+79160000001' }]);
    expect(asked[1]?.json()).toMatchObject([{ entity_id: 9, entity_type: 'contacts' }]);
  });

  it('makes a lead of a caller who has no card, and tells other errors', async () => {
    const missing = { _embedded: { calls: [] }, errors: [{ title: 'Not found', detail: 'Entity not found' }] };
    const { asked, url } = await vendor(({ path }) => (path.endsWith('/calls') ? [200, missing] : [200, {}]));
    expect(await send(url, { amocrm }, fresh('recording.ready'))).toMatchObject([{ delivered: true }]);
    expect(asked.map(({ path }) => path)).toEqual(['/api/v4/calls', '/api/v4/leads/unsorted/sip']);
    const other = await vendor(() => [200, { errors: [{ title: 'Bad phone' }] }]);
    expect((await send(other.url, { amocrm }, fresh('recording.ready')))[0]?.dead).toMatch(/Bad phone/);
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
});

describe('through the outbox', () => {
  it('what no attempt can help goes to the dead letters, and the next event goes out', async () => {
    const redis = await openRedis();
    const { asked, url } = await vendor((_one, n) => (n === 1 ? [422, 'no'] : [200]));
    const outbox = new RedisOutbox(redis.link, redis.keys);
    const dead: string[] = [];
    const dispatcher = new Dispatcher(outbox, pino({ level: 'silent' }), {
      onDead: (_delivery, reason) => dead.push(reason),
    });
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
});
