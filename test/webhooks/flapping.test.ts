import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import type { Call } from '../../src/call/call.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisOutbox } from '../../src/redis/outbox.js';
import { Dispatcher } from '../../src/webhooks/dispatcher.js';
import { exampleCall, exampleChange } from '../redis/examples.js';
import { answer, OK, openReceiver, type Received } from '../support/receiver.js';
import { eventually, keptEvents, openRedis } from '../support/redis.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const TYPES = ['call.received', 'call.ringing', 'call.answered'] as const;
const CALLS = 8;
const EVENTS = CALLS * TYPES.length;
/** Requests for which the receiver is up, then down, then up … */
const PHASE = 4;
/** What it takes at most before the other receiver has everything. */
const HELD_AT = 6;

const callOf = ({ body }: Received): string => (body.data['call'] as Call).id;

it('a receiver that is up and down every few requests gets all of it, each call in order, and delays nobody', async () => {
  const redis = await openRedis();
  const [flapping, steady] = [await openReceiver(SECRET), await openReceiver(SECRET)];
  const outbox = new RedisOutbox(redis.link, redis.keys, { limits: { probeFirstMs: 20 } });
  const failed: string[] = [];
  const dispatcher = new Dispatcher(
    outbox,
    pino({ level: 'silent' }),
    {
      onAttempt: ({ eventId }, { delivered }) => {
        if (!delivered) failed.push(eventId);
      },
    },
    { pollMs: 20, random: () => 0 },
  );
  onTestFinished(() => dispatcher.stop(0));
  const store = new RedisCallStore(redis.link, redis.keys, {}, { onQueued: (ids) => dispatcher.poke(ids) });

  const taken: Received[] = [];
  let takenWhenSteadyWasDone: number | null = null;
  flapping.behave = (request) => {
    const down = Math.floor((flapping.received.length - 1) / PHASE) % 2 === 1;
    // From the third attempt on it takes the event, or the schedule would make minutes of this.
    const refuses = down && Number(request.headers['webhook-attempt']) <= 2;
    if (refuses || (taken.length >= HELD_AT && takenWhenSteadyWasDone === null))
      return flapping.received.length % 2 === 0 ? { kind: 'close' } : answer(503);
    taken.push(request);
    return OK;
  };
  steady.behave = () => {
    if (steady.received.length === EVENTS) takenWhenSteadyWasDone = taken.length;
    return OK;
  };

  const toBe = { secret: SECRET, allowPrivate: true };
  dispatcher.start([
    { id: 'flapping', url: flapping.url, ...toBe },
    { id: 'steady', url: steady.url, ...toBe },
  ]);
  const calls = Array.from({ length: CALLS }, () => exampleCall());
  for (const call of calls) await store.commit(exampleChange(call, [...TYPES], { endpoints: ['flapping', 'steady'] }));

  // The other has everything while this one has taken a part only.
  await steady.wait(EVENTS);
  expect(takenWhenSteadyWasDone).toBeLessThanOrEqual(HELD_AT);
  expect(steady.received.every(({ headers }) => headers['webhook-attempt'] === '1')).toBe(true);
  await eventually(() => expect(taken).toHaveLength(EVENTS));
  await eventually(async () => expect((await outbox.backlog(['flapping'])).get('flapping')?.events).toBe(0));

  expect(failed.length).toBeGreaterThan(0);
  const written = (await keptEvents(redis)).map(({ body }) => body);
  for (const received of [taken, steady.received]) {
    expect(received.map(({ raw }) => raw).sort()).toEqual([...written].sort());
    for (const { id } of calls) {
      const mine = received.filter((request) => callOf(request) === id);
      expect(mine.map(({ body }) => body.sequence)).toEqual([1, 2, 3]);
    }
  }
});
