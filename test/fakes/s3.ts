import { createHash, createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { S3Config } from '../../src/config/schema.js';

/** How the store treats a request; `null`: as it should. */
type Fault =
  | 'unavailable'
  /** Takes the request and never answers. */
  | 'stall'
  /** Carries the request out only after a while. */
  | 'slow'
  /** Takes the request and carries it out when `carryOut` says so. */
  | 'late'
  /** Sends the head and half of the body, and then no more. */
  | 'stall-midway'
  /** Keeps another content than it was sent. */
  | 'corrupt'
  /** Answers with half of what was kept. */
  | 'shorten';

interface StoredObject {
  bytes: Buffer;
  etag: string;
  encryption: string | null;
  parts: number;
}

interface Asked {
  /** Method and what it is about: `PUT`, `PUT part`, `POST uploads`, `POST complete`, `GET`, `GET list` … */
  what: string;
  key: string;
  headers: IncomingMessage['headers'];
}

const SLOW_MS = 300;
const SECRET = 'a secret of the fake';
const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest();
const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
const xml = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** As much of S3 as the gateway speaks: objects, parts, ranges, lists by folder, signatures checked (SigV4). */
export class FakeS3 {
  readonly objects = new Map<string, StoredObject>();
  readonly asked: Asked[] = [];
  fault: (asked: Asked) => Fault | null = () => null;
  /** As stores do that encrypt: the ETag says nothing about the content. */
  opaqueEtags = false;
  pageSize = 1000;
  readonly #late: (() => void)[] = [];
  readonly #uploads = new Map<string, Map<number, Buffer>>();
  readonly #server = createServer((request, response) => {
    this.#serve(request, response).catch((error: unknown) => response.destroy(error as Error));
  });

  static async start(): Promise<FakeS3> {
    const store = new FakeS3();
    await once(store.#server.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => {
      store.#server.closeAllConnections();
      store.#server.close();
    });
    return store;
  }

  config(fields: Partial<S3Config> = {}): S3Config {
    const { port } = this.#server.address() as AddressInfo;
    return {
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      bucket: 'sounds',
      prefix: 'kept/',
      accessKeyId: 'fake',
      secretAccessKey: SECRET,
      pathStyle: true,
      serverSideEncryption: 'none',
      timeout: 5000,
      uploads: 2,
      ...fields,
    };
  }

  /** Names of what was asked, without the objects'. */
  get verbs(): string[] {
    return this.asked.map(({ what }) => what);
  }

  get unfinishedUploads(): number {
    return this.#uploads.size;
  }

  /** What came late is carried out now, whether anybody waits for the answer or not. */
  carryOut(): void {
    for (const go of this.#late.splice(0)) go();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://fake');
    const key = decodeURIComponent(url.pathname).replace(/^\/[^/]+\/?/, '');
    const asked = { what: whatOf(request.method ?? '', url.searchParams), key, headers: request.headers };
    this.asked.push(asked);
    const body = await buffer(request);
    const fault = this.fault(asked);
    if (fault === 'stall') return;
    if (fault === 'slow') await setTimeout(SLOW_MS);
    if (fault === 'late') await new Promise<void>((resolve) => this.#late.push(resolve));
    if (fault === 'unavailable') refuse(response, 503, 'SlowDown');
    else if (!isSigned(request, url, body)) refuse(response, 403, 'SignatureDoesNotMatch');
    else this.#answer(asked, url.searchParams, body, fault, response);
  }

  #answer(asked: Asked, query: URLSearchParams, body: Buffer, fault: Fault | null, response: ServerResponse): void {
    const { what, key, headers } = asked;
    const uploadId = query.get('uploadId') ?? '';
    switch (what) {
      case 'PUT': {
        if (headers['content-md5'] !== undefined && headers['content-md5'] !== md5(body).toString('base64')) {
          refuse(response, 400, 'BadDigest');
          return;
        }
        const etag = this.#keep(key, body, 0, md5(body).toString('hex'), headers, fault);
        response.setHeader('ETag', `"${etag}"`).end();
        return;
      }
      case 'POST uploads': {
        const id = randomBytes(8).toString('hex');
        this.#uploads.set(id, new Map());
        response.end(`<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
        return;
      }
      case 'PUT part':
        this.#uploads.get(uploadId)?.set(Number(query.get('partNumber')), body);
        response.setHeader('ETag', `"${md5(body).toString('hex')}"`).end();
        return;
      case 'POST complete': {
        const parts = [...(this.#uploads.get(uploadId) ?? [])].sort(([a], [b]) => a - b).map(([, bytes]) => bytes);
        this.#uploads.delete(uploadId);
        const etag = `${md5(Buffer.concat(parts.map(md5))).toString('hex')}-${parts.length}`;
        this.#keep(key, Buffer.concat(parts), parts.length, etag, headers, fault);
        response.end(`<CompleteMultipartUploadResult><ETag>"${etag}"</ETag></CompleteMultipartUploadResult>`);
        return;
      }
      case 'DELETE upload':
        this.#uploads.delete(uploadId);
        response.writeHead(204).end();
        return;
      case 'DELETE':
        this.objects.delete(key);
        response.writeHead(204).end();
        return;
      case 'GET list':
        response.end(this.#list(query));
        return;
      default:
        this.#send(asked, fault, response);
    }
  }

  #keep(...[key, sent, parts, etag, headers, fault]: Kept): string {
    const bytes = fault === 'corrupt' ? Buffer.from(sent.map((byte, n) => (n === 0 ? byte ^ 1 : byte))) : sent;
    const encryption = headers['x-amz-server-side-encryption'];
    const shown = this.opaqueEtags ? randomBytes(16).toString('hex') : fault === 'corrupt' ? 'f'.repeat(32) : etag;
    this.objects.set(key, {
      bytes,
      parts,
      etag: shown,
      encryption: typeof encryption === 'string' ? encryption : null,
    });
    return shown;
  }

  #send({ what, key, headers }: Asked, fault: Fault | null, response: ServerResponse): void {
    const object = this.objects.get(key);
    if (!object) {
      refuse(response, 404, 'NoSuchKey');
      return;
    }
    const { bytes, etag } = object;
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
    const [start, end] = from === undefined ? [0, bytes.length] : [Number(from), Number(to) + 1];
    const piece = bytes.subarray(start, fault === 'shorten' ? Math.ceil((start + end) / 2) : end);
    response.writeHead(from === undefined ? 200 : 206, {
      ETag: `"${etag}"`,
      'Content-Length': piece.length,
      ...(from === undefined ? {} : { 'Content-Range': `bytes ${start}-${end - 1}/${bytes.length}` }),
    });
    if (what === 'HEAD') response.end();
    else if (fault === 'stall-midway') response.write(piece.subarray(0, piece.length / 2));
    else response.end(piece);
  }

  #list(query: URLSearchParams): string {
    const prefix = query.get('prefix') ?? '';
    const after = query.get('continuation-token') ?? '';
    const below = [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    const folded = below.map((key) => {
      const slash = key.indexOf('/', prefix.length);
      return slash < 0 ? key : key.slice(0, slash + 1);
    });
    const rest = [...new Set(folded)].filter((name) => name > after);
    const page = rest.slice(0, this.pageSize);
    const more = rest.length > page.length;
    const listed = page.map((name) =>
      name.endsWith('/')
        ? `<CommonPrefixes><Prefix>${xml(name)}</Prefix></CommonPrefixes>`
        : `<Contents><Key>${xml(name)}</Key></Contents>`,
    );
    const token = more ? `<NextContinuationToken>${xml(page.at(-1) ?? '')}</NextContinuationToken>` : '';
    return `<ListBucketResult><IsTruncated>${more}</IsTruncated>${token}${listed.join('')}</ListBucketResult>`;
  }
}
type Kept = [string, Buffer, number, string, IncomingMessage['headers'], Fault | null];

function whatOf(method: string, query: URLSearchParams): string {
  if (query.has('list-type')) return 'GET list';
  if (query.has('uploads')) return 'POST uploads';
  if (query.has('partNumber')) return 'PUT part';
  if (query.has('uploadId')) return method === 'POST' ? 'POST complete' : 'DELETE upload';
  return method;
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'Content-Type': 'application/xml' });
  response.end(`<Error><Code>${code}</Code><Message>by the fake</Message></Error>`);
}

/** AWS Signature Version 4, with the content's hash where the client states one. */
function isSigned(request: IncomingMessage, url: URL, body: Buffer): boolean {
  const pattern = /^AWS4-HMAC-SHA256 Credential=[^/]+\/([^,]+), SignedHeaders=([^,]+), Signature=(\w+)$/;
  const [, scope = '', names = '', signature] = pattern.exec(request.headers.authorization ?? '') ?? [];
  const stated = String(request.headers['x-amz-content-sha256']);
  if (stated !== 'UNSIGNED-PAYLOAD' && stated !== sha256(body)) return false;
  const strict = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  const query = [...url.searchParams].map(([name, value]) => `${strict(name)}=${strict(value)}`).sort();
  const headers = names.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}\n`);
  const canonical = [request.method, url.pathname, query.join('&'), headers.join(''), names, stated].join('\n');
  const text = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, sha256(canonical)].join('\n');
  const key = scope.split('/').reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${SECRET}`);
  return hmac(key, text).toString('hex') === signature;
}
