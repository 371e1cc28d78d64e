import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisOutbox } from '../../src/redis/outbox.js';
import { openSink, type SinkConfigs } from '../../src/sinks/index.js';
import { SinkChannel } from '../../src/sinks/sink-channel.js';
import { asJson, judge, type Sink, type SinkOutcome } from '../../src/sinks/sink.js';
import type { SinkPorts } from '../../src/sinks/steps.js';
import { Dispatcher } from '../../src/webhooks/dispatcher.js';
import { exampleCall, exampleChange } from '../redis/examples.js';
import { eventually, openRedis } from '../support/redis.js';
import { fresh, NO_PORTS, vendor } from './vendor.js';

/** Steps that are kept for as long as the test. */
function steps(): SinkPorts {
  const done: Record<string, string> = {};
  return {
    stepsOf: () => Promise.resolve({ ...done }),
    noteStep: (_endpoint, _call, step, id) => Promise.resolve(void (done[step] = id)),
    linkTo: () => Promise.reject(new Error('not asked for')),
  };
}

describe('an attempt of several requests', () => {
  it('at a slow vendor is not begun again by another gateway while it is under way', async () => {
    const { asked, url } = await vendor(async () => {
      // Three of them take longer than two may, and each has room for a machine with other work.
      await delay(1_750);
      return [200, { result: { CALL_ID: 'externalCall.1' } }];
    });
    const redis = await openRedis();
    const outbox = new RedisOutbox(redis.link, redis.keys);
    const ports = steps();
    let delivered = 0;
    // Two gateways: what is nobody's any more is taken up by the one that has nothing to do.
    for (let i = 0; i < 2; i += 1) {
      const gateway = new Dispatcher(
        outbox,
        pino({ level: 'silent' }),
        { onDelivered: () => (delivered += 1) },
        {
          ...{ pollMs: 20, timeouts: { connectMs: 1_000, totalMs: 2_500 } },
          openSink: (endpoint, connection) => openSink(endpoint, connection, ports),
        },
      );
      onTestFinished(() => gateway.stop(0));
      gateway.start([{ id: 'crm', url, secret: [], allowPrivate: true, bitrix24: { userId: 5, recordings: null } }]);
    }
    const store = new RedisCallStore(redis.link, redis.keys);
    const call = exampleCall({ disposition: 'missed', lossReason: 'no_answer' });
    await store.commit(exampleChange(call, ['call.missed'], { endpoints: ['crm'] }));
    await eventually(() => expect(delivered).toBe(1));
    const methods = asked.map(({ path }) => path.split('.').at(-2));
    expect(methods).toEqual(['register', 'finish', 'add']);
  });

  it('asks nothing more when its time is nearly over, and waits for the next attempt', async () => {
    const { asked, url } = await vendor(async () => {
      await delay(300);
      return [200];
    });
    const outcomes: SinkOutcome[] = [];
    const endless: Sink = {
      url: new URL(url),
      spacingMs: 0,
      callsOnly: true,
      async deliver(_event, ask) {
        for (let i = 0; i < 100; i += 1) {
          const outcome = judge(await ask(asJson('/', {})));
          outcomes.push(outcome);
          if (outcome.outcome !== 'delivered') return outcome;
        }
        return { outcome: 'delivered' };
      },
    };
    const timeouts = { connectMs: 1_000, totalMs: 1_000 };
    const channel = new SinkChannel(endless, { inFlight: 1, allowPrivate: true, timeouts });
    onTestFinished(() => channel.close());
    const attempt = await channel.send({ eventId: 'evt_1', attempt: 1, body: Buffer.from(fresh('call.missed')) });
    expect(attempt).toMatchObject({ delivered: false, status: null, error: { code: 'TimeoutError' } });
    expect(asked.length).toBe(outcomes.length - 1);
  });

  it('begins nothing when it is broken off before its turn', async () => {
    const { asked, url } = await vendor(() => [200]);
    const metrica = { counter: 77, token: 't', goal: 'Call' };
    const config = { id: 'ya', url, allowPrivate: true, metrica };
    const channel = openSink(config, { inFlight: 2 }, NO_PORTS);
    onTestFinished(() => channel?.close());
    const send = () => channel?.send({ eventId: 'evt_1', attempt: 1, body: Buffer.from(fresh('call.missed')) });
    await send();
    const second = send();
    channel?.abort();
    expect(await second).toMatchObject({ delivered: false, status: null, error: { code: 'AbortError' } });
    expect(asked).toHaveLength(1);
  });

  it.each<[keyof SinkConfigs, SinkConfigs, number]>([
    ['template', { template: { as: 'json', fields: {} } }, 40],
    ['metrica', { metrica: { counter: 77, token: 't', goal: 'Call' } }, 5],
    ['bitrix24', { bitrix24: { userId: 5, recordings: null } }, 10],
  ])('of %s: no more at a time than get their turns in time', (_name, config, most) => {
    const endpoint = { id: 'x', url: 'https://x.example', allowPrivate: false, ...config };
    expect(openSink(endpoint, { inFlight: 40 }, NO_PORTS)?.inFlight).toBe(most);
    expect(openSink(endpoint, { inFlight: 3 }, NO_PORTS)?.inFlight).toBe(3);
  });
});
