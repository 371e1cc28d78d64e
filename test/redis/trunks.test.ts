import { describe, expect, it } from 'vitest';
import { RedisTrunks } from '../../src/redis/trunks.js';
import { eventually, openRedis } from '../support/redis.js';

const WORD = { trunk: 'carrier', reason: 'options' } as const;
const ENDPOINTS = { down: ['crm', 'ops'], up: ['ops'] };

async function open(wordLifeMs?: number) {
  const { link, keys, raw } = await openRedis();
  const queued: string[][] = [];
  const gateway = (id: string) => new RedisTrunks(link, keys, id, (endpoints) => queued.push(endpoints), wordLifeMs);
  return { a: gateway('gw-a'), b: gateway('gw-b'), link, keys, raw, queued };
}

describe('what gateways say of a trunk', () => {
  it('is told when the first one finds it down and when the last one finds it up', async () => {
    const { a, b, raw, keys, queued } = await open();
    const say = (who: RedisTrunks, down: boolean) => who.tell({ ...WORD, down }, ENDPOINTS);
    expect(await say(a, false)).toBe('known');
    expect(await say(a, true)).toBe('down');
    expect(await say(a, true)).toBe('known');
    expect(await say(b, true)).toBe('known');
    expect(await say(a, false)).toBe('known');
    expect(await say(b, false)).toBe('up');
    expect(await say(b, false)).toBe('known');
    expect(queued).toEqual([['crm', 'ops'], ['ops']]);
    const events = await raw.xrange(keys.events(), '-', '+');
    expect(events.map(([, fields]) => fields[fields.indexOf('type') + 1])).toEqual(['trunk.down', 'trunk.up']);
    expect(await raw.llen(`${keys.todoPrefix('ops')}about:trunk:carrier`)).toBe(2);
    expect(await raw.llen(`${keys.todoPrefix('crm')}about:trunk:carrier`)).toBe(1);
  });

  it('keeps reasons apart', async () => {
    const { a } = await open();
    expect(await a.tell({ ...WORD, down: true }, ENDPOINTS)).toBe('down');
    expect(await a.tell({ ...WORD, reason: 'drain', down: true }, ENDPOINTS)).toBe('down');
    expect(await a.tell({ ...WORD, down: false }, ENDPOINTS)).toBe('up');
    expect(await a.tell({ ...WORD, reason: 'drain', down: true }, ENDPOINTS)).toBe('known');
  });

  it('a restarted gateway does not tell it twice, and takes its former word back', async () => {
    const { a, link, keys } = await open();
    await a.tell({ ...WORD, down: true }, ENDPOINTS);
    const restarted = new RedisTrunks(link, keys, 'gw-a', () => undefined);
    expect(await restarted.tell({ ...WORD, down: true }, ENDPOINTS)).toBe('known');
    expect(await restarted.tell({ ...WORD, down: false }, ENDPOINTS)).toBe('up');
  });

  it('the word of a dead gateway runs out', async () => {
    const { a, b } = await open(200);
    expect(await a.tell({ ...WORD, down: true }, ENDPOINTS)).toBe('down');
    await eventually(async () => expect(await b.tell({ ...WORD, down: false }, ENDPOINTS)).toBe('up'));
  });

  it('shares drains and what was heard in one exchange', async () => {
    const { a, b, link } = await open();
    await a.setDrained('carrier', true);
    await a.share(new Map([['carrier', 1000]]));
    const before = link.exchanges;
    const known = await b.share(new Map([['other', 2000]]));
    expect(link.exchanges - before).toBe(1);
    expect(known).toEqual({ drained: new Set(['carrier']), heardAt: new Map([['carrier', 1000]]) });
    await b.setDrained('carrier', false);
    expect((await a.share(new Map())).drained.size).toBe(0);
  });
});
