import { createHash } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { Call } from '../../src/call/call.js';
import type { Scope } from '../../src/config/schema.js';
import { newCallId } from '../../src/lib/ids.js';
import { signLink } from '../../src/recordings/links.js';
import { accessKey, serve } from '../support/http.js';
import { httpOptions } from '../support/no-resources.js';
import { endedCall, openHouse, secretOf, type HouseOptions } from '../support/recording-house.js';
import { wavBytes } from '../support/wav-bytes.js';

const ALL: Scope[] = ['recordings:read', 'recordings:write', 'audit:read', 'calls:read', 'events:read'];
const hash = (text: string | Buffer) => createHash('sha256').update(text).digest('hex');
const KEYS = [
  accessKey('support', 'support', ALL),
  accessKey('shop', 'shop', ALL, ['shop']),
  accessKey('crm', 'crm', ['calls:read']),
];

/** The interface with one recording of the site `divan`. */
async function open(options: HouseOptions = {}) {
  const house = await openHouse(options);
  const base = await serve({
    keys: () => KEYS,
    sites: () => [{ id: 'divan' }, { id: 'shop' }],
    calls: {
      get: (id) => house.lookup.get(id),
      between: () => Promise.resolve([]),
    },
    history: {
      ...httpOptions().history,
      search: (query) => {
        const all = [...house.calls.values()];
        const wanted = all.filter(({ site }) => query.sites === null || query.sites.includes(site ?? ''));
        return Promise.resolve({ calls: wanted, next: null, approximateTotal: wanted.length });
      },
    },
    recordings: {
      archive: house.archive,
      audit: house.audit,
      links: house.facts,
      maxLinkExpiry: () => 86_400_000,
      publicUrl: (): string => base,
    },
  });
  const call = endedCall(2);
  const wav = wavBytes(2);
  await house.record(call, wav);
  const ask = (path: string, init: RequestInit & { key?: string } = {}) =>
    fetch(path.startsWith('http') ? path : `${base}/v1${path}`, {
      ...init,
      headers: { Authorization: `Bearer ${init.key ?? 'support'}`, ...(init.headers as Record<string, string>) },
    });
  const post = (path: string, body: unknown, method = 'POST') =>
    ask(path, { method, body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } });
  const audit = async () => {
    const { lines } = (await (await ask('/audit')).json()) as {
      lines: { action: string; who: { kind: string; name: string }; call: string; from: string }[];
    };
    return lines.map(({ action, who }) => `${action} ${who.kind}`);
  };
  return { house, base, call, wav, ask, post, audit, path: `/recordings/${call.id}` };
}

const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer());
const codeOf = async (answer: Response) => ((await answer.json()) as { code: string }).code;

describe.each([
  ['plain', {}],
  ['encrypted', { encryption: [{ id: 'k1', secret: secretOf('a') }] }],
])('GET /v1/recordings/:id, %s', (_name, options) => {
  it('gives the whole, with what a client needs to come back for pieces', async () => {
    const { ask, path, wav } = await open(options);
    const answer = await ask(path);
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'audio/wav',
      'content-length': String(wav.length),
      'accept-ranges': 'bytes',
      etag: `"${hash(wav)}"`,
      'last-modified': expect.stringMatching(/GMT$/) as string,
    });
    expect(await bytesOf(answer)).toEqual(wav);
    const head = await ask(path, { method: 'HEAD', headers: { Range: 'bytes=0-9' } });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(wav.length)]);
  });

  it.each([
    ['bytes=0-0', 0, 0],
    ['bytes=44-1043', 44, 1043],
    ['bytes=64000-', 64_000, 64_043],
    ['bytes=-100', 63_944, 64_043],
    ['bytes=10-999999', 10, 64_043],
    ['bytes=-999999', 0, 64_043],
  ])('gives the range %s', async (range, start, end) => {
    const { ask, path, wav } = await open(options);
    const answer = await ask(path, { headers: { Range: range } });
    expect([answer.status, answer.headers.get('content-range')]).toEqual([206, `bytes ${start}-${end}/64044`]);
    expect(await bytesOf(answer)).toEqual(wav.subarray(start, end + 1));
  });
});

describe('GET /v1/recordings/:id', () => {
  it.each(['bytes=5-2', 'bytes=0-1,5-6', 'lines=1-2', 'bytes=-', 'bytes=a-b'])(
    'passes over the Range "%s"',
    async (range) => {
      const { ask, path } = await open();
      expect((await ask(path, { headers: { Range: range } })).status).toBe(200);
    },
  );

  it.each(['bytes=64044-', 'bytes=99999999999999999999-', 'bytes=-0'])('refuses the Range "%s"', async (range) => {
    const { ask, path } = await open();
    const answer = await ask(path, { headers: { Range: range } });
    expect([answer.status, answer.headers.get('content-range')]).toEqual([416, 'bytes */64044']);
    expect(await codeOf(answer)).toBe('GW_ERR_RANGE');
  });

  it('goes by what the client has already', async () => {
    const { ask, path, wav } = await open();
    const etag = `"${hash(wav)}"`;
    const modified = (await ask(path, { method: 'HEAD' })).headers.get('last-modified') ?? '';
    const status = async (headers: Record<string, string>) => (await ask(path, { headers })).status;
    expect(await status({ 'If-None-Match': `"x", W/${etag}` })).toBe(304);
    expect(await status({ 'If-None-Match': '"x"' })).toBe(200);
    for (const same of [etag, modified]) expect(await status({ Range: 'bytes=0-9', 'If-Range': same })).toBe(206);
    for (const other of ['"other"', `W/${etag}`, 'Sat, 01 Jan 2000 00:00:00 GMT'])
      expect(await status({ Range: 'bytes=0-9', 'If-Range': other })).toBe(200);
  });

  it.each(['..%2f..%2fetc%2fpasswd', '%2e%2e', 'x'.repeat(200), newCallId(), '..', '0%00'])(
    'knows nothing of the id "%s"',
    async (id) => {
      const { ask } = await open();
      for (const path of [`/recordings/${id}`, `/recordings/${id}/peaks`, `/recordings/${id}/about`]) {
        expect((await ask(path)).status).toBe(404);
      }
    },
  );

  it('shows a key of another site what it shows of calls that there are not', async () => {
    const { ask, path, house, call } = await open();
    const foreign = await ask(path, { key: 'shop' });
    const unknown = await ask(`/recordings/${newCallId()}`, { key: 'shop' });
    const texts = [await foreign.json(), await unknown.json()].map((problem) => ({
      ...(problem as object),
      requestId: '',
    }));
    expect(texts[0]).toEqual(texts[1]);
    expect(foreign.status).toBe(404);
    expect((await ask(`/calls/${call.id}`, { key: 'shop' })).status).toBe(404);
    const own = endedCall(1, { site: 'shop' });
    house.calls.set(own.id, own);
    const { calls } = (await (await ask('/calls', { key: 'shop' })).json()) as { calls: Call[] };
    expect(calls.map(({ id }) => id)).toEqual([own.id]);
    const asked = await Promise.all(['divan', 'none'].map((site) => ask(`/calls?site=${site}`, { key: 'shop' })));
    for (const answer of asked)
      expect([answer.status, await answer.json()]).toMatchObject([400, { detail: '"site" must be one of shop' }]);
    expect((await ask(path, { key: 'crm' })).status).toBe(403);
  });

  it('says why there is none', async () => {
    const { ask, house } = await open();
    const call = endedCall(1);
    call.recording = { ...call.recording, status: 'absent', reason: 'disk_low' };
    house.calls.set(call.id, call);
    const answer = await ask(`/recordings/${call.id}`);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({
      code: 'GW_ERR_NO_RECORDING',
      detail: 'status absent, reason disk_low',
    });
  });

  it('names the gateway that has it still', async () => {
    const { ask, house, base } = await open();
    const away = endedCall(1, { gateway: 'gw-2' });
    away.recording = { ...away.recording, status: 'ready' };
    house.calls.set(away.id, away);
    const answer = await ask(`/recordings/${away.id}`);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await answer.json()).toMatchObject({
      code: 'GW_ERR_RECORDING_AWAY',
      detail: expect.stringContaining('"gw-2"') as string,
    });
    // Not to whoever has a link.
    const link = { id: 'A'.repeat(16), callId: away.id, expiresAt: Date.now() + 60_000, oneTime: false };
    const token = signLink({ ...link, downloadName: null, format: null }, await house.facts.linkSecret());
    const shared = await fetch(`${base}/r/${token}`);
    expect(shared.status).toBe(503);
    expect(await shared.text()).not.toContain('gw-2');
  });

  it('finds a recording whose call Redis no longer has', async () => {
    const { ask, house, path, wav, call } = await open();
    house.calls.delete(call.id);
    expect(await bytesOf(await ask(path))).toEqual(wav);
    expect((await ask(path, { key: 'shop' })).status).toBe(404);
  });

  it('has no format that was not made, and says which there are', async () => {
    const { ask, path } = await open();
    expect(await codeOf(await ask(`${path}?format=mp3`))).toBe('GW_ERR_NO_RECORDING');
    expect((await ask(`${path}?format=flac`)).status).toBe(400);
  });
});

describe('the waveform', () => {
  it.each([{}, { encryption: [{ id: 'k1', secret: secretOf('a') }] }])(
    'is there from the start (%j)',
    async (options) => {
      const { ask, path } = await open(options);
      const peaks = (await (await ask(`${path}/peaks`)).json()) as { peaks: number[][] };
      expect(peaks).toMatchObject({ durationSeconds: 2, secondsPerPoint: 0.1, channels: ['caller', 'business'] });
      expect(peaks.peaks.map((side) => side.length)).toEqual([20, 20]);
      const few = (await (await ask(`${path}/peaks?points=5`)).json()) as { peaks: number[][] };
      expect(few.peaks[0]).toHaveLength(5);
      for (const points of ['0', 'x', '1.5', '99999'])
        expect((await ask(`${path}/peaks?points=${points}`)).status).toBe(400);
    },
  );
});

describe('a shared link', () => {
  const share = async (house: Awaited<ReturnType<typeof open>>, body: object) => {
    const answer = await house.post(`${house.path}/links`, body);
    expect(answer.status).toBe(201);
    return (await answer.json()) as { url: string; id: string };
  };

  it('serves without a key, in pieces too, under the name it was given', async () => {
    const house = await open();
    const { url } = await share(house, { expiresIn: 600, downloadName: 'Разговор 1' });
    const answer = await fetch(url);
    expect(await bytesOf(answer)).toEqual(house.wav);
    expect(answer.headers.get('content-disposition')).toContain("filename*=UTF-8''%D0%A0");
    expect((await fetch(url, { headers: { Range: 'bytes=0-9' } })).status).toBe(206);
    expect((await fetch(url, { method: 'POST' })).status).toBe(405);
  });

  it('opens also where its name was cut in the middle of an emoji', async () => {
    const house = await open();
    const { url } = await share(house, { expiresIn: 600, downloadName: 'call \ud83d' });
    const answer = await fetch(url);
    expect([answer.status, await bytesOf(answer)]).toEqual([200, house.wav]);
  });

  it('is refused when it was altered, whatever it leads to, and when it has ended', async () => {
    const house = await open();
    const { url } = await share(house, { expiresIn: 600 });
    const [text = '', digest = ''] = url.slice(url.lastIndexOf('/') + 1).split('.');
    const payload = JSON.parse(Buffer.from(text, 'base64url').toString()) as object;
    const altered = Buffer.from(JSON.stringify({ ...payload, c: newCallId() })).toString('base64url');
    for (const token of [
      `${altered}.${digest}`,
      `${text}.${digest.slice(0, -1)}_`,
      text,
      'x',
      `${text}.`,
      '...',
      `${text}.${digest}.x`,
    ]) {
      const answer = await fetch(`${house.base}/r/${token}`);
      expect([answer.status, await codeOf(answer)], token).toEqual([403, 'GW_ERR_LINK_INVALID']);
    }
    const ended = {
      id: 'AAAAAAAAAAAAAAAA',
      callId: house.call.id,
      expiresAt: Date.now() - 1,
      oneTime: false,
      downloadName: null,
      format: null,
    };
    const token = signLink(ended, await house.house.facts.linkSecret());
    const answer = await fetch(`${house.base}/r/${token}`);
    expect([answer.status, await codeOf(answer)]).toEqual([410, 'GW_ERR_LINK_ENDED']);
  });

  it('for one use serves one download', async () => {
    const house = await open();
    const { url } = await share(house, { expiresIn: 600, oneTime: true });
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200);
    expect((await fetch(url)).status).toBe(200);
    expect((await fetch(url)).status).toBe(410);
    expect((await fetch(url, { headers: { Range: 'bytes=0-9' } })).status).toBe(410);
  });

  it('for one use is not used up by a file that cannot be opened now', async () => {
    const house = await open();
    const { url } = await share(house, { expiresIn: 600, oneTime: true });
    const file = house.house.vault.local.pathOf(house.call.recording.file ?? '');
    await rename(file, `${file}.away`);
    const away = await fetch(url);
    expect([away.status, await codeOf(away)]).toEqual([503, 'GW_ERR_RECORDING_AWAY']);
    await rename(`${file}.away`, file);
    expect(await house.audit()).not.toContain('recording.download link');
    expect(await bytesOf(await fetch(url))).toEqual(house.wav);
    expect((await fetch(url)).status).toBe(410);
  });

  it('for one use serves one listener all the pieces that he asks for, and nobody else', async () => {
    const house = await open();
    const { url } = await share(house, { expiresIn: 600, oneTime: true });
    const listen = (agent: string) => fetch(url, { headers: { Range: 'bytes=0-9', 'User-Agent': agent } });
    const answers = [await listen('his'), await listen('his'), await listen('another')];
    expect(answers.map(({ status }) => status)).toEqual([206, 206, 410]);
  });

  it.each([
    [{}, 'expiresIn'],
    [{ expiresIn: 0 }, 'expiresIn'],
    [{ expiresIn: 86_401 }, 'expiresIn'],
    [{ expiresIn: 60, downloadName: '../../x' }, 'downloadName'],
    [{ expiresIn: 60, downloadName: 'a\r\nSet-Cookie: x' }, 'downloadName'],
    [{ expiresIn: 60, more: 1 }, 'more'],
  ])('is not made of %j', async (body, field) => {
    const house = await open();
    const answer = await house.post(`${house.path}/links`, body);
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain(field);
  });
});

describe('the audit log', () => {
  it('has one line for each listening, each download, and everything else', async () => {
    const house = await open();
    const { ask, post, path } = house;
    for (const range of ['bytes=0-', 'bytes=1000-2000', 'bytes=5000-']) {
      await (await ask(path, { headers: { Range: range } })).arrayBuffer();
    }
    for (let n = 0; n < 2; n++) await (await ask(path)).arrayBuffer();
    await ask(path, { method: 'HEAD' });
    const link = (await (await post(`${path}/links`, { expiresIn: 60 })).json()) as { url: string };
    await (await fetch(link.url)).arrayBuffer();
    await post(`${path}/hold`, { reason: 'claim' }, 'PUT');
    await ask(`${path}/hold`, { method: 'DELETE' });
    await ask(path, { method: 'DELETE' });
    expect(await house.audit()).toEqual([
      'recording.delete key',
      'recording.release key',
      'recording.hold key',
      'recording.download link',
      'recording.share key',
      'recording.download key',
      'recording.download key',
      'recording.play key',
    ]);
    const { lines } = (await (await ask(`/audit?call=${house.call.id}&limit=1`)).json()) as { lines: unknown[] };
    expect(lines).toMatchObject([{ who: { kind: 'key', name: 'support' }, from: '127.0.0.1', site: 'divan' }]);
  });

  it('is read page by page, by sites, and only by who may', async () => {
    const { ask, path } = await open();
    for (let n = 0; n < 3; n++) await (await ask(path)).arrayBuffer();
    const page = (await (await ask('/audit?limit=2')).json()) as { lines: unknown[]; next: string };
    expect(page.lines).toHaveLength(2);
    const rest = (await (await ask(`/audit?limit=2&cursor=${page.next}`)).json()) as { lines: unknown[]; next: null };
    expect([rest.lines.length, rest.next]).toEqual([1, null]);
    expect(await (await ask('/audit', { key: 'shop' })).json()).toEqual({ lines: [], next: null });
    expect((await ask('/audit', { key: 'crm' })).status).toBe(403);
    expect((await ask('/audit?cursor=x')).status).toBe(400);
    // Redis itself refuses to look before its beginning.
    expect((await ask('/audit?cursor=0-0')).status).toBe(400);
    expect((await ask('/audit?call=../x')).status).toBe(400);
  });

  it('is written, or nothing is heard', async () => {
    const { ask, path, house } = await open();
    house.link.close();
    expect((await ask(path)).status).toBe(503);
  });
});

describe('deleting', () => {
  it('is told for as long as the call is kept, when the note of it has gone', async () => {
    const { ask, path, house, call } = await open();
    const deletedAt = '2026-01-02T03:00:00.000Z';
    expect((await ask(path, { method: 'DELETE' })).status).toBe(204);
    await house.facts.takeBackDeletion(call.id);
    call.recording = { ...call.recording, status: 'deleted', reason: 'request', file: null, deletedAt };
    const answer = await ask(path);
    expect([answer.status, await codeOf(answer)]).toEqual([410, 'GW_ERR_RECORDING_DELETED']);
    expect(await (await ask(`${path}/about`)).json()).toEqual({ status: 'deleted', reason: 'request', deletedAt });
  });

  it('leaves nothing, and says that it was', async () => {
    const { ask, path, house } = await open();
    expect((await ask(path, { method: 'DELETE' })).status).toBe(204);
    expect((await house.kept()).filter((name) => /\.\w+$/.test(name) && !name.startsWith('.'))).toEqual([]);
    const answer = await ask(path);
    expect([answer.status, await codeOf(answer)]).toEqual([410, 'GW_ERR_RECORDING_DELETED']);
    expect(await (await ask(`${path}/about`)).json()).toMatchObject({ status: 'deleted', reason: 'request' });
    expect((await ask(path, { method: 'DELETE' })).status).toBe(204);
  });

  it('is refused while a legal hold stands', async () => {
    const { ask, post, path, wav } = await open();
    expect((await post(`${path}/hold`, {}, 'PUT')).status).toBe(400);
    expect((await post(`${path}/hold`, { reason: 'Claim 7' }, 'PUT')).status).toBe(200);
    expect(await codeOf(await ask(path, { method: 'DELETE' }))).toBe('GW_ERR_LEGAL_HOLD');
    expect(await (await ask(`${path}/about`)).json()).toMatchObject({ hold: { by: 'support', reason: 'Claim 7' } });
    expect(await bytesOf(await ask(path))).toEqual(wav);
    expect((await ask(`${path}/hold`, { method: 'DELETE' })).status).toBe(204);
    expect((await ask(path, { method: 'DELETE' })).status).toBe(204);
  });
});
