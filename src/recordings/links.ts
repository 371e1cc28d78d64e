import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { RECORDING_FORMATS } from '../config/parts/recordings.js';
import { GatewayError } from '../lib/errors.js';
import { CALL_ID } from './names.js';

/**
 * Links to one recording for who has no key: `/r/<what it is for>.<HMAC-SHA256 of that>`, both base64url. Whoever holds
 * the secret of its id can tell what is ours and unchanged; nothing about it is stored, except that a one-time link has
 * been used.
 */
const payloadSchema = z.object({
  /** Id of the secret. */
  k: z.string().regex(/^\d{1,15}$/),
  /** Call. */
  c: z.string().regex(CALL_ID),
  /** End, ms since the epoch. */
  e: z.int().positive(),
  /** Names the link; random. */
  n: z.string().regex(/^[\w-]{16}$/),
  /** Once only. */
  o: z.boolean().optional(),
  /** File name for a download. */
  d: z.string().max(150).optional(),
  f: z.enum(RECORDING_FORMATS).optional(),
});
type Payload = z.output<typeof payloadSchema>;

export interface SharedLink {
  id: string;
  callId: string;
  expiresAt: number;
  oneTime: boolean;
  downloadName: string | null;
  format: (typeof RECORDING_FORMATS)[number] | null;
}

export interface LinkSecret {
  id: string;
  secret: string;
}

/** A new link, and its address under `publicUrl`. */
export function makeLink(
  about: Omit<SharedLink, 'id'>,
  secret: LinkSecret,
  publicUrl: string,
): { id: string; url: string } {
  const id = randomBytes(12).toString('base64url');
  return { id, url: `${publicUrl.replace(/\/+$/, '')}/r/${signLink({ ...about, id }, secret)}` };
}

export function signLink(link: SharedLink, { id, secret }: LinkSecret): string {
  const payload: Payload = {
    k: id,
    c: link.callId,
    e: link.expiresAt,
    n: link.id,
    ...(link.oneTime && { o: true }),
    ...(link.downloadName !== null && { d: link.downloadName }),
    ...(link.format !== null && { f: link.format }),
  };
  const text = Buffer.from(JSON.stringify(payload)).toString('base64url');
  return `${text}.${digestOf(text, secret)}`;
}

/**
 * @param secretOf the secret of this id; null where there is none (any more)
 * @throws GatewayError GW_ERR_LINK_INVALID for what is not ours, whatever it leads to; GW_ERR_LINK_ENDED
 */
export async function readLink(
  token: string,
  secretOf: (id: string) => Promise<string | null>,
  now: number,
): Promise<SharedLink> {
  const payload = readPayload(token);
  const secret = payload && (await secretOf(payload.k));
  const [text = '', digest = ''] = token.split('.');
  if (!payload || secret === null || !isSame(digest, digestOf(text, secret)))
    throw new GatewayError('GW_ERR_LINK_INVALID', 'this link is not one of ours, or was altered');
  if (payload.e <= now) throw new GatewayError('GW_ERR_LINK_ENDED', 'this link has expired');
  return {
    id: payload.n,
    callId: payload.c,
    expiresAt: payload.e,
    oneTime: payload.o ?? false,
    downloadName: payload.d ?? null,
    format: payload.f ?? null,
  };
}

function readPayload(token: string): Payload | null {
  const [, text] = /^([\w-]{1,1000})\.[\w-]{43}$/.exec(token) ?? [];
  if (text === undefined) return null;
  try {
    return payloadSchema.safeParse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))).data ?? null;
  } catch {
    return null;
  }
}

function digestOf(text: string, secret: string): string {
  return createHmac('sha256', Buffer.from(secret, 'hex')).update(text).digest('base64url');
}

/** As texts, so that no other spelling of the same bytes passes. */
function isSame(given: string, right: string): boolean {
  return given.length === right.length && timingSafeEqual(Buffer.from(given), Buffer.from(right));
}
