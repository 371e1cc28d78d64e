import type { Logger } from 'pino';
import { inBackground } from '../lib/background.js';
import { toError } from '../lib/deadline.js';
import { endOrphan, type EndingOrphan, type OrphanDeps, type OrphanedCall } from './orphans.js';
import type { Channels } from './ports.js';
import type { CallRegistry } from './registry.js';

/** What keeps this gateway's calls its own, and finds those that lost theirs. */
export interface CallLeases {
  /** Renews the claim to these calls; the ids of those that a peer has taken over. */
  renewLive(callIds: string[]): Promise<string[]>;
  /** Calls of this edge first; those of others where nobody of their own has come for them. */
  claimOrphans(edge: string, most: number): Promise<OrphanedCall[]>;
}

export interface UpkeepDeps extends OrphanDeps {
  registry: Pick<CallRegistry, 'all' | 'find' | 'heldChannels'>;
  channels: Channels;
}

/** A third of the channels' TTL (12 s) and less than a third of a call's lease (15 s). */
const BEAT_MS = 4000;
/** Calls of dead gateways that are ended at a time: each is a handful of BYEs and a recording to be read through. */
const MOST_AT_ONCE = 50;

/**
 * The gateway's heartbeat: while a call lives, its channels and the claim to it are renewed; what nobody renews any
 * more frees itself, and its call is ended by another gateway: the one that took the dead one's place, if there is one.
 */
export class Upkeep {
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> = Promise.resolve();
  /** Orphans being ended. That takes as long as far ends and stores of recordings do: no beat waits for it. */
  readonly #ending = new Map<string, EndingOrphan>();
  #stopped = false;

  constructor(
    private readonly deps: UpkeepDeps,
    private readonly leases: CallLeases,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.#timer = setInterval(() => {
      // One beat at a time: while Redis is slow the next one waits its turn instead of piling up.
      this.#beating = this.#beating.then(() => this.#beat());
    }, BEAT_MS);
  }

  /** What is half ended by then stays claimed until its lease runs out; whoever takes it over goes on with it. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopped = true;
    await this.#beating;
    for (const orphan of this.#ending.values()) orphan.abandon();
  }

  async #beat(): Promise<void> {
    try {
      await this.deps.channels.renew(this.deps.registry.heldChannels());
      const own = this.deps.registry.all().map(({ id }) => id);
      const lost = await this.leases.renewLive([...own, ...this.#ending.keys()]);
      for (const id of lost) this.callTaken(id);
      // Without SIP nobody can be hung up: another gateway does it, or we do later.
      const { up, edge } = this.deps.sip;
      if (!up || this.#stopped) return;
      const orphans = await this.leases.claimOrphans(edge, MOST_AT_ONCE - this.#ending.size);
      for (const orphan of orphans) this.#end(orphan);
    } catch (error) {
      this.logger.debug({ err: toError(error) }, 'upkeep waits for Redis');
    }
  }

  /** Should it fail, nobody renews the claim any more, and another try follows. */
  #end(orphan: OrphanedCall): void {
    const { id } = orphan.call;
    const ending = endOrphan(orphan, this.deps);
    this.#ending.set(id, ending);
    inBackground(
      ending.ended
        .catch((error: unknown) => this.logger.error({ err: toError(error), callId: id }, 'call not ended'))
        .finally(() => this.#ending.delete(id)),
    );
  }

  /** A peer took this gateway for dead and has ended the call: let go of what is left of it here. */
  callTaken(callId: string): void {
    this.deps.registry.find(callId)?.end({ by: 'gateway', reason: 'gateway_lost', loss: 'gateway_lost' });
  }
}
