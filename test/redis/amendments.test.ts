import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { CallAmender } from '../../src/call/amender.js';
import type { Amendment, AmendmentKind } from '../../src/call/amendments.js';
import type { Call } from '../../src/call/call.js';
import { eventSchema } from '../../src/events/catalogue.js';
import { RedisAmendments } from '../../src/redis/amendments.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisOutbox } from '../../src/redis/outbox.js';
import { keptEvents, openRedis } from '../support/redis.js';
import { exampleCall, exampleChange } from './examples.js';

let made = 0;
const amendment = (kind: AmendmentKind): Amendment => ({
  ...kind,
  id: `amendment-${(made += 1)}`,
  by: 'crm',
  at: '2026-11-21T11:00:00.000Z',
});
const tag = (name: string) => amendment({ kind: 'tag', name });

/** Two gateways on one Redis. */
async function open() {
  const redis = await openRedis();
  const queued: string[] = [];
  const gateway = (name: string) => {
    const calls = new RedisCallStore(redis.link, redis.keys, { owner: name });
    const living = new Map<string, { call: Call; amend(one: Amendment): Promise<void> }>();
    const store = new RedisAmendments(redis.link, redis.keys, name, (endpoints) => queued.push(...endpoints));
    const amender = new CallAmender({
      store,
      living: (id) => living.get(id) ?? null,
      endpointsFor: () => ['crm'],
      logger: pino({ level: 'silent' }),
    });
    return { calls, living, store, amender };
  };
  const [here, there] = [gateway('here'), gateway('there')];
  const events = async () =>
    (await keptEvents(redis)).map(
      ({ body }) => JSON.parse(body) as { type: 'call.tagged'; sequence: number; data: Record<string, unknown> },
    );
  return { ...redis, here, there, queued, events };
}

describe('a call that has ended', () => {
  it('is changed by any gateway, and the change is told', async () => {
    const { here, there, events, queued, link, keys } = await open();
    const call = exampleCall();
    await there.calls.commit(exampleChange(call, ['call.received', 'call.missed'], { closed: true }));
    const amended = await here.amender.amend(call.id, tag('sofas'));
    expect(amended?.tags).toMatchObject([{ name: 'sofas', by: 'crm' }]);
    expect(await here.calls.get(call.id)).toEqual(amended);
    const told = (await events()).at(-1);
    expect(told).toMatchObject({ type: 'call.tagged', sequence: 3, data: { change: { name: 'sofas' } } });
    expect(eventSchema('call.tagged').safeParse(told).error).toBeUndefined();
    expect(queued).toEqual(['crm']);
    expect((await new RedisOutbox(link, keys).backlog(['crm'])).get('crm')?.events).toBe(1);
  });

  it('asked for twice changes nothing and tells nothing', async () => {
    const { here, events } = await open();
    const call = exampleCall();
    await here.calls.commit(exampleChange(call, ['call.missed'], { closed: true }));
    await here.amender.amend(call.id, tag('sofas'));
    expect((await here.amender.amend(call.id, tag('sofas')))?.tags).toHaveLength(1);
    expect(await events()).toHaveLength(2);
  });

  it('takes what many want at the same time, one after the other', async () => {
    const { here, there, events } = await open();
    const call = exampleCall();
    await here.calls.commit(exampleChange(call, ['call.missed'], { closed: true }));
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    await Promise.all(names.map((name, i) => (i % 2 ? here : there).amender.amend(call.id, tag(name))));
    expect((await here.calls.get(call.id))?.tags.map(({ name }) => name).sort()).toEqual(names);
    expect((await events()).map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('is left alone by a late commit of its owner', async () => {
    const { here, there, events } = await open();
    const call = exampleCall();
    const last = exampleChange(call, ['call.missed'], { closed: true });
    await there.calls.commit(last);
    await here.amender.amend(call.id, tag('sofas'));
    await there.calls.commit(last);
    expect((await here.calls.get(call.id))?.tags).toHaveLength(1);
    expect(await events()).toHaveLength(2);
  });

  it('tells that its recording was found after all, what was made of it, and then that it was deleted', async () => {
    const { here, events } = await open();
    const call = exampleCall();
    call.recording = { ...call.recording, status: 'failed', reason: 'no_file' };
    await here.calls.commit(exampleChange(call, ['call.completed', 'recording.failed'], { closed: true }));
    const recording = { ...call.recording, status: 'ready', reason: null, file: 'a.wav', bytes: 2044 } as const;
    const found = amendment({ kind: 'recording-found', recording });
    expect((await here.amender.amend(call.id, found))?.recording).toEqual(recording);
    await here.amender.amend(call.id, found);
    const opus = { file: 'divan/2026/11/21/call.opus', bytes: 9, sha256: 'b'.repeat(64) };
    for (let times = 0; times < 2; times += 1)
      await here.amender.amend(call.id, amendment({ kind: 'recording-replaced', ...opus }));
    const deleted = amendment({ kind: 'recording-deleted', reason: 'retention' });
    await here.amender.amend(call.id, deleted);
    await here.amender.amend(call.id, amendment({ kind: 'recording-deleted', reason: 'request' }));
    await here.amender.amend(call.id, amendment({ kind: 'recording-found', recording }));
    expect((await here.calls.get(call.id))?.recording).toEqual({
      ...recording,
      ...opus,
      status: 'deleted',
      reason: 'retention',
      file: null,
      deletedAt: deleted.at,
    });
    const told = (await events()).slice(2);
    expect(told.map(({ type, sequence }) => `${type} ${sequence}`)).toEqual([
      'recording.ready 3',
      'recording.ready 4',
      'recording.deleted 5',
    ]);
    expect(eventSchema('recording.deleted').safeParse(told[2]).error).toBeUndefined();
  });

  it('is not to be found after it was forgotten', async () => {
    const { here } = await open();
    await expect(here.amender.amend('unknown', tag('sofas'))).rejects.toMatchObject({ code: 'GW_ERR_NOT_FOUND' });
  });
});

describe('a call that another gateway has in progress', () => {
  it('is changed by its owner when he looks', async () => {
    const { here, there, raw, keys } = await open();
    const call = exampleCall();
    await there.calls.commit(exampleChange(call, ['call.received']));
    const done: Amendment[] = [];
    there.living.set(call.id, { call, amend: (one) => Promise.resolve(void done.push(one)) });
    const wanted = tag('sofas');
    expect(await here.amender.amend(call.id, wanted)).toBeNull();
    await here.amender.sweep();
    expect(done).toEqual([]);
    await there.amender.sweep();
    expect(done).toEqual([wanted]);
    await there.amender.sweep();
    expect(done).toHaveLength(1);
    expect(await raw.exists(keys.amendedCalls(), keys.amendments(call.id))).toBe(0);
  });

  it('is changed by whoever looks first once it has ended, its owner being dead', async () => {
    const { here, there, events } = await open();
    const call = exampleCall();
    await there.calls.commit(exampleChange(call, ['call.received']));
    expect(await here.amender.amend(call.id, tag('sofas'))).toBeNull();
    await here.amender.sweep();
    expect(await events()).toHaveLength(1);
    await there.calls.commit(exampleChange(call, ['call.missed'], { first: 2, closed: true }));
    await Promise.all([here.amender.sweep(), there.amender.sweep()]);
    expect((await here.calls.get(call.id))?.tags).toMatchObject([{ name: 'sofas' }]);
    expect((await events()).map(({ type }) => type)).toEqual(['call.received', 'call.missed', 'call.tagged']);
    expect(await here.store.waiting()).toEqual([]);
  });

  it('takes a hundred waiting changes, and no change that it has no room for', async () => {
    const { here, there } = await open();
    const tags = Array.from({ length: 50 }, (_, i) => ({
      name: `tag-${i}`,
      by: 'crm',
      at: '2026-11-21T11:00:00.000Z',
    }));
    const call = exampleCall({ tags });
    await there.calls.commit(exampleChange(call, ['call.received']));
    await expect(here.amender.amend(call.id, tag('sofas'))).rejects.toMatchObject({ code: 'GW_ERR_BAD_REQUEST' });
    for (let n = 0; n < 100; n += 1) await here.amender.amend(call.id, amendment({ kind: 'note', text: 'x' }));
    await expect(here.amender.amend(call.id, amendment({ kind: 'note', text: 'x' }))).rejects.toMatchObject({
      code: 'GW_ERR_BAD_REQUEST',
    });
  });
});
