import type { VisitorSession } from '../call/call.js';
import type { Holder, TrackingNumber } from '../call/ports.js';

/**
 * Reads what stands in the contract keys (contracts section 3). Other services write them, so anything may stand
 * there: what is not a lease, a holder or a number becomes null, and no text longer than a URL, or with half a letter, gets
 * into a call.
 */

const MAX_TEXT = 2_048;
const MAX_ID = 256;
const MAX_SOURCE_FIELDS = 32;

/** Fields of a lease hash as strings, or of a holder's JSON. */
export function parseHolder(fields: Record<string, unknown>): Holder | null {
  const leaseId = identifier(fields['leaseId']);
  const sessionId = identifier(fields['sessionId']);
  const site = identifier(fields['site']);
  const leasedAt = moment(fields['leasedAt']);
  const expiresAt = moment(fields['expiresAt']);
  const session = record(fields['session']);
  if (leaseId === null || sessionId === null || site === null || session === null) return null;
  if (leasedAt === null || expiresAt === null || expiresAt < leasedAt) return null;
  return { leaseId, sessionId, site, leasedAt, expiresAt, session: visitorSession(session, sessionId) };
}

/** A member of the holders' sorted set: the lease's JSON. */
export function parseHolderJson(json: string): Holder | null {
  const fields = record(json);
  return fields === null ? null : parseHolder(fields);
}

/** In any case; whatever else stands in `enabled` never costs a caller his call. */
const NO = new Set(['0', 'false', 'no', 'off']);
const YES = new Set(['1', 'true', 'yes', 'on']);
/** As ms of 1973; as seconds of the year 5138. */
const SECONDS_BELOW = 1e11;

/** The hash of a number. Without a site it is none; an unknown kind counts as `dynamic`, bad extras as absent. */
export function parseNumber(number: string, fields: Record<string, unknown>): TrackingNumber | null {
  const site = identifier(fields['site']);
  if (site === null) return null;
  return {
    number,
    site,
    kind: word(fields['kind']) === 'static' ? 'static' : 'dynamic',
    route: identifier(fields['route']),
    source: parseSource(fields['source']),
    enabled: !NO.has(word(fields['enabled'])),
  };
}

/** Whether the hash of a number holds something that `parseNumber` had to pass over. */
export function numberIsOdd(fields: Record<string, unknown>): boolean {
  const { kind, source, enabled } = fields;
  if (!['static', 'dynamic'].includes(word(kind))) return true;
  if (enabled !== undefined && !NO.has(word(enabled)) && !YES.has(word(enabled))) return true;
  return source !== undefined && parseSource(source) === null;
}

/** Whether a lease was written in seconds: as ms it would have ended in 1970, and nobody would be told why. */
export function isInSeconds({ leasedAt, expiresAt }: Pick<Holder, 'leasedAt' | 'expiresAt'>): boolean {
  return leasedAt > 1e9 && expiresAt < SECONDS_BELOW;
}

/** A word of ours as others spell it: `True`, `STATIC`. */
const word = (value: unknown): string => (text(value) ?? '').trim().toLowerCase();

function parseSource(value: unknown): Record<string, string> | null {
  const fields = record(value);
  if (fields === null) return null;
  const source: Record<string, string> = {};
  for (const [name, content] of Object.entries(fields).slice(0, MAX_SOURCE_FIELDS)) {
    const words = typeof content === 'number' || typeof content === 'boolean' ? String(content) : text(content);
    if (words !== null && name.length <= MAX_ID) source[name] = words;
  }
  return source;
}

function visitorSession(fields: Record<string, unknown>, sessionId: string): VisitorSession {
  const utm = record(fields['utm']) ?? {};
  return {
    id: sessionId,
    visitorId: text(fields['visitorId']),
    landingPage: text(fields['landingPage']),
    referrer: text(fields['referrer']),
    utm: {
      source: text(utm['source']),
      medium: text(utm['medium']),
      campaign: text(utm['campaign']),
      content: text(utm['content']),
      term: text(utm['term']),
    },
    keyword: text(fields['keyword']),
    gclid: text(fields['gclid']),
    yclid: text(fields['yclid']),
    gaClientId: text(fields['gaClientId']),
    ymClientId: text(fields['ymClientId']),
  };
}

/** An object, given as such or as JSON text. */
function record(value: unknown): Record<string, unknown> | null {
  const parsed = typeof value === 'string' ? parseJson(value) : value;
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return null;
  return parsed as Record<string, unknown>;
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null; // not JSON: for the callers here the same as "no object"
  }
}

/** Advertising ids are often numbers: a sender may not have quoted them. */
function text(value: unknown): string | null {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  return typeof value === 'string' && value !== '' ? value.slice(0, MAX_TEXT).toWellFormed() : null;
}

function identifier(value: unknown): string | null {
  const id = text(value);
  return id === null || id.length > MAX_ID ? null : id;
}

/** ms since the epoch, as a number or in digits; at most what a Date can hold. */
function moment(value: unknown): number | null {
  if (typeof value === 'string' && !/^\d{1,16}(\.\d+)?$/.test(value)) return null;
  const ms = typeof value === 'string' ? Number(value) : value;
  return typeof ms === 'number' && ms >= 0 && ms <= 8.64e15 ? ms : null;
}
