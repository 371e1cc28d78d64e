import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CallAmender } from '../../src/call/amender.js';
import { Backlog } from '../../src/call/backlog.js';
import { noResources } from '../../src/call/document.js';
import { Journal } from '../../src/call/journal.js';
import { RedisAmendments } from '../../src/redis/amendments.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { eventually, keptEvents, openOwnRedis } from '../support/redis.js';
import { exampleCall } from './examples.js';

async function open(backlog: Backlog) {
  const redis = await openOwnRedis();
  const store = new RedisCallStore(redis.link, redis.keys);
  const begin = () => {
    const call = exampleCall();
    const resources = noResources('udp/10.0.0.1:5060');
    const deps = { store, endpointsFor: () => [], backlog, logger: pino({ level: 'silent' }) };
    const journal = new Journal(call, resources, deps);
    onTestFinished(() => journal.abandon());
    return { call, resources, journal };
  };
  /** A call that is over, as far as the journal is concerned. */
  const ended = () => {
    const { call, journal } = begin();
    call.disposition = 'missed';
    journal.record('call.received');
    journal.record('call.missed');
    return { call, closed: journal.close() };
  };
  const told = async () =>
    (await keptEvents(redis)).map(({ body }) => {
      const { type, data } = JSON.parse(body) as { type: string; data: { call: { id: string } } };
      return `${type} ${data.call.id}`;
    });
  return { ...redis, store, begin, ended, told };
}

describe('calls that end while Redis is away', () => {
  it('are written in the order of their ends when it is back, each with all its events', async () => {
    const backlog = new Backlog(10_000, 2);
    const { server, ended, told } = await open(backlog);
    await server.kill();
    const calls = Array.from({ length: 6 }, ended);
    await eventually(() => expect(backlog.size).toBe(6));
    await server.up();
    await Promise.all(calls.map(({ closed }) => closed));
    expect(backlog.size).toBe(0);
    const ids = (await told()).filter((one) => one.startsWith('call.missed')).map((one) => one.split(' ')[1]);
    const places = ids.map((id) => calls.findIndex(({ call }) => call.id === id));
    expect(places.toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
    // Two at a time: one of them may take long, and none behind the other has begun before its turn.
    for (const [at, place] of places.entries()) expect(place).toBeLessThanOrEqual(at + 1);
    expect((await told()).filter((one) => one.startsWith('call.received'))).toHaveLength(6);
  });

  it('are given up beyond the bound, the oldest first', async () => {
    const backlog = new Backlog(3, 2);
    const { server, ended, told } = await open(backlog);
    await server.kill();
    const calls = Array.from({ length: 5 }, ended);
    await Promise.all(calls.slice(0, 2).map(({ closed }) => closed));
    expect(backlog.size).toBe(3);
    await server.up();
    await Promise.all(calls.map(({ closed }) => closed));
    const ids = new Set((await told()).map((one) => one.split(' ')[1]));
    expect(ids).toEqual(new Set(calls.slice(2).map(({ call }) => call.id)));
  });
});

describe('a call that has closed', () => {
  it('keeps what was changed in it afterwards, whatever its session still says', async () => {
    const { begin, store, keys, link } = await open(new Backlog());
    const { call, journal, resources } = begin();
    call.disposition = 'missed';
    journal.record('call.missed');
    await journal.close();
    const amender = new CallAmender({
      store: new RedisAmendments(link, keys, 'another', () => undefined),
      living: () => null,
      endpointsFor: () => [],
      logger: pino({ level: 'silent' }),
    });
    await amender.amend(call.id, { kind: 'tag', name: 'sofas', id: 'amendment-1', by: 'crm', at: call.startedAt });
    resources.channels = [];
    journal.resourcesChanged();
    journal.changed();
    await journal.written();
    expect((await store.get(call.id))?.tags).toMatchObject([{ name: 'sofas' }]);
  });
});
