import { createHash } from 'node:crypto';
import { access, constants, statfs } from 'node:fs/promises';
import path from 'node:path';
import { localUrl } from '../../config/local-url.js';
import type { GatewayConfig } from '../../config/schema.js';
import { unnamedEndpoints } from '../../events/subscriptions.js';
import { toError } from '../../lib/deadline.js';
import { encodedFormats, hasEncoder } from '../../recordings/encoder.js';
import { fail, ok, warn, type Finding } from './report.js';

const GB = 1e9;
/** An hour of 100 recorded calls in stereo, 16 kHz off, is about 6 GB of spool and store. */
const FREE_WARN_BYTES = 10 * GB;
const FREE_FAIL_BYTES = GB / 2;
const HTTP_TIMEOUT_MS = 3000;
const LEAST_SECRET = 12;

/** Passwords that engines and examples come with, and that everybody who scans the net tries first. */
const WELL_KNOWN = new Set(
  [
    'cymru',
    'admin',
    'ClueCon',
    'JambonzR0ck$',
    'password',
    'secret',
    'changeme',
    'calltrack',
    'sandbox',
    'root',
    'redis',
    '1234',
    '12345678',
    '123456',
  ].map((word) => word.toLowerCase()),
);

/** Of `access.keys` the file has the hashes only: config/sandbox.yaml's, too, and some copy that. */
const WELL_KNOWN_HASHES = new Set([...WELL_KNOWN].map((word) => createHash('sha256').update(word).digest('hex')));

/** @param minFreeBytes with less the gateway does not record */
export async function checkFolder(what: string, folder: string, minFreeBytes: number): Promise<Finding> {
  const full = path.resolve(folder);
  try {
    await access(full, constants.R_OK | constants.W_OK | constants.X_OK);
    const { bavail, bsize } = await statfs(full);
    return judgeSpace(`${what} ${full}`, bavail * bsize, minFreeBytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      return warn(`${what} ${full}`, 'does not exist; the gateway makes it when it starts');
    return fail(`${what} ${full}`, `not writable: ${toError(error).message}`);
  }
}

export function judgeSpace(what: string, freeBytes: number, minFreeBytes: number): Finding {
  const detail = `writable, ${(freeBytes / GB).toFixed(1)} GB free`;
  if (freeBytes < minFreeBytes)
    return fail(what, `${detail}: less than recordings.minFree, new calls are not recorded`);
  return (freeBytes < FREE_FAIL_BYTES ? fail : freeBytes < FREE_WARN_BYTES ? warn : ok)(what, detail);
}

/** Only where a format is wanted that the gateway does not make itself. */
export async function checkEncoder(config: GatewayConfig): Promise<Finding[]> {
  const formats = encodedFormats(config);
  if (formats.length === 0) return [];
  const what = `ffmpeg for ${formats.join(', ')}`;
  return [(await hasEncoder()) ? ok(what, 'found') : warn(what, 'not on the PATH: recordings stay WAV')];
}

export async function checkHttp(http: GatewayConfig['http']): Promise<Finding> {
  const url = localUrl(http);
  const what = `HTTP ${url.slice('http://'.length)}`;
  try {
    const signal = AbortSignal.timeout(HTTP_TIMEOUT_MS);
    const response = await fetch(`${url}/readyz`, { signal });
    const body = (await response.json()) as {
      ready?: boolean;
      detail?: string;
      checks?: { recordings?: { detail?: string } };
    };
    // Calls come first: it is ready although recordings are in trouble.
    const trouble = body.checks?.recordings?.detail;
    if (body.ready === true && trouble)
      return warn(what, `the gateway is ready, but of recordings it says: ${trouble}`);
    if (body.ready === true) return ok(what, 'the gateway answers and is ready');
    if (body.ready === false) return fail(what, `the gateway answers and is not ready: ${body.detail ?? ''}`);
    return fail(what, 'something else than the gateway answers there');
  } catch (error) {
    const cause = toError(error).cause as NodeJS.ErrnoException | undefined;
    if (cause?.code === 'ECONNREFUSED') return warn(what, 'free: the gateway is not running');
    return fail(what, `no sensible answer: ${(cause ?? toError(error)).message}`);
  }
}

/** Webhooks that wait for calls of which nobody tells them. */
export function checkWebhooks({ webhooks, sites }: GatewayConfig): Finding[] {
  const unnamed = unnamedEndpoints(webhooks, sites);
  if (unnamed.length === 0) return [];
  return [warn('webhooks', `no site names these, they are told of no site's calls: ${unnamed.join(', ')}`)];
}

/** Every password of the configuration that is well known, or short. Their values are not told. */
export function checkPasswords(config: GatewayConfig): Finding[] {
  const weak = passwordsOf(config).flatMap(([where, password]): Finding[] => {
    if (WELL_KNOWN.has(password.toLowerCase())) return [fail(`password ${where}`, 'is a well-known default')];
    return password.length < LEAST_SECRET
      ? [warn(`password ${where}`, `is shorter than ${LEAST_SECRET} characters`)]
      : [];
  });
  weak.push(
    ...config.access.keys
      .filter(({ hash }) => WELL_KNOWN_HASHES.has(hash.toLowerCase()))
      .map(({ name }) => fail(`key ${name} of access.keys`, 'is a well-known default')),
  );
  return weak.length > 0 ? weak : [ok('passwords', 'none is a well-known default or short')];
}

function passwordsOf({ engines, trunks, lines, redis, webhooks }: GatewayConfig): [string, string][] {
  const found: [string, string | undefined][] = [
    ...(engines.mode === 'real' && engines.drachtio
      ? [['engines.drachtio.secret', engines.drachtio.secret] as [string, string]]
      : []),
    ...(engines.mode === 'real' ? engines.freeswitch : []).map(({ secret }, i): [string, string] => [
      `engines.freeswitch[${i}].secret`,
      secret,
    ]),
    ...trunks.flatMap(({ id, outbound, register }): [string, string | undefined][] => [
      [`trunks ${id} outbound.auth`, outbound?.auth?.password],
      [`trunks ${id} register`, register?.password],
    ]),
    ...lines.flatMap(({ id, auth, register }): [string, string | undefined][] => [
      [`lines ${id} auth`, auth?.password],
      [`lines ${id} register`, register?.password],
    ]),
    ...webhooks.flatMap(({ id, secret }) => secret.map((one): [string, string] => [`webhooks ${id}`, one])),
    ['redis.url', decodeURIComponent(new URL(redis.url).password) || undefined],
    ['redis.sentinel', redis.sentinel?.password],
  ];
  return found.filter((entry): entry is [string, string] => entry[1] !== undefined);
}
