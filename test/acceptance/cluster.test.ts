import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enginesHere } from '../support/engines.js';
import { expectPlayed, expectTalk } from '../support/expectations.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { Stage } from '../support/stage.js';

const stage = await Stage.open();
const calm = stage.scene();
const during = stage.scene();

describe.skipIf(!enginesHere())('Redis is a cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await RedisCluster.start();
    await stage.start({ cluster });
  });
  afterAll(async () => {
    await stage.stop();
    await cluster.stop();
  });

  test('a call is attributed, connected, recorded and told', async () => {
    const business = await calm.business('business-answers');
    const caller = await calm.caller('caller-hangs-up');
    expectPlayed(...(await Promise.all([caller.done, business.done])));
    const call = await expectTalk(stage, calm, { endedBy: 'caller' });
    expect(call.attribution).toMatchObject({ verdict: 'exact', session: { id: calm.sessionId } });
  });

  test('the master of the calls dies in a talk: it goes on, and is told when the replica has taken over', async () => {
    const business = await during.business('business-answers');
    const caller = await during.caller('caller-hangs-up', { values: { TALK: 2000 } });
    await stage.receiver.next(({ type, data }) => type === 'call.answered' && during.owns(data.call));
    await cluster.masters[0]?.kill();
    expectPlayed(...(await Promise.all([caller.done, business.done])));
    await expectTalk(stage, during, { endedBy: 'caller' });
  });
});
