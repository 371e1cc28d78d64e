import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { S3Config } from '../../src/config/schema.js';
import { S3Store } from '../../src/recordings/storage/s3.js';
import { FakeS3 } from '../fakes/s3.js';
import { until } from '../support/until.js';
import { tempFolder } from '../support/temp-folder.js';

const MB = 1024 * 1024;
const never = new AbortController().signal;

async function open(config: Partial<S3Config> = {}) {
  const s3 = await FakeS3.start();
  const store = new S3Store(s3.config(config));
  onTestFinished(() => store.close());
  const folder = await tempFolder();
  const file = async (bytes: Buffer) => {
    await writeFile(join(folder, 'a.wav'), bytes);
    return join(folder, 'a.wav');
  };
  return { s3, store, file };
}

const sound = (bytes: number) => Buffer.from(Uint8Array.from({ length: bytes }, (_, n) => (n * 7 + (n >> 8)) & 255));

describe('a file in the S3 store', () => {
  it('is uploaded in one piece, confirmed and read in ranges', async () => {
    const { s3, store, file } = await open({ serverSideEncryption: 'AES256' });
    const bytes = sound(100_000);
    await store.upload('divan/a.wav', await file(bytes), never);
    expect(s3.objects.get('kept/divan/a.wav')).toMatchObject({ bytes, encryption: 'AES256', parts: 0 });
    expect(s3.verbs).toEqual(['PUT', 'HEAD']);
    const piece = await store.read('divan/a.wav', 10, 20);
    expect(piece && (await buffer(piece))).toEqual(bytes.subarray(10, 21));
    expect(s3.asked.at(-1)?.headers.range).toBe('bytes=10-20');
    // No trailing checksums: the compatibles refuse them.
    expect(
      s3.asked.filter(({ headers }) => headers['x-amz-trailer'] ?? headers['x-amz-sdk-checksum-algorithm']),
    ).toEqual([]);
  });

  it('is uploaded in parts where it is large', async () => {
    const { s3, store, file } = await open();
    const bytes = sound(17 * MB);
    await store.upload('a.wav', await file(bytes), never);
    expect(s3.objects.get('kept/a.wav')?.parts).toBe(3);
    expect(s3.objects.get('kept/a.wav')?.bytes.equals(bytes)).toBe(true);
    expect(s3.verbs).not.toContain('GET');
  });

  it('is read back where the ETag tells nothing about its content', async () => {
    const { s3, store, file } = await open({ serverSideEncryption: 'aws:kms', kmsKeyId: 'k' });
    s3.opaqueEtags = true;
    await store.upload('a.wav', await file(sound(5000)), never);
    expect(s3.verbs).toEqual(['PUT', 'HEAD', 'GET']);
    expect(s3.asked[0]?.headers['x-amz-server-side-encryption-aws-kms-key-id']).toBe('k');
  });

  it.each([
    ['another content', 'corrupt', 'PUT', 'the store has another content'],
    ['half of it', 'shorten', 'HEAD', 'the store has 2500 bytes of 5000'],
  ] as const)('is not confirmed where the store has %s', async (_what, fault, verb, message) => {
    const { s3, store, file } = await open();
    s3.fault = ({ what }) => (what === verb ? fault : null);
    await expect(store.upload('a.wav', await file(sound(5000)), never)).rejects.toThrow(message);
  });

  it('that is not there is null, and removing it is no error', async () => {
    const { store } = await open();
    expect(await store.read('no.wav', 0, 9)).toBeNull();
    expect(await store.load('no.json')).toBeNull();
    await store.remove('no.json');
  });

  it('is refused with a wrong secret', async () => {
    const { store, s3 } = await open({ secretAccessKey: 'another' });
    await expect(store.save('a.json', Buffer.from('{}'))).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
    await expect(store.load('a.json')).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
    expect(s3.objects.size).toBe(0);
  });
});

describe('an upload that is called off', () => {
  it.each([
    ['in one piece', 5000, 'PUT', 1],
    ['in parts', 9 * MB, 'PUT part', 0],
  ])('%s ends when the store has done what it was sent, and leaves no part', async (_how, bytes, verb, stored) => {
    const { s3, store, file } = await open();
    const abort = new AbortController();
    s3.fault = ({ what }) => {
      if (what !== verb) return null;
      abort.abort();
      return 'slow';
    };
    await expect(store.upload('a.wav', await file(sound(bytes)), abort.signal)).rejects.toThrow();
    expect(s3.objects.size).toBe(stored);
    await until('the parts are dropped', () => s3.unfinishedUploads === 0);
    await store.remove('a.wav');
    expect(s3.objects.size).toBe(0);
  });

  it('and gets no answer is broken off, and leaves no part either', async () => {
    const { s3, store, file } = await open();
    const abort = new AbortController();
    s3.fault = ({ what }) => {
      if (what !== 'PUT part') return null;
      abort.abort();
      return 'stall';
    };
    await expect(store.upload('a.wav', await file(sound(9 * MB)), abort.signal)).rejects.toThrow();
    await until('the parts are dropped', () => s3.unfinishedUploads === 0);
    expect(s3.objects.size).toBe(0);
  });
});

describe('folders of the S3 store', () => {
  it('are listed page by page, without the prefix', async () => {
    const { s3, store } = await open();
    s3.pageSize = 2;
    const names = [
      'divan/2026/11/01/a.wav',
      'divan/2026/11/02/a.json',
      'divan/2026/11/02/a.wav',
      'divan/2026/11/02/b.wav',
    ];
    for (const name of [...names, 'shop/2026/11/01/c.wav']) await store.save(name, Buffer.from(name));
    expect(await store.folders('')).toEqual(['divan', 'shop']);
    expect(await store.folders('divan/2026/11/')).toEqual(['01', '02']);
    const files: string[] = [];
    for await (const name of store.files('divan/2026/11/02/')) files.push(name);
    expect(files).toEqual(names.slice(1));
    expect((await store.load('divan/2026/11/02/a.json'))?.toString()).toBe('divan/2026/11/02/a.json');
  });
});

describe('a store that does not answer', () => {
  it.each(['GET', 'PUT', 'DELETE', 'GET list'])('costs a %s its deadline and no more', async (verb) => {
    const { s3, store } = await open({ timeout: 100 });
    s3.fault = ({ what }) => (what === verb ? 'stall' : null);
    const asked = {
      GET: () => store.load('a.json'),
      PUT: () => store.save('a.json', Buffer.from('{}')),
      DELETE: () => store.remove('a.json'),
      'GET list': () => store.folders(''),
    }[verb];
    await expect(asked?.()).rejects.toMatchObject({ code: 'GW_ERR_DEADLINE' });
  });

  it('in the middle of a sound ends the sound with an error', async () => {
    const { s3, store } = await open({ timeout: 1_000 });
    await store.save('a.wav', sound(200_000));
    s3.fault = ({ what }) => (what === 'GET' ? 'stall-midway' : null);
    const read = await store.read('a.wav', 0, 199_999);
    await expect(read && buffer(read)).rejects.toThrow();
  });

  it('in the middle of an upload is given up by its deadline, or at once where that is wanted', async () => {
    const { s3, store, file } = await open({ timeout: 100 });
    s3.fault = ({ what }) => (what === 'PUT part' ? 'stall' : null);
    const path = await file(sound(9 * MB));
    const abort = new AbortController();
    const upload = store.upload('a.wav', path, abort.signal);
    setImmediate(() => abort.abort());
    await expect(upload).rejects.toThrow();
    const late = new S3Store(s3.config({ timeout: 60_000 }));
    onTestFinished(() => late.close());
    const stop = new AbortController();
    s3.fault = ({ what }) => {
      if (what !== 'PUT part') return null;
      stop.abort();
      return 'stall';
    };
    await expect(late.upload('a.wav', path, stop.signal)).rejects.toThrow();
    expect(s3.objects.size).toBe(0);
  });
});

it('what is under way when the store is closed is broken off, and nothing is begun any more', async () => {
  const { s3, store } = await open({ timeout: 3_600_000 });
  s3.fault = () => 'stall';
  const asked = store.folders('');
  await until('the store was asked', () => s3.asked.length > 0);
  store.close();
  await expect(asked).rejects.toMatchObject({ name: 'AbortError' });
  await expect(store.load('a.json')).rejects.toMatchObject({ name: 'AbortError' });
});
