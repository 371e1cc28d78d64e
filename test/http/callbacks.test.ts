import { beforeEach, describe, expect, it } from 'vitest';
import type { CallbackTold } from '../../src/http/ports.js';
import { accessKey, serve } from '../support/http.js';

const OUTCOME = { settled: [{ site: 'divan', callId: 'call-1', waitedSeconds: 60 }], tried: [] };

let url: string;
let told: CallbackTold[];

beforeEach(async () => {
  told = [];
  const address = await serve({
    callbacks: {
      report: (one) => {
        told.push(one);
        return Promise.resolve(OUTCOME);
      },
    },
    keys: () => [
      accessKey('pbx', 'tells', ['callbacks:write']),
      accessKey('one-site', 'divan', ['callbacks:write'], ['divan']),
      accessKey('crm', 'writes', ['calls:write']),
    ],
    sites: () => [{ id: 'divan' }, { id: 'shop' }],
  });
  url = `${address}/v1/callbacks`;
});

const tell = (body: unknown, key = 'tells') =>
  fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

describe('telling of a call back', () => {
  it('says whom, when, how long, by whom, and is answered with whom it settled', async () => {
    const at = '2026-11-21T10:32:10+03:00';
    const answer = await tell({
      number: '8 916 000-00-01',
      site: 'divan',
      at,
      talkSeconds: 65.4,
      line: 's-1',
      by: 'Olga',
    });
    expect([answer.status, await answer.json()]).toEqual([200, OUTCOME]);
    const whom = { number: '8 916 000-00-01', sites: ['divan'], at: Date.parse(at) };
    expect(told).toEqual([{ ...whom, talkSeconds: 65.4, line: 's-1', by: 'Olga' }]);
  });

  it('has just ended where it does not say when, and is of the key where it does not say by whom', async () => {
    const before = Date.now();
    await tell({ number: '+79160000001', talkSeconds: 60 });
    expect(told[0]).toMatchObject({ sites: null, line: null, by: 'pbx' });
    const ended = (told[0]?.at ?? 0) + 60_000;
    expect(ended).toBeGreaterThanOrEqual(before);
    expect(ended).toBeLessThanOrEqual(Date.now());
  });

  it('counts for the sites of the key only', async () => {
    await tell({ number: '+79160000001', talkSeconds: 0 }, 'divan');
    const foreign = await tell({ number: '+79160000001', talkSeconds: 0, site: 'shop' }, 'divan');
    expect([foreign.status, await foreign.json()]).toMatchObject([400, { detail: '"site" must be one of divan' }]);
    expect(told.map(({ sites }) => sites)).toEqual([['divan']]);
  });

  it.each([
    [{}],
    [{ number: '+79160000001' }],
    [{ number: '+79160000001', talkSeconds: -1 }],
    [{ number: '+79160000001', talkSeconds: 90_000 }],
    [{ number: '+79160000001', talkSeconds: '60' }],
    [{ number: '+79160000001', talkSeconds: 60, at: 'yesterday' }],
    [{ number: '+79160000001', talkSeconds: 60, at: '2099-01-01T00:00:00Z' }],
    [{ number: '+79160000001', talkSeconds: 60, site: 'a b' }],
    [{ number: '+79160000001', talkSeconds: 60, site: 'none' }],
    [{ number: '+79160000001', talkSeconds: 60, line: '' }],
    [{ number: '+79160000001', talkSeconds: 60, by: 'two\nlines' }],
    [{ number: 'x'.repeat(41), talkSeconds: 60 }],
    [{ number: '+79160000001', talkSeconds: 60, more: 1 }],
    [[]],
  ])('refuses %j', async (body) => {
    const answer = await tell(body);
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(told).toEqual([]);
  });

  it('needs its own scope, and POST', async () => {
    expect((await tell({ number: '+79160000001', talkSeconds: 60 }, 'writes')).status).toBe(403);
    expect((await fetch(url, { headers: { authorization: 'Bearer tells' } })).status).toBe(405);
  });
});
