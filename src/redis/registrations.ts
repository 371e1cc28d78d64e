import { randomBytes } from 'node:crypto';
import type { LineContact, LineContacts } from '../call/ports.js';
import type { LineRegistrations } from '../http/ports.js';
import { inBackground } from '../lib/background.js';
import type { FailureCounts } from '../lines/guard.js';
import { NONCE_LIFE_MS } from '../lines/nonce.js';
import {
  SILENCES_MAX,
  type BindResult,
  type Binding,
  type BindingChange,
  type FailureKeys,
  type KeepAliveStore,
  type RegistrationStore,
} from '../lines/ports.js';
import { rungAt } from '../lines/registration.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { asNumber, asTexts, inRows, loadScript, type ScriptCall } from './scripts.js';

/** A source or user whose last wrong password is so long ago begins anew. */
const FAILURES_LIFE_MS = 600_000;
/** Nonces may be used a little longer than they are fresh, by clocks that differ. */
const NONCE_COUNT_LIFE_MS = NONCE_LIFE_MS + 60_000;
const SECRET_BYTES = 32;

const bindScript = loadScript('bind-contacts');
const listScript = loadScript('list-contacts');
const claimScript = loadScript('claim-pings');
const noteScript = loadScript('note-ping');
const failureScript = loadScript('count-failure');

/** What stands in Redis for one contact. */
interface StoredContact {
  registered: string;
  uri: string;
  proxy: string | null;
  nat: boolean;
  edge: string;
  userAgent: string;
  callId: string;
  cseq: number;
  /** When it registered last, ms since the epoch by the gateway's clock. */
  at: number;
}

/**
 * Registered phones in Redis, so that any gateway can ring them, and what the registrar needs to know beside. While
 * Redis is away the phones that this process saw last are rung: a registration outlives most outages.
 */
export class RedisRegistrations implements RegistrationStore, KeepAliveStore, LineContacts {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #lastSeen = new Map<string, { atMs: number; bindings: Binding[] }>();
  #secret: Buffer | null = null;

  /** @param edge where our drachtio-server takes SIP; empty while that is not known */
  constructor(
    link: RedisLink,
    keys: Keys,
    private readonly edge: () => string = () => '',
  ) {
    this.#link = link;
    this.#keys = keys;
    link.on('up', () => inBackground(this.#agreeOnSecret()));
    if (link.ready) inBackground(this.#agreeOnSecret());
  }

  get nonceSecret(): Buffer | null {
    return this.#secret;
  }

  async bind(change: BindingChange): Promise<BindResult> {
    const { line, nonce } = change;
    const [kind, ...flat] = await this.#link.run({
      script: bindScript,
      keys: [...this.#contactKeys(line), this.#keys.lineNonce(line, nonce.value)],
      args: [nonce.count, NONCE_COUNT_LIFE_MS, change.maxContacts, change.callId, change.cseq, ...changesOf(change)],
      read: asTexts,
    });
    if (kind === 'replayed' || kind === 'out-of-order') return { kind };
    return { kind: 'bound', bindings: this.#remember(line, readBindings(flat)) };
  }

  async failures(keys: FailureKeys): Promise<FailureCounts> {
    const counts = await this.#link.pipeline((pipe) => {
      for (const key of this.#failureKeys(keys)) pipe.get(key);
    });
    const [pair = 0, source = 0, user = 0] = counts.map((count) => Number(count ?? 0));
    return { pair, source, user };
  }

  async countFailure(keys: FailureKeys): Promise<FailureCounts> {
    const calls = this.#failureKeys(keys).map((key) => ({
      script: failureScript,
      keys: [key],
      args: [FAILURES_LIFE_MS],
      read: asNumber,
    }));
    const [pair = 0, source = 0, user = 0] = await this.#link.runAll(calls);
    return { pair, source, user };
  }

  /**
   * Never rejects. One round trip. Phones that have stopped answering are rung only where there is no other, and so are
   * those that another drachtio-server alone gets through to: waiting for them costs seconds, mostly in vain.
   */
  async contactsOf(lineId: string): Promise<LineContact[]> {
    const bindings = await this.#list([lineId]).then(
      ([listed]) => listed ?? [],
      () => this.#seenLast(lineId),
    );
    const answering = bindings.filter(({ silences }) => silences < SILENCES_MAX);
    const here = this.edge();
    const reachable = answering.filter(({ nat, edge }) => !nat || here === '' || edge === here);
    const best = [reachable, answering, bindings].find(({ length }) => length > 0) ?? [];
    return best.map(({ uri, proxy }) => ({ uri, proxy }));
  }

  /** One round trip for all of `lineIds`. Rejects with GW_ERR_REDIS_AWAY. */
  async registrations(lineIds: readonly string[]): Promise<Map<string, LineRegistrations>> {
    const listed = await this.#list(lineIds);
    return new Map(lineIds.map((line, i) => [line, describe(listed[i] ?? [])]));
  }

  async claimPings(
    lines: readonly string[],
    edge: string,
    nextInMs: number,
  ): Promise<{ line: string; binding: Binding }[]> {
    const claimed = await this.#link.runAll(
      lines.map((line) => ({
        script: claimScript,
        keys: [...this.#contactKeys(line), this.#keys.linePings(line)],
        args: [edge, nextInMs],
        read: (reply: unknown) => readBindings(asTexts(reply)),
      })),
    );
    return claimed.flatMap((bindings, i) => bindings.map((binding) => ({ line: lines[i] ?? '', binding })));
  }

  notePing(line: string, key: string, answered: boolean): Promise<number> {
    return this.#link.run({
      script: noteScript,
      keys: [this.#keys.lineExpiry(line), this.#keys.lineSilences(line)],
      args: [key, answered ? 1 : 0],
      read: asNumber,
    });
  }

  async #list(lines: readonly string[]): Promise<Binding[][]> {
    const calls = lines.map((line): ScriptCall<Binding[]> => ({
      script: listScript,
      keys: this.#contactKeys(line),
      args: [],
      read: (reply) => readBindings(asTexts(reply)),
    }));
    const listed = await this.#link.runAll(calls);
    listed.forEach((bindings, i) => this.#remember(lines[i] ?? '', bindings));
    return listed;
  }

  #remember(line: string, bindings: Binding[]): Binding[] {
    if (bindings.length === 0) this.#lastSeen.delete(line);
    else this.#lastSeen.set(line, { atMs: performance.now(), bindings });
    return bindings;
  }

  #seenLast(line: string): Binding[] {
    const seen = this.#lastSeen.get(line);
    if (!seen) return [];
    const elapsedMs = performance.now() - seen.atMs;
    return seen.bindings.filter(({ expiresInMs }) => expiresInMs > elapsedMs);
  }

  #contactKeys(line: string): string[] {
    return [this.#keys.lineContacts(line), this.#keys.lineExpiry(line), this.#keys.lineSilences(line)];
  }

  #failureKeys({ source, user }: FailureKeys): string[] {
    return [`pair ${source} ${user}`, `source ${source}`, `user ${user}`].map(this.#keys.registerFailures);
  }

  /** Whoever is first gives the secret. Ours is offered again after a server that has lost everything is back. */
  async #agreeOnSecret(): Promise<void> {
    const ours = this.#secret ?? randomBytes(SECRET_BYTES);
    try {
      const key = this.#keys.nonceSecret();
      const [, secret] = await this.#link.pipelineSettled((pipe) => {
        pipe.setnx(key, ours.toString('hex'));
        pipe.get(key);
      });
      if (typeof secret === 'string' && secret !== '') this.#secret = Buffer.from(secret, 'hex');
    } catch {
      // The link comes up again, and we with it.
    }
  }
}

function changesOf({ bindings, callId, cseq, userAgent, edge }: BindingChange): (string | number)[] {
  if (bindings === 'clear') return ['clear'];
  const at = Date.now();
  const changes = bindings.flatMap(({ key, registered, contact, expiresMs }) => {
    const stored: StoredContact = { registered, ...contact, edge, userAgent, callId, cseq, at };
    // One that only this drachtio-server gets through to stands beside what the same phone has registered with others.
    const keyHere = `${key} ${edge}`;
    const [own, former] = contact.nat ? [keyHere, key] : [key, keyHere];
    return [former, 0, '', own, expiresMs, JSON.stringify(stored)];
  });
  return ['update', ...changes];
}

function readBindings(flat: string[]): Binding[] {
  return inRows(flat, 4).map(([key = '', expiresInMs, contact = '', silences]) => {
    const { registered, uri, proxy, nat, edge, userAgent } = JSON.parse(contact) as StoredContact;
    const counts = { silences: asNumber(silences), expiresInMs: asNumber(expiresInMs) };
    return { key, registered, uri, proxy, nat, edge, userAgent, ...counts };
  });
}

function describe(bindings: Binding[]): LineRegistrations {
  const now = Date.now();
  const ends = (ms: number): string => new Date(now + ms).toISOString();
  const lastMs = Math.max(...bindings.map(({ expiresInMs }) => expiresInMs));
  return {
    contacts: bindings.length,
    unreachable: bindings.filter(({ silences }) => silences >= SILENCES_MAX).length,
    userAgents: [...new Set(bindings.map(({ userAgent }) => userAgent).filter((name) => name !== ''))],
    expiresAt: bindings.length === 0 ? null : ends(lastMs),
    phones: bindings.flatMap((binding) => {
      const { userAgent, silences, expiresInMs } = binding;
      const at = rungAt(binding);
      const unreachable = silences >= SILENCES_MAX;
      return at ? [{ ...at, userAgent, unreachable, expiresAt: ends(expiresInMs) }] : [];
    }),
  };
}
