import { randomUUID } from 'node:crypto';
import { withDeadline } from '../../lib/deadline.js';
import { answerChallenge, type DigestAlgorithm } from '../../lib/digest.js';
import type { HeaderInit, SipResponse, SipStack } from '../sip/index.js';
import { formatHostPort, parseUri, SipRequest, transportOf } from '../sip/index.js';
import { PATIENCE_MS } from './latch.js';

export interface RegisterOptions {
  /** `sip:127.0.0.1:5060;transport=tcp` */
  registrar: string;
  credentials?: { username: string; password: string };
  /** Answers only a challenge of this algorithm; default: the first one it can. */
  algorithm?: DigestAlgorithm;
  /** Seconds; default 3600, 0 removes the binding. */
  expires?: number;
  /** Header value; default the phone's own address, '' for none (it then asks what is registered). */
  contact?: string;
  headers?: HeaderInit;
  /** Default: one higher than the last one. */
  cseq?: number;
}

const DEFAULT_EXPIRES_SECONDS = 3600;

/** A phone's registrations: all of them under one Call-ID, with rising CSeq (RFC 3261 10.2). */
export class Registration {
  readonly #callId = randomUUID();
  #cseq = 0;

  constructor(
    private readonly stack: SipStack,
    private readonly user: string,
  ) {}

  /** Sends REGISTER, answers one challenge; the last response. */
  async send(options: RegisterOptions): Promise<SipResponse> {
    const request = this.#build(options);
    const response = await this.#ask(request);
    const authorization = answerTo(response, request, options);
    if (authorization === undefined) return response;
    return await this.#ask(this.#build(options, authorization));
  }

  #build(options: RegisterOptions, authorization?: string): SipRequest {
    const { registrar, expires = DEFAULT_EXPIRES_SECONDS, contact, headers } = options;
    const parsed = parseUri(registrar);
    const protocol = (parsed && transportOf(parsed)) ?? 'udp';
    this.#cseq = options.cseq ?? this.#cseq + 1;
    const address = `<sip:${this.user}@${formatHostPort(parsed?.host ?? '', parsed?.port)}>`;
    return new SipRequest({
      method: 'REGISTER',
      uri: registrar,
      headers: {
        From: address,
        To: address,
        'Call-ID': this.#callId,
        CSeq: `${this.#cseq} REGISTER`,
        Contact: contact === '' ? undefined : (contact ?? this.stack.contact(protocol, this.user)),
        Expires: String(expires),
        Authorization: authorization,
        ...headers,
      },
    });
  }

  async #ask(request: SipRequest): Promise<SipResponse> {
    const transaction = this.stack.request(request);
    const answered = new Promise<SipResponse>((resolve) => {
      transaction.on('response', (response) => {
        if (response.status >= 200) resolve(response);
      });
    });
    return await withDeadline(answered, PATIENCE_MS, 'REGISTER');
  }
}

function answerTo(
  response: SipResponse,
  request: SipRequest,
  { credentials, algorithm }: RegisterOptions,
): string | undefined {
  if (response.status !== 401 || !credentials) return undefined;
  for (const challenge of response.headers.getAll('WWW-Authenticate')) {
    if (algorithm !== undefined && !challenge.includes(`algorithm=${algorithm}`)) continue;
    const answer = answerChallenge(challenge, 'REGISTER', request.uri, credentials);
    if (answer !== undefined) return answer;
  }
  return undefined;
}
