import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisDeliveryArchive } from '../../src/redis/delivery-archive.js';
import { RedisOutbox } from '../../src/redis/outbox.js';
import { Dispatcher } from '../../src/webhooks/dispatcher.js';
import { exampleCall, exampleChange } from '../redis/examples.js';
import { answer, openReceiver, type Receiver } from '../support/receiver.js';
import { eventually, openRedis } from '../support/redis.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

type Opened = Awaited<ReturnType<typeof openRedis>>;

/** A gateway that delivers to `crm`. */
function gateway(redis: Opened, receiver: Receiver) {
  const outbox = new RedisOutbox(redis.link, redis.keys);
  const attempts: (number | null)[] = [];
  const onAttempt = (_delivery: unknown, { status }: { status: number | null }) => attempts.push(status);
  const dispatcher = new Dispatcher(outbox, pino({ level: 'silent' }), { onAttempt }, { pollMs: 20 });
  const store = new RedisCallStore(redis.link, redis.keys, {}, { onQueued: (ids) => dispatcher.poke(ids) });
  const archive = new RedisDeliveryArchive(redis.link, redis.keys, outbox);
  onTestFinished(() => dispatcher.stop(0));
  const write = () => store.commit(exampleChange(exampleCall(), ['call.received'], { endpoints: ['crm'] }));
  const at = (receiver: Receiver) => [{ id: 'crm', url: receiver.url, secret: SECRET, allowPrivate: true }];
  return {
    attempts,
    write,
    stop: () => dispatcher.stop(0),
    state: async () => (await archive.states(['crm']))[0],
    /** Resolves when all gateways know of this configuration. */
    start: async () => {
      const known = () => redis.raw.hget(redis.keys.endpointConfig('crm'), 'fingerprint');
      const before = await known();
      dispatcher.start(at(receiver));
      await eventually(async () => expect(await known()).not.toBe(before));
    },
    move: (to: Receiver) => dispatcher.update(at(to)),
  };
}

describe('an endpoint whose address changes', () => {
  it.each([
    ['is gone', answer(410)],
    ['asks for quiet', answer(503, { 'retry-after': '3600' })],
  ])('is not what a gateway that is not updated yet hears at the former one, which %s', async (_what, says) => {
    const [former, present] = [await openReceiver(SECRET), await openReceiver(SECRET)];
    former.behave = () => says;
    const redis = await openRedis();
    const [old, updated] = [gateway(redis, former), gateway(await openRedis({}, redis.prefix), present)];
    await old.start();
    await updated.start();
    // Whoever comes first takes it, until it was the old one.
    await eventually(async () => {
      await old.write();
      expect(old.attempts.length).toBeGreaterThan(0);
    });
    await eventually(async () => expect(await redis.raw.zcard(redis.keys.flight('crm'))).toBe(0));
    expect(await old.state()).toMatchObject({ disabledSince: null, failing: false });
    await old.stop();
    const before = present.received.length;
    await updated.write();
    await present.wait(before + 1);
  });

  it('gets at the new one what the former one did not want for now', async () => {
    const [former, present] = [await openReceiver(SECRET), await openReceiver(SECRET)];
    former.behave = () => answer(503, { 'retry-after': '3600' });
    const only = gateway(await openRedis(), former);
    await only.start();
    await only.write();
    await eventually(async () => expect(await only.state()).toMatchObject({ failing: true }));
    await only.write();
    only.move(present);
    await present.wait(2);
    expect(await only.state()).toMatchObject({ failing: false });
  });

  it('is what a gateway hears whose peer with another configuration has long gone', async () => {
    const [former, present] = [await openReceiver(SECRET), await openReceiver(SECRET)];
    former.behave = () => answer(410);
    const redis = await openRedis();
    const [old, updated] = [gateway(redis, former), gateway(await openRedis({}, redis.prefix), present)];
    await old.start();
    await updated.start();
    await updated.stop();
    await redis.raw.hset(redis.keys.endpointConfig('crm'), 'at', Date.now() - 600_000);
    await old.write();
    await eventually(async () => expect(await old.state()).toMatchObject({ disabledSince: { reason: 'gone' } }));
  });
});
