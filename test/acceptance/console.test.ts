import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashPassword } from '../../src/console/auth/passwords.js';
import { PASSWORD, Visitor } from '../support/console.js';
import { enginesHere } from '../support/engines.js';
import { lastCall } from '../support/expectations.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';

const KEY = 'the-business-own-pbx';
const stage = await Stage.open();
const scenes = { talks: stage.scene(), lost: stage.scene() };

const configuration = {
  access: {
    keys: [{ name: 'pbx', hash: createHash('sha256').update(KEY).digest('hex'), scopes: ['callbacks:write'] }],
    users: [{ name: 'anna', role: 'agent', password: await hashPassword(PASSWORD) }],
  },
};

async function logIn(): Promise<Visitor> {
  const visitor = new Visitor(stage.gateway.url);
  await visitor.logIn('anna', PASSWORD);
  return visitor;
}

describe.skipIf(!enginesHere())('the console on a whole gateway', () => {
  beforeAll(() => stage.start({ config: configuration }));
  afterAll(() => stage.stop());

  test.concurrent('masks a talk without scripts: the page that comes back says so', async () => {
    const scene = scenes.talks;
    const { caller } = await scene.talk();
    const { id } = await until(
      'the call',
      () => stage.receiver.events.find(({ data }) => scene.owns(data.call))?.data.call,
    );
    const anna = await logIn();
    const act = async (action: string): Promise<string> => {
      const { status, headers } = await anna.post(`/calls/${id}/recording/control`, { action });
      expect([status, headers.get('location')]).toEqual([303, `/calls/${id}`]);
      return (await anna.get(`/calls/${id}`)).html;
    };
    // The two hear each other before the gateway has heard from FreeSWITCH that they are joined.
    await until('it says so', async () => (await anna.get(`/calls/${id}`)).html.includes('being recorded'));
    expect(await act('mask')).toContain('masked: silence is recorded');
    expect(await act('unmask')).toContain('being recorded');
    expect(await act('pause')).toContain('paused: left out of the recording');
    expect(await act('resume')).toContain('being recorded');
    await caller.hangUp();
    const { recording } = lastCall(await scene.events());
    expect(recording).toMatchObject({ status: 'ready', masked: [{ toSeconds: expect.any(Number) as number }] });
    expect(recording.paused).toMatchObject([{ seconds: expect.any(Number) as number }]);
    expect((await anna.get(`/calls/${id}`)).html).toContain('there is silence: it was masked.');
  });

  test.concurrent('lets a lost caller go when the PBX tells that it has reached him', async () => {
    const scene = scenes.lost;
    await scene.business('business-refuses', { values: { STATUS: '486 Busy Here', HEADERS: '' } });
    await scene.caller('caller-is-refused', { values: { STATUS: '486' } });
    const lost = lastCall(await scene.events());
    const tell = async (talkSeconds: number, at: number): Promise<unknown> => {
      const answer = await fetch(`${stage.gateway.url}/v1/callbacks`, {
        method: 'POST',
        headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          number: scene.callerNumber,
          talkSeconds,
          at: new Date(at).toISOString(),
          line: 'sales-1',
        }),
      });
      expect(answer.status).toBe(200);
      return answer.json();
    };
    const anna = await logIn();
    expect((await anna.get('/missed')).html).toContain(lost.id);
    expect(await tell(0, Date.now())).toMatchObject({ tried: [{ callId: lost.id, tries: 1 }] });
    expect((await anna.get('/missed')).html).toContain('called back in vain: 1');
    const at = Date.now() + 1;
    expect(await tell(65, at)).toMatchObject({ settled: [{ callId: lost.id }] });
    const told = await until('call.handled', () => stage.receiver.events.find(({ type }) => type === 'call.handled'));
    const callback = { at: new Date(at).toISOString(), talkSeconds: 65, line: 'sales-1', tries: 1 };
    expect(told.data.call).toMatchObject({ id: lost.id, handled: { by: 'pbx', callback } });
    expect((await anna.get('/missed')).html).not.toContain(lost.id);
    expect((await anna.get('/missed?view=settled')).html).toContain('talk 1:05 · sales-1 · tries before: 1');
    expect(await tell(65, at)).toEqual({ settled: [], tried: [] });
  });
});
