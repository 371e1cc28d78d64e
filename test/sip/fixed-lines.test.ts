import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { configSchema, type LineConfig } from '../../src/config/schema.js';
import { FixedLines } from '../../src/lines/fixed-lines.js';
import type { Carrier } from '../support/carrier.js';
import { sipServerKinds } from '../support/sip-server.js';
import { until } from '../support/until.js';
import { openWatching } from '../support/watching.js';

const logger = pino({ level: 'silent' });
const HEALTH = { options: '100ms', down: 3, up: 2 };

/** A line at the address of a user agent that a test makes answer as it wants. */
const lineOf = (pbx: Carrier, more: Record<string, unknown> = { health: HEALTH }): LineConfig[] =>
  configSchema.shape.lines.parse([{ id: 'pbx', uri: pbx.uri.replace('sip:', 'sip:101@'), ...more }]);

/** As many gateways as are asked for, all watching the same lines. */
async function open(kind: 'sandbox' | 'real') {
  const world = await openWatching(kind, logger);
  const lost = { times: 0 };
  const options = async (uri: string, timeoutMs: number): Promise<number | null> => {
    try {
      return await world.options(uri, timeoutMs);
    } catch (error) {
      lost.times += 1;
      throw error;
    }
  };
  const gateway = (id: string, lines: readonly LineConfig[]): FixedLines => {
    const tell = world.conditions(id);
    const fixed = new FixedLines({ options, tell: (word) => tell.tell('line', word, { down: [], up: [] }) }, logger);
    fixed.start(lines);
    onTestFinished(() => fixed.stop());
    return fixed;
  };
  return {
    ...world,
    gateway,
    pbx: await world.carrier(),
    toldOfLines: () => world.told('line'),
    /** How often OPTIONS could not be sent, or its answer not come, for want of the link. */
    lost,
  };
}

const stateOf = (lines: FixedLines) => lines.healthOf('pbx')?.state;

describe.each(sipServerKinds)('lines watched through drachtio (%s)', (kind) => {
  it('one that is silent is down, told so once by two gateways, and comes back', async () => {
    const { gateway, pbx, toldOfLines } = await open(kind);
    const both = ['gw-1', 'gw-2'].map((id) => gateway(id, lineOf(pbx)));
    await until('it answers', () => both.every((one) => stateOf(one) === 'up'));
    expect(pbx.asked.OPTIONS[0]?.uri).toBe(pbx.uri.replace('sip:', 'sip:101@'));
    expect(both[0]?.healthOf('pbx')).toMatchObject({ state: 'up', lastStatus: 200 });

    pbx.options = 'silent';
    await until('it is down', () => both.every((one) => one.isDown('pbx')));
    await until('it is told', async () => (await toldOfLines()).length > 0);
    expect(both[0]?.healthOf('pbx')).toMatchObject({ state: 'down', lastStatus: null });

    pbx.options = 200;
    await until('it is back', () => both.every((one) => !one.isDown('pbx')));
    await until('and told', async () => (await toldOfLines()).includes('up options'));
    // By turns: where the machine was too slow for its answers, it was down once more.
    const said = await toldOfLines();
    expect(said).toEqual(said.map((_, i) => ['down options', 'up options'][i % 2]));
  });

  it.each([
    [404, 'up'],
    [405, 'up'],
    [501, 'up'],
    [401, 'up'],
    [503, 'down'],
    [408, 'down'],
  ] as const)('%s: it is %s', async (status, state) => {
    const { gateway, pbx } = await open(kind);
    pbx.options = status;
    const lines = gateway('gw-1', lineOf(pbx));
    await until('it is known', () => stateOf(lines) !== 'unknown');
    expect(lines.healthOf('pbx')).toMatchObject({ state, lastStatus: status });
  });

  it('a line without `health` is not asked, and not down', async () => {
    const { gateway, pbx, carrier } = await open(kind);
    const other = await carrier();
    pbx.options = other.options = 'silent';
    const lines = gateway('gw-1', [...lineOf(pbx), ...lineOf(other, { id: 'other' })]);
    await until('the one that is asked is down', () => lines.isDown('pbx'));
    expect([lines.isDown('other'), lines.healthOf('other'), lines.watched]).toEqual([false, null, ['pbx']]);
    expect(other.asked.OPTIONS).toHaveLength(0);
  });

  it('says nothing of a line while the link to drachtio is down', async () => {
    const { gateway, pbx, wire, lost, toldOfLines } = await open(kind);
    const lines = gateway('gw-1', lineOf(pbx));
    await until('it answers', () => stateOf(lines) === 'up');
    wire.cut();
    await until('it was to be asked more often than a line may be silent', () => lost.times > HEALTH.down);
    expect(stateOf(lines)).toBe('up');
    wire.join();
    const before = pbx.asked.OPTIONS.length;
    await until('it is asked again', () => pbx.asked.OPTIONS.length > before);
    expect(await toldOfLines()).toEqual([]);
  });

  describe('a reload', () => {
    it('that does not touch it leaves it as it is', async () => {
      const { gateway, pbx } = await open(kind);
      pbx.options = 'silent';
      const lines = gateway('gw-1', lineOf(pbx));
      await until('it is down', () => lines.isDown('pbx'));
      lines.update(lineOf(pbx, { health: HEALTH, channels: 5 }));
      expect(lines.isDown('pbx')).toBe(true);
    });

    it('begins to ask, and begins anew at another address', async () => {
      const { gateway, pbx, carrier } = await open(kind);
      pbx.options = 'silent';
      const lines = gateway('gw-1', lineOf(pbx, {}));
      lines.update(lineOf(pbx));
      await until('it is down', () => lines.isDown('pbx'));
      const elsewhere = await carrier();
      lines.update(lineOf(elsewhere));
      expect(stateOf(lines)).toBe('unknown');
      await until('it answers there', () => stateOf(lines) === 'up');
    });

    it.each([
      ['without `health`', (pbx: Carrier) => lineOf(pbx, {})],
      ['without the line', () => []],
    ])('%s takes back that it is down, and asks no more', async (_, reloaded) => {
      const { gateway, pbx, toldOfLines } = await open(kind);
      pbx.options = 'silent';
      const lines = gateway('gw-1', lineOf(pbx));
      await until('it is told', async () => (await toldOfLines()).length > 0);
      lines.update(reloaded(pbx));
      expect([lines.isDown('pbx'), lines.watched]).toEqual([false, []]);
      await until('it is taken back', async () => (await toldOfLines()).length === 2);
      expect(await toldOfLines()).toEqual(['down options', 'up options']);
    });
  });

  it('what was told before a restart without `health` is taken back', async () => {
    const { gateway, pbx, toldOfLines } = await open(kind);
    pbx.options = 'silent';
    const before = gateway('gw-1', lineOf(pbx));
    await until('it is told', async () => (await toldOfLines()).length > 0);
    before.stop();
    gateway('gw-1', lineOf(pbx, {}));
    await until('it is taken back', async () => (await toldOfLines()).length === 2);
    expect(await toldOfLines()).toEqual(['down options', 'up options']);
  });
});
