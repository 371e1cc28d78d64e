import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { S3Config } from '../../config/schema.js';
import { toError, withDeadline } from '../../lib/deadline.js';
import type { RemoteStore } from './port.js';

const PART_BYTES = 8 * 1024 * 1024;
const PARTS_AT_ONCE = 2;
const CONNECT_TIMEOUT_MS = 5000;
/** The slowest line on which an upload may still succeed: 50 kB/s. */
const SLOWEST_BYTES_PER_MS = 50;
const PAGE = 1000;
/**
 * A request whose body the store has may be carried out although nobody waits for the answer. What is to be removed must
 * not come back so: an upload that is called off waits for the answer that long.
 */
const CALLED_OFF_MS = 2000;
/** Small files come whole: what is larger is none of ours. */
const MAX_SMALL_BYTES = 8 * 1024 * 1024;

/** Amazon S3 and what is compatible with it. Every request has a deadline, also where the store accepts and then stalls. */
export class S3Store implements RemoteStore {
  readonly #client: S3Client;
  /** Requests under way. */
  readonly #open = new Set<AbortController>();
  #closed = false;
  readonly #encryption: { ServerSideEncryption?: 'AES256' | 'aws:kms'; SSEKMSKeyId?: string };

  constructor(private readonly config: S3Config) {
    const { accessKeyId, secretAccessKey, serverSideEncryption, kmsKeyId } = config;
    this.#client = new S3Client({
      region: config.region,
      forcePathStyle: config.pathStyle,
      // Many compatible stores refuse the trailing checksums that the SDK would add by itself. What we upload is compared
      // by its MD5 afterwards, and what is encrypted by us is authenticated when it is read.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      maxAttempts: 2,
      requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, socketTimeout: config.timeout },
      ...(config.endpoint === undefined ? {} : { endpoint: config.endpoint }),
      ...(accessKeyId && secretAccessKey ? { credentials: { accessKeyId, secretAccessKey } } : {}),
    });
    this.#encryption = {
      ...(serverSideEncryption === 'none' ? {} : { ServerSideEncryption: serverSideEncryption }),
      ...(serverSideEncryption === 'aws:kms' && kmsKeyId ? { SSEKMSKeyId: kmsKeyId } : {}),
    };
  }

  identity(): Promise<string> {
    const { endpoint = 'aws', bucket, prefix } = this.config;
    return Promise.resolve(`s3 ${endpoint} ${bucket} ${prefix}`);
  }

  async read(name: string, start: number, end: number): Promise<Readable | null> {
    return await orAbsent(
      this.#bounded(`reading ${name}`, async (abortSignal) => {
        const command = new GetObjectCommand({ ...this.#object(name), Range: `bytes=${start}-${end}` });
        const { Body } = await this.#client.send(command, { abortSignal });
        return (Body as Readable | undefined) ?? null;
      }),
    );
  }

  async load(name: string): Promise<Buffer | null> {
    return await orAbsent(
      this.#bounded(`reading ${name}`, async (abortSignal) => {
        const answer = await this.#client.send(new GetObjectCommand(this.#object(name)), { abortSignal });
        if ((answer.ContentLength ?? 0) > MAX_SMALL_BYTES) throw new Error(`${name} is too large to be one of ours`);
        return Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
      }),
    );
  }

  async save(name: string, content: Buffer): Promise<void> {
    await this.#bounded(`writing ${name}`, (abortSignal) =>
      this.#client.send(
        new PutObjectCommand({
          ...this.#object(name),
          ...this.#encryption,
          Body: content,
          ContentMD5: createHash('md5').update(content).digest('base64'),
        }),
        { abortSignal },
      ),
    );
  }

  /** Rejects once nothing of it is under way any more, also where `signal` calls it off. */
  async upload(name: string, path: string, signal: AbortSignal): Promise<void> {
    const { size } = await stat(path);
    const requests = new Requests(this.#client);
    const abortController = new AbortController();
    const stop = () => abortController.abort();
    signal.addEventListener('abort', stop, { once: true });
    const source = createReadStream(path, { highWaterMark: 256 * 1024 });
    const deadline = setTimeout(stop, this.config.timeout + size / SLOWEST_BYTES_PER_MS);
    try {
      if (signal.aborted) stop();
      const upload = new Upload({
        client: requests.client,
        params: { ...this.#object(name), ...this.#encryption, Body: source },
        partSize: PART_BYTES,
        queueSize: PARTS_AT_ONCE,
        abortController,
      });
      await upload.done();
      await this.#confirm(name, path, size);
    } finally {
      clearTimeout(deadline);
      signal.removeEventListener('abort', stop);
      await requests.settle();
      source.destroy();
    }
  }

  async remove(name: string): Promise<void> {
    await this.#bounded(`removing ${name}`, (abortSignal) =>
      this.#client.send(new DeleteObjectCommand(this.#object(name)), { abortSignal }),
    );
  }

  async folders(folder: string): Promise<string[]> {
    const names: string[] = [];
    for await (const page of this.#pages(folder)) {
      for (const { Prefix = '' } of page.CommonPrefixes ?? [])
        names.push(this.#nameOf(Prefix).slice(folder.length, -1));
    }
    return names;
  }

  async *files(folder: string): AsyncGenerator<string> {
    for await (const page of this.#pages(folder))
      for (const { Key = '' } of page.Contents ?? []) yield this.#nameOf(Key);
  }

  close(): void {
    this.#closed = true;
    for (const request of this.#open) request.abort();
    this.#client.destroy();
  }

  /**
   * Size and content as the store has them. The ETag is the MD5 of what was sent, or of its parts' MD5s; where the store
   * encrypts by a key of its own it is something else, and then the object is read back.
   */
  async #confirm(name: string, path: string, size: number): Promise<void> {
    const head = await this.#bounded(`looking at ${name}`, (abortSignal) =>
      this.#client.send(new HeadObjectCommand(this.#object(name)), { abortSignal }),
    );
    if (head.ContentLength !== size) throw new Error(`the store has ${head.ContentLength ?? 0} bytes of ${size}`);
    const local = await digestsOf(createReadStream(path, { highWaterMark: 256 * 1024 }));
    const etag = head.ETag?.replaceAll('"', '');
    if (etag === local.whole || etag === local.parts) return;
    const stored = await this.read(name, 0, size - 1);
    if (!stored || (await digestsOf(stored)).whole !== local.whole) throw new Error('the store has another content');
  }

  #object(name: string) {
    return { Bucket: this.config.bucket, Key: this.config.prefix + name };
  }

  #nameOf(key: string): string {
    return key.slice(this.config.prefix.length);
  }

  async *#pages(folder: string) {
    let token: string | undefined;
    do {
      const page = await this.#bounded(`listing ${folder}`, (abortSignal) =>
        this.#client.send(
          new ListObjectsV2Command({
            Bucket: this.config.bucket,
            Prefix: this.config.prefix + folder,
            Delimiter: '/',
            MaxKeys: PAGE,
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
          { abortSignal },
        ),
      );
      yield page;
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  /** Aborts the request and rejects with GW_ERR_DEADLINE; the SDK's own timeouts count from the last byte only. */
  async #bounded<T>(what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    this.#open.add(abort);
    if (this.#closed) abort.abort();
    try {
      return await withDeadline(work(abort.signal), this.config.timeout, what);
    } catch (error) {
      abort.abort();
      throw toError(error);
    } finally {
      this.#open.delete(abort);
    }
  }
}

/** The requests of one upload. `Upload` gives up its own when it is aborted: they go on, and nobody knows. */
class Requests {
  readonly client: S3Client;
  readonly #abort = new AbortController();
  readonly #open = new Set<Promise<unknown>>();

  constructor(client: S3Client) {
    const send = (command: Parameters<S3Client['send']>[0]) => {
      // Parts that stay behind are paid for: to take them back has its own time.
      const tidies = command instanceof AbortMultipartUploadCommand;
      const abortSignal = tidies ? AbortSignal.timeout(CALLED_OFF_MS) : this.#abort.signal;
      const answer = client.send(command, { abortSignal });
      const closed = () => void this.#open.delete(answer);
      this.#open.add(answer);
      answer.then(closed, closed);
      return answer;
    };
    this.client = Object.create(client, { send: { value: send } }) as S3Client;
  }

  /** Resolves when each has its answer, or was broken off. */
  async settle(): Promise<void> {
    const patience = setTimeout(() => this.#abort.abort(), CALLED_OFF_MS);
    while (this.#open.size > 0) await Promise.allSettled(this.#open);
    clearTimeout(patience);
  }
}

async function orAbsent<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
    if (name === 'NoSuchKey' || name === 'NotFound' || $metadata?.httpStatusCode === 404) return null;
    throw error;
  }
}

/** MD5 of the whole, and what S3 calls an object that came in parts. */
async function digestsOf(source: Readable): Promise<{ whole: string; parts: string }> {
  const whole = createHash('md5');
  const ofParts = createHash('md5');
  let part = createHash('md5');
  let inPart = 0;
  let count = 0;
  const closePart = () => {
    ofParts.update(part.digest());
    part = createHash('md5');
    inPart = 0;
    count += 1;
  };
  for await (const chunk of source as AsyncIterable<Buffer>) {
    whole.update(chunk);
    for (let at = 0; at < chunk.length;) {
      const piece = chunk.subarray(at, at + PART_BYTES - inPart);
      part.update(piece);
      inPart += piece.length;
      at += piece.length;
      if (inPart === PART_BYTES) closePart();
    }
  }
  if (inPart > 0) closePart();
  return { whole: whole.digest('hex'), parts: `${ofParts.digest('hex')}-${count}` };
}
