import type {
  AdmissionAnswer,
  AdmissionQuery,
  Admissions,
  Holder,
  LookedUp,
  LookedUpCaller,
  ScreeningNeeds,
  TrackingNumber,
} from '../call/ports.js';
import { inBackground } from '../lib/background.js';
import { grantsOf, reserveCalls, type Granted, type RedisChannels, type ScarcityWatch } from './channels.js';
import { historyCall, pastCall, rangeCall, type CallerPast, type CallerReply } from './callers.js';
import type { RedisLink } from './connection.js';
import { isInSeconds, numberIsOdd, parseHolder, parseHolderJson, parseNumber } from './holders.js';
import type { Keys } from './keys.js';
import { asArray, asNumber, asStrings, loadScript, type ScriptCall } from './scripts.js';

/** Enough for the "returning" and "ambiguous" verdicts; a busy number has one new holder a few minutes. */
export const MAX_HOLDERS = 20;
/** Rubbish among the holders must not push out the good ones, so more are read than are kept. */
const MAX_HOLDERS_READ = 40;
/** A visitor session is one to two kB; what is longer was not written by a number pool. */
const MAX_VALUE_BYTES = 32_768;

const numberScript = loadScript('admit-number');

/**
 * A lease that stands there has begun, whatever its writer's clock says: taken where it begins in the future by no more
 * than this. Clocks that are set by NTP differ by milliseconds.
 */
const MAX_CLOCK_SKEW_MS = 60_000;

/**
 * Which of the contract keys of a number held something that cannot be used, and how many pieces of it. `foreign`:
 * leases of another site, whose visitors are nobody else's business. `skew`: a lease that begins in the future.
 */
export interface Rubbish {
  number: string;
  kind: 'number' | 'lease' | 'holders' | 'oversized' | 'foreign' | 'skew';
  count: number;
}

interface AdmissionsHooks {
  /** Outsiders wrote what cannot be read; it was passed over. Called per admission. */
  onRubbish?: (rubbish: Rubbish) => void;
  /** What the sites' rules against spam want to know; nothing when left out. */
  screening?: () => ScreeningNeeds;
  /** As for `RedisChannels`: the inbound trunk's limit may be the scarce one. */
  scarcity?: ScarcityWatch;
}

/** Everything about a number at one moment, before it is judged. */
interface NumberReply {
  number: { state: string; fields: Record<string, unknown> };
  lease: { state: string; fields: Record<string, unknown> };
  holders: { state: string; members: string[] };
  oversized: number;
}

/** Where the channels of this process are kept. */
type ChannelBook = Pick<RedisChannels, 'held' | 'keep'>;

/**
 * Admission (`Admissions` of call/ports.ts): one pipeline of scripts, each in the hash tag of what it reads: the number,
 * the trunk's channels, the caller.
 */
export class RedisAdmissions implements Admissions {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #channels: ChannelBook;
  readonly #hooks: AdmissionsHooks;

  /** @param channels the channels taken by an admission are this process's like any other */
  constructor(link: RedisLink, keys: Keys, channels: ChannelBook, hooks: AdmissionsHooks = {}) {
    this.#link = link;
    this.#keys = keys;
    this.#channels = channels;
    this.#hooks = hooks;
  }

  async admit(query: AdmissionQuery): Promise<AdmissionAnswer> {
    const { inbound, callerNumber } = query;
    const { ttlMs } = this.#channels.held;
    const number = this.#numberCall(query.trackingNumber, query.at);
    const { scarcity } = this.#hooks;
    const channels = reserveCalls(this.#keys, inbound, ttlMs, scarcity);
    const { recentCalls, rangeWindows } = this.#hooks.screening?.() ?? { recentCalls: 0, rangeWindows: [] };
    const histories = callerNumber === null ? [] : [historyCall(this.#keys, query, callerNumber, recentCalls)];
    const ranges =
      callerNumber === null || rangeWindows.length === 0
        ? []
        : [rangeCall(this.#keys, query, callerNumber, rangeWindows)];
    const answer = this.#link.runAll<[ScriptCall<NumberReply>, ...ScriptCall<Granted[] | CallerReply | number[]>[]]>([
      number,
      ...channels,
      ...histories,
      ...ranges,
    ]);
    this.#link.hurry();
    const [reply, ...rest] = await answer;
    const grants = grantsOf(inbound, rest.slice(0, channels.length) as Granted[][]);
    const caller = rest[channels.length] as CallerReply | undefined;
    const counts = rest[channels.length + 1] as number[] | undefined;
    // The answer does not wait for what has to be given back.
    inBackground(this.#channels.keep(inbound, grants));
    const { number: known, lease, holders } = this.#judge(query.trackingNumber, query.at, reply, MAX_CLOCK_SKEW_MS);
    return {
      number: known,
      lease,
      holders: withLease(holders, lease),
      history: known ? (caller?.ofSite(known.site) ?? null) : null,
      rangeCalls: new Map(counts?.map((count, i) => [rangeWindows[i] ?? 0, count])),
      channels: grants,
    };
  }

  async lookUp(trackingNumber: string, at: number, caller: LookedUpCaller | null = null): Promise<LookedUp> {
    const past = caller === null ? [] : [pastCall(this.#keys, caller.number)];
    const [reply, ...pasts] = await this.#link.runAll<[ScriptCall<NumberReply>, ...ScriptCall<CallerPast>[]]>([
      this.#numberCall(trackingNumber, at),
      ...past,
    ]);
    const { number, lease, holders } = this.#judge(trackingNumber, at, reply);
    // The lease of that moment may have ended since; then it stands among the holders only.
    const then = lease ?? holders.find((holder) => covers(holder, at)) ?? null;
    const history = number && caller ? (pasts[0]?.before({ ...caller, at }, number.site) ?? null) : null;
    return { number, lease: then, holders: withLease(holders, then), history };
  }

  #numberCall(number: string, at: number): ScriptCall<NumberReply> {
    return {
      script: numberScript,
      keys: [this.#keys.number(number), this.#keys.lease(number), this.#keys.holders(number)],
      args: [at, MAX_HOLDERS_READ, MAX_VALUE_BYTES],
      read: readNumberReply,
    };
  }

  #judge(
    name: string,
    at: number,
    reply: NumberReply,
    skewMs = 0,
  ): { number: TrackingNumber | null; lease: Holder | null; holders: Holder[] } {
    const number = reply.number.state === 'ok' ? parseNumber(name, reply.number.fields) : null;
    const present = reply.lease.state === 'ok' ? parseHolder(reply.lease.fields) : null;
    const parsed = reply.holders.members.map(parseHolderJson);
    const readable = parsed.filter((holder) => holder !== null);
    const isOurs = ({ site }: Holder): boolean => number === null || site === number.site;
    const holders = readable.filter(isOurs);
    const ours = present && isOurs(present) ? present : null;
    const ahead = ours !== null && ours.leasedAt > at && ours.leasedAt <= at + skewMs;
    const lease = ours && (ahead || covers(ours, at)) ? ours : null;

    const oddNumber = reply.number.state !== 'none' && (number === null || numberIsOdd(reply.number.fields));
    const badHolders = parsed.length - readable.length + (reply.holders.state === 'rubbish' ? 1 : 0);
    this.#tell(name, 'number', oddNumber ? 1 : 0);
    this.#tell(name, 'lease', reply.lease.state !== 'none' && (present === null || isInSeconds(present)) ? 1 : 0);
    this.#tell(name, 'holders', badHolders);
    this.#tell(name, 'oversized', reply.oversized);
    this.#tell(name, 'foreign', readable.length - holders.length + (present && !ours ? 1 : 0));
    this.#tell(name, 'skew', ahead ? 1 : 0);
    return { number, lease, holders: distinct(holders) };
  }

  #tell(number: string, kind: Rubbish['kind'], count: number): void {
    if (count > 0) this.#hooks.onRubbish?.({ number, kind, count });
  }
}

const covers = (holder: Holder, at: number): boolean => holder.leasedAt <= at && at < holder.expiresAt;

/** One entry a lease, with its latest end (an extended lease may stand there twice), most recent first. */
function distinct(holders: Holder[]): Holder[] {
  const byLease = new Map<string, Holder>();
  for (const holder of holders) {
    const known = byLease.get(holder.leaseId);
    if (!known || known.expiresAt < holder.expiresAt) byLease.set(holder.leaseId, holder);
  }
  return [...byLease.values()].sort((a, b) => b.leasedAt - a.leasedAt).slice(0, MAX_HOLDERS);
}

/** A number pool that keeps no history still has its present holder. */
function withLease(holders: Holder[], lease: Holder | null): Holder[] {
  if (lease === null || holders.some(({ leaseId }) => leaseId === lease.leaseId)) return holders;
  return [lease, ...holders].slice(0, MAX_HOLDERS);
}

const NUMBER_FIELDS = ['site', 'kind', 'route', 'source', 'enabled'];
const LEASE_FIELDS = ['leaseId', 'sessionId', 'site', 'leasedAt', 'expiresAt', 'session'];

function readNumberReply(reply: unknown): NumberReply {
  const [number, lease, holders, oversized] = asArray(reply);
  const [holdersState, ...members] = asStrings(holders);
  return {
    number: readHash(number, NUMBER_FIELDS),
    lease: readHash(lease, LEASE_FIELDS),
    holders: { state: holdersState ?? 'none', members: members.filter((member) => member !== null) },
    oversized: asNumber(oversized),
  };
}

function readHash(reply: unknown, names: string[]): { state: string; fields: Record<string, unknown> } {
  const [state, ...values] = asStrings(reply);
  const fields: Record<string, unknown> = {};
  for (const [i, name] of names.entries()) if (typeof values[i] === 'string') fields[name] = values[i];
  return { state: state ?? 'none', fields };
}
