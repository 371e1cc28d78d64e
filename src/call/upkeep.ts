import type { Logger } from 'pino';
import { toError } from '../lib/deadline.js';
import type { CallDeps } from './deps.js';
import { endOrphan, type OrphanedCall } from './orphans.js';

/** What keeps this gateway's calls its own, and finds those that lost theirs. */
export interface CallLeases {
  /** Renews the claim to these calls; the ids of those that a peer has taken over. */
  renewLive(callIds: string[]): Promise<string[]>;
  claimOrphans(most?: number): Promise<OrphanedCall[]>;
}

/** A third of the channels' TTL (12 s) and less than a third of a call's lease (15 s). */
const BEAT_MS = 4000;

/**
 * The gateway's heartbeat: while a call lives, its channels and the claim to it are renewed; what nobody renews any
 * more frees itself, and its call is ended by whichever gateway looks first.
 */
export class Upkeep {
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> = Promise.resolve();

  constructor(
    private readonly deps: CallDeps,
    private readonly leases: CallLeases,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.#timer = setInterval(() => {
      // One beat at a time: while Redis is slow the next one waits its turn instead of piling up.
      this.#beating = this.#beating.then(() => this.#beat());
    }, BEAT_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
  }

  async #beat(): Promise<void> {
    try {
      await this.deps.channels.renew(this.deps.registry.heldChannels());
      const lost = await this.leases.renewLive(this.deps.registry.all().map(({ id }) => id));
      for (const id of lost) this.callTaken(id);
      // Without SIP nobody can be hung up: another gateway does it, or we do later.
      if (!this.deps.sip.up) return;
      // Side by side: a far end that does not answer must not hold up the others until their claim runs out.
      const orphans = await this.leases.claimOrphans();
      await Promise.all(orphans.map((orphan) => endOrphan(orphan, this.deps)));
    } catch (error) {
      this.logger.debug({ err: toError(error) }, 'upkeep waits for Redis');
    }
  }

  /** A peer took this gateway for dead and has ended the call: let go of what is left of it here. */
  callTaken(callId: string): void {
    this.deps.registry.find(callId)?.end({ by: 'gateway', reason: 'gateway_lost', loss: 'gateway_lost' });
  }
}
