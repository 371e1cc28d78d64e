import type { HeldChannel } from '../call/call.js';
import type { ChannelGrant, ChannelRequest, Channels } from '../call/ports.js';
import { GatewayError } from '../lib/errors.js';
import type { RedisLink } from './connection.js';
import { HeldTokens } from './held-tokens.js';
import { type Keys, numberOf } from './keys.js';
import { asArray, asNumber, loadScript, type Script, type ScriptCall } from './scripts.js';

/** A channel frees itself this long after its last renewal; three renewals (one each 4 s) may be missed. */
const CHANNEL_TTL_MS = 12_000;

const reserveScript = loadScript('reserve-channel');
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

/**
 * Takes one channel; used on its own here and as part of the admission's round trip.
 *
 * @param firm false for the wider ones of several limits: a narrower one may still refuse the call, and a channel that
 *   was held for that millisecond must not count as use, let alone tell that the limit is exhausted
 */
export function reserveCall(
  keys: Keys,
  request: ChannelRequest,
  ttlMs: number,
  watch: ScarcityWatch = NOBODY_WATCHES,
  firm = true,
): ScriptCall<ChannelGrant> {
  const { resource, token, limit } = request;
  if (numberOf(resource) !== null) {
    const call = numberCalls(keys, resource, ttlMs, [token]);
    return { ...call, read: (reply) => ({ granted: true, inUse: asNumber(reply), limit: null }) };
  }
  return {
    script: reserveScript,
    keys: ledgerKeys(keys, resource),
    args: [keys.channelDays(resource), token, ttlMs, limit ?? -1, watch.high(), firm ? 1 : 0],
    read: (reply) => {
      const [granted, ...rest] = asArray(reply);
      return { granted: granted === 1, inUse: readLedger(resource, rest, watch), limit };
    },
  };
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
    const results = await this.#settled(
      requests.map((request, i) => reserveCall(this.#keys, request, this.held.ttlMs, this.#watch, i === 0)),
    );
    const grants = results.filter((result): result is ChannelGrant => !(result instanceof GatewayError));
    if (grants.length < requests.length) {
      this.#setFallback(true);
      return this.held.reserve(requests);
    }
    this.#setFallback(false);
    await this.keep(requests, grants);
    return grants;
  }

  /** Holds what was asked for where all of it was granted; otherwise gives back the part that was. Never rejects. */
  async keep(requests: ChannelRequest[], grants: readonly ChannelGrant[]): Promise<void> {
    const taken = requests.filter((_request, i) => grants[i]?.granted);
    if (taken.length === requests.length) for (const request of requests) this.held.hold(request);
    // Refused by one, it was no attempt at the others.
    else if (taken.length > 0) await this.#giveBack(taken, 'undo');
  }

  async release(held: HeldChannel[]): Promise<void> {
    await this.#giveBack(held, '');
  }

  async #giveBack(held: HeldChannel[], how: 'undo' | ''): Promise<void> {
    for (const channel of held) this.held.drop(channel);
    const results = await this.#settled(
      [...tokensByResource(held)].map(([resource, tokens]) =>
        numberOf(resource) === null
          ? this.#ledgerCall(releaseScript, resource, [how, ...tokens])
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
