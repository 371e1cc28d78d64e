import { randomBytes } from 'node:crypto';
import type { HeaderInit } from './headers.js';
import type { SipRequest } from './message.js';
import { SipResponse } from './message.js';
import type { SipTimers } from './timers.js';
import type { Arrival, Hop } from './hop.js';
import type { SipTransport } from './transport.js';
import { formatNameAddr } from './uri.js';

export type TransactionState =
  'calling' | 'trying' | 'proceeding' | 'accepted' | 'completed' | 'confirmed' | 'terminated';

export interface ResponseOptions {
  reason?: string;
  headers?: HeaderInit;
  body?: string;
  /** Default `application/sdp` when there is a body. */
  contentType?: string;
  /** To-tag of a response that makes or stands in a dialog; a random one is put on others. */
  toTag?: string;
}

/** What a transaction needs of its surroundings. */
export interface TransactionContext {
  readonly transport: SipTransport;
  readonly timers: SipTimers;
  /** Server header for responses. */
  readonly userAgent: string | undefined;
}

/** 8.1.1.7: the cookie tells that the branch alone identifies the transaction. */
export const MAGIC_COOKIE = 'z9hG4bK';
export const newBranch = (): string => `${MAGIC_COOKIE}${randomBytes(9).toString('hex')}`;
export const newTag = (): string => randomBytes(6).toString('hex');

/** RFC 3261 8.2.6. `toTag` is put on when the request's To has none. */
export function buildResponse(
  request: SipRequest,
  status: number,
  options: ResponseOptions,
  toTag: string,
): SipResponse {
  const response = new SipResponse({ status, body: options.body ?? '', ...reasonOf(options) });
  const { headers } = response;
  for (const via of request.headers.getAll('Via')) headers.append('Via', via);
  // 12.1.1: whatever makes a dialog says by which proxies it goes.
  if (status > 100 && status < 300) {
    for (const route of request.headers.getAll('Record-Route')) headers.append('Record-Route', route);
  }
  for (const name of ['From', 'To', 'Call-ID', 'CSeq']) headers.append(name, request.headers.get(name) ?? '');
  const { to } = request;
  if (to && status > 100 && !to.params.has('tag')) {
    to.params.set('tag', options.toTag ?? toTag);
    headers.set('To', formatNameAddr(to));
  }
  if (response.body !== '') headers.append('Content-Type', options.contentType ?? 'application/sdp');
  return addHeaders(response, options.headers);
}

const reasonOf = ({ reason }: ResponseOptions): { reason?: string } => (reason === undefined ? {} : { reason });

function addHeaders(response: SipResponse, headers: HeaderInit | undefined): SipResponse {
  response.headers.merge(headers);
  return response;
}

/**
 * Where a response goes when it cannot go back by its connection (RFC 3261 18.2.2, RFC 3581 4): the address is the
 * source's always, the port is the source's if the other side asked for `rport`.
 */
export function responseHop(request: SipRequest, arrival: Arrival): Hop {
  const via = request.topVia;
  const port = via?.params.has('rport') === true ? arrival.port : (via?.port ?? 5060);
  return { protocol: arrival.protocol, address: arrival.address, port };
}
