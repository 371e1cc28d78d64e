import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FreeSwitchPool } from '../../src/media/pool.js';
import { HOST, openStage, PASSWORD, type Stage } from '../sandbox/freeswitch/support.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

let stages: Stage[];
let wire: TcpProxy;
let pool: FreeSwitchPool;

beforeAll(async () => {
  stages = await Promise.all([openStage(), openStage()]);
  const [vanishing, staying] = stages.map(({ fs }) => ({ host: HOST, port: fs.eslPort }));
  if (!vanishing || !staying) throw new Error('two servers are needed');
  wire = await TcpProxy.open(vanishing);
  pool = new FreeSwitchPool(
    [wire, staying].map(({ host, port }) => ({
      host,
      port,
      secret: PASSWORD,
      callbackAddress: HOST,
      profile: 'calltrack',
      logger: pino({ level: 'silent' }),
      createUac: () => undefined,
    })),
  );
  pool.start();
});

afterAll(async () => {
  pool.stop();
  wire.close();
  await Promise.all(stages.map((stage) => stage.close()));
});

const healthy = (): boolean[] => Object.values(pool.health());

it('sends no call to a server that has vanished without a word, and tells its calls that they are lost', async () => {
  await until('both are there', () => healthy().every(Boolean));
  const gone = pool.pick();
  expect(gone?.id).toBe(`${wire.host}:${wire.port}`);
  const told: string[] = [];
  gone?.watch('call-1', ({ type }) => told.push(type));

  wire.freeze();
  await until('it is missed', () => healthy()[0] === false);
  expect(healthy()).toEqual([false, true]);
  expect(pool.pick()?.id).not.toBe(gone?.id);
  expect(gone?.eventsUp).toBe(false);
  // It may come back; only who stays away has lost its calls.
  expect(told).toEqual([]);
  await until('its calls are lost', () => told.length > 0);
  expect(told).toEqual(['lost']);
});
