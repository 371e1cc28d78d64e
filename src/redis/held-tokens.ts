import type { HeldChannel } from '../call/call.js';
import type { ChannelGrant, ChannelRequest } from '../call/ports.js';

/**
 * The channels that this process itself holds: what it counts by while Redis is away, and what it registers again
 * when Redis is back. A token that nobody renews is forgotten here after the same time as there.
 */
export class HeldTokens {
  readonly #byResource = new Map<string, Map<string, number>>();

  constructor(
    readonly ttlMs: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  hold({ resource, token }: HeldChannel): void {
    let tokens = this.#byResource.get(resource);
    if (!tokens) this.#byResource.set(resource, (tokens = new Map<string, number>()));
    tokens.set(token, this.now() + this.ttlMs);
  }

  drop({ resource, token }: HeldChannel): void {
    const tokens = this.#byResource.get(resource);
    tokens?.delete(token);
    if (tokens?.size === 0) this.#byResource.delete(resource);
  }

  count(resource: string): number {
    return this.#living(resource).length;
  }

  /** Takes all or none of `requests`, by this process's own count alone. */
  reserve(requests: ChannelRequest[]): ChannelGrant[] {
    const hasRoom = ({ resource, token, limit }: ChannelRequest): boolean => {
      const living = this.#living(resource);
      return limit === null || living.length < limit || living.includes(token);
    };
    const asked = requests.map((request) => ({ request, granted: hasRoom(request) }));
    if (asked.every(({ granted }) => granted)) for (const request of requests) this.hold(request);
    return asked.map(({ request: { resource, limit }, granted }) => ({ granted, inUse: this.count(resource), limit }));
  }

  all(): HeldChannel[] {
    return [...this.#byResource.keys()].flatMap((resource) =>
      this.#living(resource).map((token) => ({ resource, token })),
    );
  }

  #living(resource: string): string[] {
    const tokens = this.#byResource.get(resource);
    if (!tokens) return [];
    const now = this.now();
    for (const [token, expiresAt] of tokens) if (expiresAt <= now) tokens.delete(token);
    if (tokens.size === 0) this.#byResource.delete(resource);
    return [...tokens.keys()];
  }
}
