import { describe, expect, it } from 'vitest';
import { RedisConditions } from '../../src/redis/conditions.js';
import { eventually, openRedis } from '../support/redis.js';

const WORD = { id: 'one', reason: 'options' } as const;
const ENDPOINTS = { down: ['crm', 'ops'], up: ['ops'] };

async function open(wordLifeMs?: number) {
  const { link, keys, raw } = await openRedis();
  const queued: string[][] = [];
  const gateway = (id: string) =>
    new RedisConditions(link, keys, id, (endpoints) => queued.push(endpoints), wordLifeMs);
  return { a: gateway('gw-a'), b: gateway('gw-b'), gateway, keys, raw, queued };
}

describe.each(['trunk', 'line'] as const)('what gateways say of a %s', (kind) => {
  it('is told when the first one finds it down and when the last one finds it up', async () => {
    const { a, b, raw, keys, queued } = await open();
    const say = (who: RedisConditions, down: boolean) => who.tell(kind, { ...WORD, down }, ENDPOINTS);
    expect(await say(a, false)).toBe('known');
    expect(await say(a, true)).toBe('down');
    expect(await say(a, true)).toBe('known');
    expect(await say(b, true)).toBe('known');
    expect(await say(a, false)).toBe('known');
    expect(await say(b, false)).toBe('up');
    expect(await say(b, false)).toBe('known');
    expect(queued).toEqual([['crm', 'ops'], ['ops']]);
    const events = await raw.xrange(keys.events(), '-', '+');
    const bodies = events.map(([, fields]) => JSON.parse(fields[fields.indexOf('body') + 1] ?? '') as unknown);
    const data = { [kind]: 'one', reason: 'options' };
    expect(bodies).toMatchObject([
      { type: `${kind}.down`, data },
      { type: `${kind}.up`, data },
    ]);
    expect(events.map(([, fields]) => fields[fields.indexOf('type') + 1])).toEqual([`${kind}.down`, `${kind}.up`]);
    expect(await raw.llen(`${keys.todoPrefix('ops')}about:${kind}:one`)).toBe(2);
    expect(await raw.llen(`${keys.todoPrefix('crm')}about:${kind}:one`)).toBe(1);
  });

  it('keeps reasons apart', async () => {
    const { a } = await open();
    expect(await a.tell(kind, { ...WORD, down: true }, ENDPOINTS)).toBe('down');
    expect(await a.tell(kind, { ...WORD, reason: 'drain', down: true }, ENDPOINTS)).toBe('down');
    expect(await a.tell(kind, { ...WORD, down: false }, ENDPOINTS)).toBe('up');
    expect(await a.tell(kind, { ...WORD, reason: 'drain', down: true }, ENDPOINTS)).toBe('known');
  });

  it('a restarted gateway does not tell it twice, and takes its former word back', async () => {
    const { a, gateway } = await open();
    await a.tell(kind, { ...WORD, down: true }, ENDPOINTS);
    const restarted = gateway('gw-a');
    expect(await restarted.tell(kind, { ...WORD, down: true }, ENDPOINTS)).toBe('known');
    expect(await restarted.tell(kind, { ...WORD, down: false }, ENDPOINTS)).toBe('up');
  });

  it('the word of a dead gateway runs out', async () => {
    const { a, b } = await open(200);
    expect(await a.tell(kind, { ...WORD, down: true }, ENDPOINTS)).toBe('down');
    await eventually(async () => expect(await b.tell(kind, { ...WORD, down: false }, ENDPOINTS)).toBe('up'));
  });
});

it('a trunk and a line of one name are two', async () => {
  const { a } = await open();
  expect(await a.tell('trunk', { ...WORD, down: true }, ENDPOINTS)).toBe('down');
  expect(await a.tell('line', { ...WORD, down: true }, ENDPOINTS)).toBe('down');
});
