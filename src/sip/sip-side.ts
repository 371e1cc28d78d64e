import type { Logger } from 'pino';
import type Srf from 'drachtio-srf';
import type { OpenInvite } from '../call/call.js';
import type { IncomingInvite, InviteRequest, OutgoingInvite, SipSide } from '../call/sip-ports.js';
import { inBackground } from '../lib/background.js';
import { toError, withDeadline } from '../lib/deadline.js';
import { ALLOWED_METHODS } from './dialog-leg.js';
import { SrfIncomingInvite } from './incoming.js';
import type { RegisterAnswer } from '../lines/registrar.js';
import type { RegisterRequest } from '../lines/registration.js';
import { DrachtioLink, refuseByTransaction, rememberInvite, type LinkOptions } from './link.js';
import type { OverNewLink } from './open-invite.js';
import { SrfOutgoingInvite } from './outgoing.js';
import { requestOutside } from './outside-request.js';
import { serveRegister } from './registrar.js';
import { SrfRegistration } from './registration.js';
import type { CarrierRegistration, RegisterSettings } from '../trunks/carriers/ports.js';
import { tagOf } from './tag.js';

const FOREIGN_REQUEST_TIMEOUT_MS = 5000;
/** As long as a BYE may take (timer F): drachtio-server that is away for longer has been started anew, and knows nothing. */
const NEXT_LINK_TIMEOUT_MS = 32_500;
const REGISTER_TIMEOUT_MS = 10_000;
/** Shorter than RFC 3261's 32 s: who has not answered by then is not there for a caller either. */
const PING_TIMEOUT_MS = 5000;
/** What a proxy in between says of a phone that it does not reach. */
const NOT_THERE = new Set([408, 503]);
const OPTIONS_HEADERS: Readonly<Record<number, Record<string, string>>> = {
  200: { Accept: 'application/sdp', Allow: ALLOWED_METHODS },
  503: { 'Retry-After': '10' },
};

const sourceOf = ({ source_address: address, protocol }: Srf.SrfRequest) => ({ address, protocol });

export interface SipSideHandlers {
  /** Every INVITE outside a dialog; must answer it, whatever happens. */
  onInvite: (invite: IncomingInvite) => void;
  /** What OPTIONS from there is answered with: 200, 503 while we cannot take calls, 403 to who is no carrier. */
  optionsStatus: (source: { address: string; protocol: string }) => number;
  /** The connection to drachtio-server broke: nothing is heard any more of dialogs that are up. */
  onLinkLost: () => void;
  /** A phone registers, or someone tries to. */
  onRegister: (request: RegisterRequest) => Promise<RegisterAnswer>;
}

/** SIP through drachtio-server: the one place where its requests become ours. */
export class DrachtioSipSide implements SipSide {
  readonly #link: DrachtioLink;
  readonly #pending = new Set<SrfOutgoingInvite>();
  readonly #registrations = new Set<SrfRegistration>();
  /** INVITEs without a final answer, by what is the same in every copy of one. */
  readonly #waiting = new Map<string, Srf.SrfRequest>();
  /** What to say once more over the next link, of all that drachtio-server has not confirmed over this one. */
  readonly #unconfirmed = new Set<() => void>();
  readonly #logger: Logger;
  readonly #overNewLink: OverNewLink = {
    bye: async (dialogId) => {
      await this.endForeignDialog(dialogId);
    },
    endInvite: (invite, status) => inBackground(this.endForeignInvite(invite, status)),
    unlessConfirmed: (again) => {
      this.#unconfirmed.add(again);
      return () => this.#unconfirmed.delete(again);
    },
  };

  constructor(options: LinkOptions, handlers: SipSideHandlers) {
    this.#logger = options.logger;
    this.#link = new DrachtioLink(options, {
      onInvite: (request, response) => this.#invited(request, response, handlers),
      onOptions: (request, response) => {
        const status = handlers.optionsStatus(sourceOf(request));
        response.send(status, { headers: OPTIONS_HEADERS[status] ?? {} });
      },
      onRegister: (request, response) =>
        inBackground(serveRegister(request, response, handlers.onRegister, this.#logger)),
      onUnserved: (request, response) => this.#refuseUnserved(request, response, handlers),
      onUp: () => {
        for (const registration of this.#registrations) registration.register();
      },
      onDown: () => {
        for (const invite of this.#pending) invite.linkLost();
        this.#pending.clear();
        for (const again of this.#unconfirmed) again();
        this.#unconfirmed.clear();
        this.#waiting.clear();
        handlers.onLinkLost();
      },
    });
  }

  get up(): boolean {
    return this.#link.up;
  }

  /** `udp/10.0.0.1:5060` …: where drachtio takes SIP; empty before the first connection. */
  get addresses(): readonly string[] {
    return this.#link.sipAddresses;
  }

  /** A dialog lives in the drachtio-server, which is known by where it takes SIP: two of them never take it at one place. */
  get edge(): string {
    return [...this.addresses].sort().join(',');
  }

  /** OPTIONS to a phone: whether it is there; null where the link to drachtio broke meanwhile. Never rejects. */
  async isThere({ uri, proxy }: { uri: string; proxy: string | null }): Promise<boolean | null> {
    const options = { uri, method: 'OPTIONS', ...(proxy === null ? {} : { proxy }) };
    return requestOutside(this.#link, options, PING_TIMEOUT_MS).then(
      (response) => response !== null && !NOT_THERE.has(response.status),
      () => null,
    );
  }

  /**
   * srf's own `createUAC`, for fsmrf, which sets up its endpoints through drachtio too: always on the live link. fsmrf
   * hangs up without looking what comes of it, and a dialog that has gone already rejects that: nobody's rejection would
   * end the process.
   */
  async createUac(...args: unknown[]): Promise<Srf.AwaitedDialog> {
    const { srf } = this.#link;
    const dialog = await (srf.createUAC as (...args: unknown[]) => Promise<Srf.AwaitedDialog>).apply(srf, args);
    const destroy = dialog.destroy.bind(dialog);
    dialog.destroy = () => {
      const gone = destroy();
      gone.catch(() => undefined); // who looks hears of it all the same
      return gone;
    };
    return dialog;
  }

  start(): void {
    this.#link.start();
  }

  stop(): void {
    this.#link.stop();
  }

  invite(request: InviteRequest): OutgoingInvite {
    const invite = new SrfOutgoingInvite(this.#link.srf, this.#overNewLink, request);
    this.#pending.add(invite);
    // Not by its outcome: one that was given up may still ring, and its CANCEL be lost with the link.
    inBackground(invite.gone.then(() => this.#pending.delete(invite)));
    return invite;
  }

  async options(uri: string, timeoutMs: number): Promise<number | null> {
    const response = await requestOutside(this.#link, { uri, method: 'OPTIONS' }, timeoutMs);
    return response?.status ?? null;
  }

  /** Registers with a carrier, now or as soon as the link is up, and keeps the registration until it is stopped. */
  register(settings: RegisterSettings, onChange: () => void): CarrierRegistration {
    const send = (uri: string, headers: Record<string, string>) =>
      requestOutside(this.#link, { uri, method: 'REGISTER', headers }, REGISTER_TIMEOUT_MS);
    const registration = new SrfRegistration(settings, send, onChange);
    this.#registrations.add(registration);
    if (this.#link.up) registration.register();
    return {
      get state() {
        return registration.state;
      },
      stop: async () => {
        this.#registrations.delete(registration);
        // After a reload that changed its password, say, another one has registered the same contact: the carrier would forget that.
        const another = [...this.#registrations].some(({ binding }) => binding === registration.binding);
        await registration.stop(!another);
      },
    };
  }

  endForeignDialog(dialogId: string): Promise<boolean> {
    return this.#overLink('dialog', (srf, sent) => {
      srf.request({ uri: 'sip:placeholder', method: 'BYE', stackDialogId: dialogId }, sent);
    });
  }

  async endForeignInvite({ direction, id, dialog }: OpenInvite, status: number): Promise<void> {
    await this.#overLink('INVITE', (srf, sent) => {
      if (direction === 'out') srf.request({ uri: 'sip:placeholder', method: 'CANCEL', stackTxnId: id }, sent);
      else refuseByTransaction(srf, id, status, sent);
    });
    await this.endForeignDialog(dialog);
  }

  /**
   * By its id alone, of whatever link or gateway it was: over this link, or the next one where there is none.
   * @returns false where drachtio-server knew nothing of it
   */
  async #overLink(what: string, send: (srf: Srf, sent: (error: Error | null) => void) => void): Promise<boolean> {
    try {
      const srf = await withDeadline(this.#link.next(), NEXT_LINK_TIMEOUT_MS, 'link to drachtio-server');
      const sent = new Promise<void>((resolve, reject) => {
        send(srf, (error) => {
          if (error) reject(error);
          else resolve();
        });
      });
      await withDeadline(sent, FOREIGN_REQUEST_TIMEOUT_MS, 'drachtio-server');
      return true;
    } catch (error) {
      // drachtio may have lost it with a restart of its own: then there is nobody left to tell.
      this.#logger.info({ err: toError(error), what }, 'what another link had begun was gone already');
      return false;
    }
  }

  /** Strangers learn nothing; a dialog that we do not know is gone (RFC 3261 12.2.2); the rest is not served here. */
  #refuseUnserved(request: Srf.SrfRequest, response: Srf.SrfResponse, handlers: SipSideHandlers): void {
    if (handlers.optionsStatus(sourceOf(request)) === 403) response.send(403);
    else if (tagOf(request.get('To')) !== '') response.send(481);
    else response.send(405, { headers: { Allow: ALLOWED_METHODS } });
  }

  /**
   * The same INVITE by two ways, as from a carrier that forks to two of its edges (RFC 3261 8.2.2.2): the business would be rung twice,
   * and a CANCEL of either be taken for that of the second, since srf goes by the Call-ID.
   */
  #refuseMerged(request: Srf.SrfRequest, response: Srf.SrfResponse): boolean {
    const key = `${request.get('Call-ID') ?? ''} ${tagOf(request.get('From'))} ${request.get('CSeq') ?? ''}`;
    const first = this.#waiting.get(key);
    if (first) {
      response.send(482);
      rememberInvite(this.#link.srf, first);
      return true;
    }
    this.#waiting.set(key, request);
    const over = (): void => {
      if (this.#waiting.get(key) === request) this.#waiting.delete(key);
    };
    request.on('cancel', over);
    response.on('end', over);
    return false;
  }

  #invited(request: Srf.SrfRequest, response: Srf.SrfResponse, handlers: SipSideHandlers): void {
    try {
      const invite = new SrfIncomingInvite(this.#link.srf, request, response, this.#overNewLink);
      if (!invite.answerable || !this.#refuseMerged(request, response)) handlers.onInvite(invite);
    } catch (error) {
      this.#logger.error({ err: error, sipCallId: request.get('Call-ID') }, 'could not take an INVITE');
      if (!response.finalResponseSent) response.send(500);
    }
  }
}
