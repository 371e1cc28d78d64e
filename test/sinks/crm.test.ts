import { describe, expect, it } from 'vitest';
import type { EventType } from '../../src/call/event-types.js';
import { sinkPorts } from '../../src/composition/sinks.js';
import { configSchema } from '../../src/config/schema.js';
import { readLink } from '../../src/recordings/links.js';
import { RedisAudit } from '../../src/redis/audit.js';
import { RedisRecordings } from '../../src/redis/recordings.js';
import type { SinkConfigs } from '../../src/sinks/index.js';
import { openOwnRedis, openRedis } from '../support/redis.js';
import { fresh, send, vendor, type Answer, type Asked } from './vendor.js';

const CALL = '019aa5c1-7c44-7c6e-9d0b-5f1f0f6f2a11';
const LONG_AGO = new Date(Date.now() - 3 * 3_600_000);
const config = configSchema
  .pick({ gateway: true, recordings: true, access: true })
  .parse({ gateway: { id: 'gw-1', publicUrl: 'https://calls.example/' } });

/** The sink of a customer; each `tell` is by another gateway: nothing but Redis knows of the one before. */
async function open(
  sink: SinkConfigs,
  answer: (asked: Asked, n: number) => Answer,
  path = '',
  redis: Awaited<ReturnType<typeof openRedis>> | null = null,
) {
  redis ??= await openRedis();
  const { asked, url } = await vendor(answer);
  const ports = sinkPorts({ ...redis, config: () => config });
  const told = () =>
    asked.map(({ path }) =>
      path
        .split('/')
        .slice(-1)[0]
        ?.replace(/\.json$/, ''),
    );
  const tell = async (type: EventType, at?: Date) => (await send(url + path, sink, [fresh(type, at)], ports))[0];
  return { redis, asked, told, tell };
}

/** The call that a link of ours leads to, and for how long. */
async function leadsTo({ link, keys }: Awaited<ReturnType<typeof openRedis>>, url: unknown) {
  const [, token = ''] = /^https:\/\/calls\.example\/r\/(\S+)$/.exec(String(url)) ?? [];
  const facts = new RedisRecordings(link, keys);
  const { callId, expiresAt, id } = await readLink(token, (secret) => facts.linkSecretOf(secret), Date.now());
  return { callId, id, days: Math.round((expiresAt - Date.now()) / 86_400_000) };
}

describe('Bitrix24', () => {
  const REGISTER = 'telephony.externalcall.register';
  const FINISH = 'telephony.externalcall.finish';
  const RECORD = 'telephony.externalcall.attachRecord';
  const bitrix24 = { userId: 5, recordings: 'https://calls.example/r/{id}' };
  const well = ({ path }: Asked): Answer => [
    200,
    { result: path.includes('register') ? { CALL_ID: 'externalCall.1' } : {} },
  ];

  it('shows the call while it rings, and finishes the same one, whichever gateways tell of it', async () => {
    const { asked, told, tell } = await open({ bitrix24 }, well, '/rest/5/code/');
    await tell('call.received');
    expect(told()).toEqual([]);
    await tell('call.ringing');
    expect(asked[0]?.path).toBe(`/rest/5/code/${REGISTER}.json`);
    expect(asked[0]?.json()).toMatchObject({ SHOW: 1, TYPE: 2, USER_ID: 5, PHONE_NUMBER: '+79160000001' });
    for (const type of ['call.answered', 'call.completed', 'recording.ready', 'recording.ready'] as const)
      expect(await tell(type)).toMatchObject({ delivered: true });
    expect(told()).toEqual([REGISTER, FINISH, RECORD]);
    expect(asked[1]?.json()).toMatchObject({ CALL_ID: 'externalCall.1', STATUS_CODE: '200' });
    expect(asked[2]?.json()).toMatchObject({
      CALL_ID: 'externalCall.1',
      RECORD_URL: `https://calls.example/r/${CALL}`,
    });
  });

  it('gets a missed call and a task, be it told of nothing before', async () => {
    const { asked, told, tell } = await open({ bitrix24 }, well);
    expect(await tell('call.missed')).toMatchObject({ delivered: true });
    expect(told()).toEqual([REGISTER, FINISH, 'tasks.task.add']);
    expect(asked[0]?.json()).toMatchObject({ SHOW: 0 });
    expect(asked[1]?.json()).toMatchObject({ CALL_ID: 'externalCall.1', STATUS_CODE: '304', DURATION: 0 });
  });

  it('shows no card of a call that is long over', async () => {
    const { asked, tell } = await open({ bitrix24 }, well);
    await tell('call.ringing', LONG_AGO);
    expect(asked[0]?.json()).toMatchObject({ SHOW: 0 });
  });

  it('gets a link of ours that ends within the hour, and the audit log a line', async () => {
    const { redis, asked, tell } = await open({ bitrix24: { ...bitrix24, recordings: 'signed' } }, well);
    await tell('recording.ready');
    const { RECORD_URL } = (asked[2]?.json() ?? {}) as { RECORD_URL?: string };
    const led = await leadsTo(redis, RECORD_URL);
    expect(led).toMatchObject({ callId: CALL, days: 0 });
    const audit = new RedisAudit(redis.link, redis.keys, () => config.access.audit);
    const { lines } = await audit.read({ cursor: null, limit: 10, call: CALL, sites: null });
    expect(lines).toMatchObject([{ action: 'recording.share', detail: { link: led.id, endpoint: 'crm' } }]);
  });

  it('goes on behind what is done, and knows an error that comes with 200', async () => {
    const limited = await open({ bitrix24 }, (one, n) =>
      n === 2 ? [503, { error: 'QUERY_LIMIT_EXCEEDED' }] : well(one),
    );
    expect(await limited.tell('call.missed')).toMatchObject({ delivered: false, retryAfterMs: 2000 });
    expect(await limited.tell('call.missed')).toMatchObject({ delivered: true });
    expect(limited.told()).toEqual([REGISTER, FINISH, FINISH, 'tasks.task.add']);
    const refusing = await open({ bitrix24 }, () => [
      200,
      { error: 'ERROR_CORE', error_description: 'User not found' },
    ]);
    expect((await refusing.tell('call.missed'))?.dead).toBe(`${REGISTER}: ERROR_CORE (User not found)`);
  });

  it.each([
    [401, { error: 'invalid_token' }],
    [500, { error: 'ERROR_UNEXPECTED_ANSWER' }],
  ])('is asked again after %i, whatever the word for it', async (status, body) => {
    const { tell } = await open({ bitrix24 }, () => [status, body]);
    const attempt = await tell('call.missed');
    expect(attempt).toMatchObject({ delivered: false, status, error: { message: `${REGISTER}: ${body.error}` } });
    expect(attempt).not.toHaveProperty('dead');
  });

  it('hears nothing of recordings that are deleted, when what it knows of the call may be forgotten here', async () => {
    const { asked, tell } = await open({ bitrix24 }, well);
    expect(await tell('recording.deleted')).toMatchObject({ delivered: true });
    expect(asked).toEqual([]);
  });

  it('is told of each step once while Redis is full', async () => {
    const redis = await openOwnRedis();
    const { told, tell } = await open({ bitrix24 }, well, '', redis);
    await redis.raw.config('SET', 'maxmemory', 1);
    for (let n = 0; n < 2; n += 1) expect(await tell('call.missed')).toMatchObject({ delivered: true });
    expect(told()).toEqual([REGISTER, FINISH, 'tasks.task.add']);
  });

  it('keeps what it was told of for longer than any dead letter', async () => {
    const { redis, tell } = await open({ bitrix24 }, well);
    await tell('call.missed');
    const key = redis.keys.sinkSteps('crm', CALL);
    expect(await redis.raw.hgetall(key)).toEqual({ register: 'externalCall.1', finish: '', task: '' });
    const days = (await redis.raw.pttl(key)) / 86_400_000;
    expect(Math.round(days)).toBe(40);
  });
});

describe('amoCRM', () => {
  const amocrm = { token: 't', users: [7], recordings: null };
  const taken = { _embedded: { calls: [{ id: 1, entity_id: 9, entity_type: 'contact' }] }, errors: [] };
  const well = ({ path }: Asked): Answer => [200, path.endsWith('/calls') ? taken : {}];
  const paths = (asked: Asked[]) => asked.map(({ path }) => path);

  it('shows the call while it rings, once, and none that is long over', async () => {
    const { asked, tell } = await open({ amocrm }, well);
    for (const type of ['call.received', 'call.ringing', 'call.ringing', 'call.answered'] as const) await tell(type);
    expect(paths(asked)).toEqual(['/api/v2/events/']);
    expect(asked[0]?.json()).toEqual({ add: [{ type: 'phone_call', phone_number: '+79160000001', users: [7] }] });
    const late = await open({ amocrm }, well);
    expect(await late.tell('call.ringing', LONG_AGO)).toMatchObject({ delivered: true });
    expect(late.asked).toEqual([]);
  });

  it('gets a note on the card, and a task where the call was missed; each once', async () => {
    const { asked, tell } = await open({ amocrm }, (one, n) => (n === 2 ? [500] : well(one)));
    expect(await tell('call.missed')).toMatchObject({ delivered: false });
    for (let n = 0; n < 2; n += 1) expect(await tell('call.missed')).toMatchObject({ delivered: true });
    expect(paths(asked)).toEqual(['/api/v4/calls', '/api/v4/tasks', '/api/v4/tasks']);
    expect(asked[0]?.json()).toMatchObject([{ direction: 'inbound', call_status: 6, phone: '+79160000001' }]);
    expect(asked[2]?.json()).toMatchObject([{ entity_id: 9, entity_type: 'contacts' }]);
  });

  it.each([
    ['company', 'companies'],
    ['lead', 'leads'],
    ['contacts', 'contacts'],
  ])('gets the task on a card that it calls %s', async (named, entity_type) => {
    const on = { ...taken, _embedded: { calls: [{ id: 1, entity_id: 9, entity_type: named }] } };
    const { asked, tell } = await open({ amocrm }, ({ path }) => [200, path.endsWith('/calls') ? on : {}]);
    await tell('call.missed');
    expect(asked[1]?.json()).toMatchObject([{ entity_id: 9, entity_type }]);
  });

  it('links the recording for as long as links live', async () => {
    const { redis, asked, tell } = await open({ amocrm: { ...amocrm, recordings: 'signed' } }, well);
    await tell('recording.ready');
    const [{ link }] = asked[0]?.json() as unknown as [{ link: string }];
    expect(await leadsTo(redis, link)).toMatchObject({ callId: CALL, days: 30 });
  });

  it('makes a lead of a caller who has no card, once, and tells other errors', async () => {
    const missing = { _embedded: { calls: [] }, errors: [{ title: 'Not found', detail: 'Entity not found' }] };
    const stranger = await open({ amocrm }, ({ path }) => (path.endsWith('/calls') ? [200, missing] : [200, {}]));
    for (let n = 0; n < 2; n += 1) expect(await stranger.tell('recording.ready')).toMatchObject({ delivered: true });
    expect(paths(stranger.asked)).toEqual(['/api/v4/calls', '/api/v4/leads/unsorted/sip']);
    const other = await open({ amocrm }, () => [200, { errors: [{ title: 'Bad phone' }] }]);
    expect((await other.tell('recording.ready'))?.dead).toMatch(/Bad phone/);
  });
});
