import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Program } from '../support/processes.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const OTHER = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';
const hasLibrary = spawnSync('python3', ['-c', 'import standardwebhooks']).status === 0;
const goReceiver = process.env['CALLTRACK_TEST_GO_RECEIVER'] ?? '';

const RECEIVERS = [
  { name: 'receiver.ts', command: process.execPath, args: ['--import', 'tsx', 'examples/receivers/receiver.ts'] },
  { name: 'receiver.py', command: 'python3', args: ['examples/receivers/receiver.py'], skip: !hasLibrary },
  // Go has no library but in a module: built from receiver.go where there is one.
  { name: 'receiver.go', command: goReceiver, args: [], skip: goReceiver === '' },
];

describe.each(RECEIVERS)('examples/receivers/$name', ({ command, args, skip = false }) => {
  let stage: Stage;
  let receiver: Program;
  let answers: number[];

  beforeAll(async () => {
    if (skip) return;
    stage = await Stage.open();
    const scene = stage.scene();
    receiver = new Program(command, args, {
      env: { ...process.env, WEBHOOK_SECRET: `${OTHER} ${SECRET}`, PORT: '0' },
    });
    const [, port = ''] = await until(
      'the receiver listens',
      () => /"port": ?(\d+)/.exec(receiver.output) ?? undefined,
    );
    const url = `http://127.0.0.1:${port}/`;
    answers = [];
    await stage.start({
      config: {
        sites: [{ id: 'shop', defaultRoute: scene.routeId, webhooks: ['example'] }],
        webhooks: [{ id: 'example', url, secret: SECRET, allowPrivate: true }],
      },
    });
    const forged = await fetch(url, { method: 'POST', body: '{}', headers: { 'webhook-id': 'evt_1' } });
    answers.push(forged.status);
    const { caller } = await scene.talk();
    await caller.hangUp();
    await until('the last event is taken', () => receiver.output.includes('recording.ready'));
  });
  afterAll(async () => {
    if (skip) return;
    await receiver.stop();
    await stage.stop();
  });

  it.skipIf(skip)('takes the events of a real call, and nothing forged', async () => {
    expect(answers).toEqual([401]);
    receiver.kill('SIGTERM');
    await receiver.exited;
    const calls = JSON.parse(receiver.output.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
    expect(Object.values(calls)).toEqual([{ sequence: expect.any(Number) as number, state: 'answered' }]);
  });
});
