import type { HeldChannel } from '../call/call.js';
import type { ChannelGrant, ChannelRequest, Channels } from '../call/ports.js';
import { GatewayError } from '../lib/errors.js';
import type { RedisLink } from './connection.js';
import { HeldTokens } from './held-tokens.js';
import { type Keys, numberOf } from './keys.js';
import { asArray, asNumber, loadScript, type Script, type ScriptCall } from './scripts.js';

/** A channel frees itself this long after its last renewal; three renewals (one each 4 s) may be missed. */
const CHANNEL_TTL_MS = 12_000;

const reserveScript = loadScript('reserve-channels');
const releaseScript = loadScript('release-channels');
const renewScript = loadScript('renew-channels');
const watchScript = loadScript('watch-channel');
const countScript = loadScript('count-channels');
const numberCallsScript = loadScript('note-number-calls');

/** What goes along with every change of a limit's use: whether it became scarce, and who is to hear of it. */
export interface ScarcityWatch {
  /** Share of a limit that counts as high, as configured now. */
  high: () => number;
  /** The level of this resource has changed and is still to be told; said again until it is. */
  onUntold: (resource: string) => void;
}

const NOBODY_WATCHES: ScarcityWatch = { high: () => 1, onUntold: () => undefined };

interface ChannelsHooks {
  /** Redis went away (true) or came back (false): limits now hold for this process alone, or for all again. Once each. */
  onFallback?: (fallback: boolean) => void;
  scarcity?: ScarcityWatch;
}

/** What was asked for, with its answer. */
export type Granted = readonly [ChannelRequest, ChannelGrant];

/**
 * Takes channels, all that have a limit in one script: all of them or none. Used on its own here and as part of the
 * admission's round trip; `grantsOf` puts the replies together.
 */
export function reserveCalls(
  keys: Keys,
  requests: readonly ChannelRequest[],
  ttlMs: number,
  watch: ScarcityWatch = NOBODY_WATCHES,
): ScriptCall<Granted[]>[] {
  const limits = requests.filter(({ resource }) => numberOf(resource) === null);
  const numbers = requests.filter(({ resource }) => numberOf(resource) !== null);
  return [
    ...(limits.length === 0 ? [] : [limitsCall(keys, limits, ttlMs, watch)]),
    ...numbers.map((request): ScriptCall<Granted[]> => {
      const call = numberCalls(keys, request.resource, ttlMs, [request.token]);
      return { ...call, read: (reply) => [[request, { granted: true, inUse: asNumber(reply), limit: null }]] };
    }),
  ];
}

function limitsCall(
  keys: Keys,
  requests: ChannelRequest[],
  ttlMs: number,
  watch: ScarcityWatch,
): ScriptCall<Granted[]> {
  return {
    script: reserveScript,
    keys: requests.flatMap(({ resource }) => ledgerKeys(keys, resource)),
    args: [
      ttlMs,
      watch.high(),
      ...requests.flatMap(({ resource, token, limit }) => [keys.channelDays(resource), token, limit ?? -1]),
    ],
    read: (reply) => {
      const replies = asArray(reply);
      return requests.map((request, i) => {
        const [granted, ...rest] = asArray(replies[i]);
        const inUse = readLedger(request.resource, rest, watch);
        return [request, { granted: granted === 1, inUse, limit: request.limit }];
      });
    },
  };
}

/** One for each request, in their order, from the replies to their `reserveCalls`. */
export function grantsOf(requests: readonly ChannelRequest[], replies: readonly Granted[][]): ChannelGrant[] {
  const grants = new Map(replies.flat());
  return requests.map((request) => {
    const grant = grants.get(request);
    if (!grant) throw new Error(`no answer for ${request.resource}`);
    return grant;
  });
}

/** That calls are up on a tracking number keeps it from being lent away; it has no limit and no books. */
function numberCalls(keys: Keys, resource: string, ttlMs: number, tokens: string[]): ScriptCall<number> {
  return { script: numberCallsScript, keys: [keys.channel(resource)], args: [ttlMs, ...tokens], read: asNumber };
}

const ledgerKeys = (keys: Keys, resource: string): string[] => [
  keys.channel(resource),
  keys.channelState(resource),
  keys.channelUntold(resource),
];

/** The channels in use; where something is to be told, whoever tells is woken. */
function readLedger(resource: string, reply: unknown, watch: ScarcityWatch): number {
  const [inUse, untold] = asArray(reply);
  if (asNumber(untold) > 0) watch.onUntold(resource);
  return asNumber(inUse);
}

/**
 * Channels in Redis, held by token and time (`Channels` of call/ports.ts). While Redis is away the limits hold for
 * this process's own calls, and what it granted meanwhile is registered as soon as the link is back.
 */
export class RedisChannels implements Channels {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #hooks: ChannelsHooks;
  readonly #watch: ScarcityWatch;
  /** What this process holds. The admission adds to it too. */
  readonly held: HeldTokens;
  #fallback = false;

  /** @param ttlMs for tests; otherwise `CHANNEL_TTL_MS`. */
  constructor(link: RedisLink, keys: Keys, hooks: ChannelsHooks = {}, ttlMs: number = CHANNEL_TTL_MS) {
    this.#link = link;
    this.#keys = keys;
    this.#hooks = hooks;
    this.#watch = hooks.scarcity ?? NOBODY_WATCHES;
    this.held = new HeldTokens(ttlMs);
    // Sent before any other command of the new connection, so that a restarted server counts our calls again first.
    link.on('up', () => {
      this.renew(this.held.all()).catch(() => undefined); // renew never rejects
    });
  }

  /** Each grant tells whether that resource had room; unless all had, none is held after this. */
  async reserve(requests: ChannelRequest[]): Promise<ChannelGrant[]> {
    const results = await this.#settled(reserveCalls(this.#keys, requests, this.held.ttlMs, this.#watch));
    const replies = results.filter((result): result is Granted[] => !(result instanceof GatewayError));
    if (replies.length < results.length) {
      this.#setFallback(true);
      return this.held.reserve(requests);
    }
    this.#setFallback(false);
    const grants = grantsOf(requests, replies);
    await this.keep(requests, grants);
    return grants;
  }

  async look(limits: readonly Omit<ChannelRequest, 'token'>[]): Promise<ChannelGrant[]> {
    const counts = await this.inUse(limits.map(({ resource }) => resource));
    return limits.map(({ resource, limit }) => {
      const inUse = counts.get(resource) ?? 0;
      return { granted: limit === null || inUse < limit, inUse, limit };
    });
  }

  /** Holds what was asked for where all of it was granted. Never rejects. */
  async keep(requests: ChannelRequest[], grants: readonly ChannelGrant[]): Promise<void> {
    if (grants.every(({ granted }) => granted)) for (const request of requests) this.held.hold(request);
    // Of what has a limit nothing was taken.
    else await this.release(requests.filter(({ resource }) => numberOf(resource) !== null));
  }

  async release(held: HeldChannel[]): Promise<void> {
    for (const channel of held) this.held.drop(channel);
    const results = await this.#settled(
      [...tokensByResource(held)].map(([resource, tokens]) =>
        numberOf(resource) === null
          ? this.#ledgerCall(releaseScript, resource, tokens)
          : numberCalls(this.#keys, resource, 0, tokens),
      ),
    );
    // What Redis still counts frees itself by its TTL.
    if (results.some((result) => result instanceof GatewayError)) this.#setFallback(true);
  }

  /** Never rejects: while Redis is away the channels stay held in this process. */
  async renew(held: HeldChannel[]): Promise<void> {
    for (const channel of held) this.held.hold(channel);
    const results = await this.#settled(
      [...tokensByResource(held)].map(([resource, tokens]) =>
        numberOf(resource) === null
          ? this.#ledgerCall(renewScript, resource, [this.held.ttlMs, ...tokens])
          : numberCalls(this.#keys, resource, this.held.ttlMs, tokens),
      ),
    );
    this.#setFallback(!this.#link.ready || results.some((result) => result instanceof GatewayError));
  }

  /** Looks at these limits as they are now: what nobody renewed may have freed channels unseen. Rejects nothing. */
  async watch(limits: { resource: string; limit: number | null }[]): Promise<void> {
    await this.#settled(
      limits.map(({ resource, limit }) => this.#ledgerCall(watchScript, resource, [limit ?? -1, this.#watch.high()])),
    );
  }

  /** Channels in use of each resource, over all gateways; one exchange. While Redis is away, those of this process. */
  async inUse(resources: string[]): Promise<Map<string, number>> {
    const counts = await this.#settled(
      resources.map((resource) => ({
        script: countScript,
        keys: [this.#keys.channel(resource)],
        args: [],
        read: asNumber,
      })),
    );
    return new Map(
      resources.map((resource, i) => {
        const count = counts[i];
        return [resource, typeof count === 'number' ? count : this.held.count(resource)];
      }),
    );
  }

  #ledgerCall(script: Script, resource: string, args: (string | number)[]): ScriptCall<number> {
    return {
      script,
      keys: ledgerKeys(this.#keys, resource),
      args: [this.#keys.channelDays(resource), ...args],
      read: (reply) => readLedger(resource, reply, this.#watch),
    };
  }

  /** As the link's, with the link's own failure standing in each place: nothing here may reject for Redis's sake. */
  async #settled<R>(calls: ScriptCall<R>[]): Promise<(R | GatewayError)[]> {
    try {
      return await this.#link.runSettled(calls);
    } catch (error) {
      if (error instanceof GatewayError) return calls.map(() => error);
      throw error;
    }
  }

  #setFallback(fallback: boolean): void {
    if (this.#fallback === fallback) return;
    this.#fallback = fallback;
    this.#hooks.onFallback?.(fallback);
  }
}

function tokensByResource(held: HeldChannel[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { resource, token } of held) {
    const tokens = groups.get(resource);
    if (tokens) tokens.push(token);
    else groups.set(resource, [token]);
  }
  return groups;
}
