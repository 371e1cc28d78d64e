import { describe, expect, it } from 'vitest';
import { Conditions } from '../../../src/health/conditions.js';

/** Conditions, what they told, and whether Redis is there to be told. */
function open() {
  const told: string[] = [];
  const redis = { away: false };
  const conditions = new Conditions(['options', 'silence', 'drain'], ({ id, reason, down }) => {
    if (redis.away) return Promise.reject(new Error('away'));
    told.push(`${id} ${reason} ${down ? 'down' : 'up'}`);
    return Promise.resolve();
  });
  return { conditions, told, redis };
}

describe('Conditions', () => {
  it('tells each change once', async () => {
    const { conditions, told } = open();
    expect(conditions.set('a', 'options', true, 1)).toBe(true);
    expect(conditions.set('a', 'options', true, 2)).toBe(false);
    await conditions.flush();
    await conditions.flush();
    expect(told).toEqual(['a options down']);
    expect(conditions.downOf('a')).toEqual([{ reason: 'options', since: 1 }]);
    conditions.set('a', 'options', false, 3);
    await conditions.flush();
    expect(told).toEqual(['a options down', 'a options up']);
    expect(conditions.downOf('a')).toEqual([]);
  });

  it('tells it once though it is to be told twice at the same time', async () => {
    const { conditions, told } = open();
    conditions.set('a', 'options', true, 1);
    await Promise.all([conditions.flush(), conditions.flush()]);
    expect(told).toEqual(['a options down']);
  });

  it('keeps reasons and ids apart', async () => {
    const { conditions, told } = open();
    conditions.set('a', 'options', true, 1);
    conditions.set('a', 'drain', true, 2);
    conditions.set('b', 'silence', false, 3);
    conditions.set('a', 'options', false, 4);
    await conditions.flush();
    expect(conditions.downOf('a')).toEqual([{ reason: 'drain', since: 2 }]);
    expect(told).toEqual(['a options up', 'a drain down', 'b silence up']);
  });

  it('tells nothing of what is not known', async () => {
    const { conditions, told } = open();
    expect(conditions.set('a', 'options', null, 1)).toBe(false);
    conditions.set('a', 'options', true, 2);
    expect(conditions.set('a', 'options', null, 3)).toBe(false);
    await conditions.flush();
    expect(told).toEqual(['a options down']);
  });

  it('tells later what it could not tell while Redis was away, as it is then', async () => {
    const { conditions, told, redis } = open();
    redis.away = true;
    conditions.set('a', 'options', true, 1);
    conditions.set('b', 'options', true, 1);
    await conditions.flush();
    conditions.set('b', 'options', false, 2);
    redis.away = false;
    await conditions.flush();
    expect(told).toEqual(['a options down', 'b options up']);
  });

  it('says everything again to keep its word fresh, and takes it back for what is gone', async () => {
    const { conditions, told } = open();
    conditions.set('a', 'options', true, 1);
    await conditions.repeat();
    await conditions.repeat();
    conditions.forget('a', 2);
    await conditions.flush();
    expect(told).toEqual(['a options down', 'a options down', 'a options up']);
  });
});
