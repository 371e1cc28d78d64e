import { onTestFinished } from 'vitest';
import type { DigestAlgorithm } from '../../src/lib/digest.js';
import { DigestVerifier, SipStack, type ServerTransaction } from '../../src/sandbox/sip/index.js';
import { selfSigned } from './tls.js';

/** What a carrier's gateway does with OPTIONS and INVITE: a final status, or nothing at all. */
export type Behaviour = number | 'silent';

export interface CarrierOptions {
  /** Wants a REGISTER with these. */
  account?: { username: string; password: string; algorithm?: DigestAlgorithm };
  /** Seconds. */
  minExpires?: number;
  /** A proxy before it asks for the account too. */
  proxy?: boolean;
  grants?: number;
  /** Takes SIP at 5061 over TLS; `uri` says so. */
  tls?: boolean;
}

/** A carrier's gateway on an address of its own: answers OPTIONS, refuses INVITEs, takes registrations. */
export class Carrier {
  options: Behaviour = 200;
  invites: Behaviour = 480;
  /** What it answers REGISTER with, whoever asks; null: as `account` and the others say. */
  registrations: number | null = null;
  /** Put on every refusal. */
  headers: Record<string, string> = {};
  readonly asked: Record<'OPTIONS' | 'INVITE', ServerTransaction['request'][]> = { OPTIONS: [], INVITE: [] };
  /** Expiries of the registrations taken, in order; 0 took one back. */
  readonly registered: number[] = [];
  readonly registers: ServerTransaction['request'][] = [];
  readonly #verifier: DigestVerifier;

  private constructor(
    readonly stack: SipStack,
    private readonly settings: CarrierOptions,
  ) {
    const { account } = settings;
    this.#verifier = new DigestVerifier(
      'carrier',
      (name) => (name === account?.username ? account.password : undefined),
      account?.algorithm,
    );
    stack.on('request', (transaction) => this.#serve(transaction));
    stack.on('invite', ({ transaction }) => this.#answer('INVITE', transaction, this.invites));
  }

  static async open(host: string, settings: CarrierOptions = {}): Promise<Carrier> {
    const tls = settings.tls ? { tls: { ...selfSigned(), port: 5061 } } : {};
    const carrier = new Carrier(await SipStack.listen({ host, port: 5060, ...tls }), settings);
    onTestFinished(() => carrier.stack.close());
    return carrier;
  }

  get uri(): string {
    const { host, port, transport } = this.stack;
    return this.settings.tls ? `sip:${host}:${transport.portOf('tls')};transport=tls` : `sip:${host}:${port}`;
  }

  #serve(transaction: ServerTransaction): void {
    const { method } = transaction.request;
    if (method === 'OPTIONS') this.#answer('OPTIONS', transaction, this.options);
    else if (method === 'REGISTER') this.#register(transaction);
    else transaction.respond(405);
  }

  #answer(method: 'OPTIONS' | 'INVITE', transaction: ServerTransaction, behaviour: Behaviour): void {
    this.asked[method].push(transaction.request);
    if (behaviour !== 'silent') transaction.respond(behaviour, { headers: this.headers });
  }

  #register(transaction: ServerTransaction): void {
    const { request } = transaction;
    this.registers.push(request);
    if (this.registrations !== null) {
      transaction.respond(this.registrations, { headers: this.headers });
      return;
    }
    const toProxy = request.headers.get('Proxy-Authorization') ?? '';
    if (this.settings.proxy && this.#verifier.verify(toProxy, 'REGISTER') !== 'ok') {
      transaction.respond(407, { headers: { 'Proxy-Authenticate': this.#verifier.challenge() } });
      return;
    }
    const credentials = request.headers.get('Authorization');
    const verdict = credentials === undefined ? 'none' : this.#verifier.verify(credentials, 'REGISTER');
    if (verdict !== 'ok') {
      transaction.respond(401, { headers: { 'WWW-Authenticate': this.#verifier.challenge(verdict === 'stale') } });
      return;
    }
    const asked = Number(request.headers.get('Expires'));
    const { minExpires = 0, grants = asked } = this.settings;
    if (asked > 0 && asked < minExpires) {
      transaction.respond(423, { headers: { 'Min-Expires': String(minExpires) } });
      return;
    }
    const granted = asked === 0 ? 0 : grants;
    this.registered.push(granted);
    const contact = `${request.headers.get('Contact') ?? ''};expires=${granted}`;
    transaction.respond(200, { headers: asked === 0 ? {} : { Contact: contact } });
  }
}
