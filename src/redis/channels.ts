import type { HeldChannel } from '../call/call.js';
import type { ChannelGrant, ChannelRequest, Channels } from '../call/ports.js';
import { GatewayError } from '../lib/errors.js';
import type { RedisLink } from './connection.js';
import { HeldTokens } from './held-tokens.js';
import type { Keys } from './keys.js';
import { asArray, asNumber, loadScript, type ScriptCall } from './scripts.js';

/** A channel frees itself this long after its last renewal; three renewals (one each 4 s) may be missed. */
const CHANNEL_TTL_MS = 12_000;

const reserveScript = loadScript('reserve-channel');
const renewScript = loadScript('renew-channels');
const countScript = loadScript('count-channels');

interface ChannelsHooks {
  /** Redis went away (true) or came back (false): limits now hold for this process alone, or for all again. Once each. */
  onFallback?: (fallback: boolean) => void;
}

/** Takes one channel; used on its own here and as part of the admission's round trip. */
export function reserveCall(keys: Keys, request: ChannelRequest, ttlMs: number): ScriptCall<ChannelGrant> {
  return {
    script: reserveScript,
    keys: [keys.channel(request.resource)],
    args: [request.token, ttlMs, request.limit ?? -1],
    read: (reply) => {
      const [granted, inUse] = asArray(reply);
      return { granted: granted === 1, inUse: asNumber(inUse), limit: request.limit };
    },
  };
}

/**
 * Channels in Redis, held by token and time (`Channels` of call/ports.ts). While Redis is away the limits hold for
 * this process's own calls, and what it granted meanwhile is registered as soon as the link is back.
 */
export class RedisChannels implements Channels {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #hooks: ChannelsHooks;
  /** What this process holds. The admission adds to it too. */
  readonly held: HeldTokens;
  #fallback = false;

  /** @param ttlMs for tests; otherwise `CHANNEL_TTL_MS`. */
  constructor(link: RedisLink, keys: Keys, hooks: ChannelsHooks = {}, ttlMs: number = CHANNEL_TTL_MS) {
    this.#link = link;
    this.#keys = keys;
    this.#hooks = hooks;
    this.held = new HeldTokens(ttlMs);
    // Sent before any other command of the new connection, so that a restarted server counts our calls again first.
    link.on('up', () => {
      this.renew(this.held.all()).catch(() => undefined); // renew never rejects
    });
  }

  /** Each grant tells whether that resource had room; unless all had, none is held after this. */
  async reserve(requests: ChannelRequest[]): Promise<ChannelGrant[]> {
    const results = await this.#settled(requests.map((request) => reserveCall(this.#keys, request, this.held.ttlMs)));
    const grants = results.filter((result): result is ChannelGrant => !(result instanceof GatewayError));
    if (grants.length < requests.length) {
      this.#setFallback(true);
      return this.held.reserve(requests);
    }
    this.#setFallback(false);
    if (grants.every(({ granted }) => granted)) for (const request of requests) this.held.hold(request);
    else await this.release(requests.filter((_request, i) => grants[i]?.granted));
    return grants;
  }

  async release(held: HeldChannel[]): Promise<void> {
    for (const channel of held) this.held.drop(channel);
    try {
      await this.#link.pipeline((pipe) => {
        for (const { resource, token } of held) pipe.zrem(this.#keys.channel(resource), token);
      });
    } catch {
      this.#setFallback(true); // what Redis still counts frees itself by its TTL
    }
  }

  /** Never rejects: while Redis is away the channels stay held in this process. */
  async renew(held: HeldChannel[]): Promise<void> {
    for (const channel of held) this.held.hold(channel);
    const results = await this.#settled(
      [...tokensByResource(held)].map(([resource, tokens]) => ({
        script: renewScript,
        keys: [this.#keys.channel(resource)],
        args: [this.held.ttlMs, ...tokens],
        read: asNumber,
      })),
    );
    this.#setFallback(!this.#link.ready || results.some((result) => result instanceof GatewayError));
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
