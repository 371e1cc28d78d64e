import { describe, expect, it } from 'vitest';
import { callersDelete } from '../../src/cli/commands/callers-delete.js';
import { callerEraser } from '../../src/composition/eraser.js';
import type { ErasureProof } from '../../src/http/ports.js';
import { RedisAmendments } from '../../src/redis/amendments.js';
import { RedisArchiveErasures } from '../../src/redis/archive-erasures.js';
import { RedisCallers } from '../../src/redis/callers.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisErasure } from '../../src/redis/erasure.js';
import { RedisHistory } from '../../src/redis/history.js';
import { RedisUse } from '../../src/redis/use.js';
import { exampleCall, exampleChange } from '../redis/examples.js';
import { accessKey, serve } from '../support/http.js';
import { endedCall, openHouse } from '../support/recording-house.js';
import { until } from '../support/until.js';

const CALLER = '+79160000001';

/** A gateway's interface on real recordings and a real Redis. */
async function open(archiveAway = false) {
  const house = await openHouse();
  const { link, keys, archive, logger } = house;
  const store = new RedisCallStore(link, keys);
  const callers = new RedisCallers(link, keys);
  const erasures = new RedisArchiveErasures(link, keys);
  const url = await serve({
    callerEraser: callerEraser({
      erasure: new RedisErasure(link, keys),
      callers,
      calls: new RedisAmendments(link, keys, 'here', () => undefined),
      history: new RedisHistory(link, keys, { countries: () => [], use: new RedisUse(link, keys) }),
      archive: {
        eraseCaller: async (id, number, at, by) => {
          await erasures.add({ id, number, at, by }, 'disk-1', 'gw-1');
          if (!archiveAway) await erasures.noteDay(id, 'disk-1', null);
          const erasure = await erasures.read(id);
          if (!erasure) throw new Error('not noted');
          return erasure;
        },
        erasure: (id) => erasures.read(id),
      },
      eraseRecordings: (...caller) => archive.removeOfCaller(...caller),
    }),
    keys: () => [accessKey('dpo', 'dpo', ['callers:write']), accessKey('crm', 'crm', ['calls:read', 'calls:write'])],
  });
  const ask = async (number: string, key = 'dpo', method = 'DELETE') => {
    const response = await fetch(`${url}/v1/callers/${encodeURIComponent(number)}`, {
      method,
      headers: { authorization: `Bearer ${key}` },
    });
    return { status: response.status, body: (await response.json()) as ErasureProof & { code: string } };
  };
  /** One more call of his that has ended and was recorded. */
  const talk = async () => {
    const call = endedCall(1);
    await house.record(call);
    await store.commit(exampleChange(call, ['call.received', 'call.completed', 'recording.ready'], { closed: true }));
    await callers.note(call);
    return call;
  };
  const hold = async (callId: string, reason: string | null) => {
    const found = await archive.find(callId, null);
    if (found?.state !== 'here') throw new Error('no recording');
    const at = new Date().toISOString();
    await archive.setHold(found, reason === null ? null : { by: 'court', at, reason });
  };
  return { ...house, store, erasures, ask, url, talk, hold, logger };
}

/** What the command prints. */
async function calltrack(url: string, number: string, json = false): Promise<string> {
  const out: string[] = [];
  const terminal = {
    out: (line: string) => void out.push(line),
    err: () => undefined,
    tty: false,
    clear: () => undefined,
    secret: () => Promise.resolve(''),
    env: { CALLTRACK_KEY: 'dpo' },
    interrupted: new AbortController().signal,
  };
  await callersDelete.run({ url, json }, [number], terminal);
  return out.join('\n');
}

describe('DELETE /v1/callers/{number}', () => {
  it('gives the proof; recordings under a legal hold stay and are named', async () => {
    const { ask, talk, hold, kept, store } = await open();
    const [gone, held] = [await talk(), await talk()];
    await hold(held.id, 'a court asked');
    const { status, body } = await ask(CALLER);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      by: 'dpo',
      events: 6,
      historyCalls: 2,
      held: [held.id],
      away: [],
      recordings: [{ callId: gone.id, sha256: gone.recording.sha256, bytes: gone.recording.bytes }],
    });
    expect(body.calls.toSorted()).toEqual([gone.id, held.id].toSorted());
    expect(JSON.stringify(body)).not.toContain(CALLER.slice(1));
    const files = (await kept()).join('\n');
    expect(files).toContain(held.id);
    expect(files).not.toContain(`${gone.id}.wav`);
    expect((await store.get(held.id))?.recording).toEqual(held.recording);
    expect((await store.get(gone.id))?.recording).toMatchObject({ status: 'absent', reason: 'erased' });
  });

  it('removes nothing of who never called, and nothing of others', async () => {
    const { ask, talk, store } = await open();
    const call = await talk();
    expect((await ask('+79169999999')).body).toMatchObject({ calls: [], events: 0, historyCalls: 0, recordings: [] });
    expect(await store.get(call.id)).toEqual(call);
  });

  it.each([
    ['89160000001', 400],
    ['+7', 400],
    ['+7916*', 400],
    ['+7916000000100000', 400],
    ['withheld', 400],
  ])('%s: %d', async (number, status) => {
    const { ask } = await open();
    expect(await ask(number)).toMatchObject({ status, body: { code: 'GW_ERR_BAD_REQUEST' } });
  });

  it('waits for the end of his call, and is for those who may', async () => {
    const { ask, store } = await open();
    const call = exampleCall();
    await store.commit(exampleChange(call, ['call.received']));
    expect(await ask(CALLER)).toMatchObject({ status: 409, body: { code: 'GW_ERR_CONFLICT' } });
    expect((await ask(CALLER, 'crm')).status).toBe(403);
    expect((await ask(CALLER, 'nobody')).status).toBe(401);
    expect((await ask(CALLER, 'dpo', 'GET')).status).toBe(405);
    expect(await store.get(call.id)).toEqual(call);
  });
});

describe('an erasure that goes on in an archive', () => {
  it('is 202 until that is done, and is told of by its id', async () => {
    const { ask, erasures, url } = await open(true);
    const { status, body } = await ask(CALLER);
    expect({ status, archive: body.archive }).toEqual({ status: 202, archive: 'waiting' });
    const look = async (id: string, key = 'dpo') => {
      const response = await fetch(`${url}/v1/callers/erasures/${id}`, { headers: { authorization: `Bearer ${key}` } });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    expect(await look(body.id)).toMatchObject({ status: 200, body: { archive: 'waiting', waitingFor: ['gw-1'] } });
    expect(JSON.stringify((await look(body.id)).body)).not.toContain(CALLER.slice(1));
    expect((await look('no-such')).status).toBe(404);
    expect((await look(body.id, 'crm')).status).toBe(403);
    const call = { recording: 'held', gateway: 'gw-1', sha256: null, bytes: null } as const;
    await erasures.noteCall(body.id, 'call-1', call);
    await erasures.noteDay(body.id, 'disk-1', null);
    expect((await look(body.id)).body).toEqual({
      id: body.id,
      at: body.at,
      by: 'dpo',
      archive: 'done',
      waitingFor: [],
      calls: [{ id: 'call-1', ...call }],
    });
  });

  it('is waited for by the command', async () => {
    const { url, erasures } = await open(true);
    const said = calltrack(url, CALLER);
    const erasure = await until('it is asked for', async () => (await erasures.next('disk-1')) ?? undefined);
    await erasures.noteCall(erasure.id, 'call-1', { recording: 'none', gateway: 'gw-1', sha256: null, bytes: null });
    await erasures.noteDay(erasure.id, 'disk-1', null);
    expect(await said).toMatch(/^proof [^]*\n1 archived calls without caller now$/);
  });
});

describe('calltrack callers delete', () => {
  it('prints the proof', async () => {
    const { url, talk, hold } = await open();
    const [gone, held] = [await talk(), await talk()];
    await hold(held.id, 'a court asked');
    const said = await calltrack(url, CALLER);
    expect(said).toMatch(/^proof [\w-]+, \d{4}-[\dT:.-]+Z, by dpo\n2 calls without caller now, 6 events, 2 calls/);
    expect(said).toContain(`recording of ${gone.id}: sha256 ${String(gone.recording.sha256)}`);
    expect(said).toContain(`recording of ${held.id}: stays, a legal hold keeps it`);
    expect(JSON.parse(await calltrack(url, CALLER, true))).toMatchObject({ by: 'dpo', calls: [], recordings: [] });
  });

  it('says what is wrong with a number', async () => {
    const { url } = await open();
    await expect(calltrack(url, '8 916')).rejects.toThrow('400 GW_ERR_BAD_REQUEST: a number in E.164');
  });
});
