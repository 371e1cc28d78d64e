import type { Logger } from 'pino';
import { buildCallEvent, writeDown } from '../events/catalogue.js';
import { toError } from '../lib/deadline.js';
import { GatewayError, noSuchCall } from '../lib/errors.js';
import { amend, type Amendment } from './amendments.js';
import type { Call } from './call.js';
import type { EventType } from './event-types.js';
import type { WrittenEvent } from './ports.js';

/** A call as it stands in Redis. */
export interface StoredCall {
  call: Call;
  /** Of its last event. */
  sequence: number;
  closed: boolean;
}

/** An amendment that waits for whoever may write the call. */
export interface WaitingAmendment {
  callId: string;
  /**
   * True where this gateway owns the call and it still goes on; false where it is closed, and any gateway may write it.
   */
  living: boolean;
  amendment: Amendment;
}

/** Calls of anybody, in Redis. All reject with GW_ERR_REDIS_AWAY. */
export interface AmendmentStore {
  read(callId: string): Promise<StoredCall | null>;
  /**
   * Writes a closed call and the event of its change, in one step, unless the call has changed since it was read
   * (`changed`). The amendment no longer waits then.
   */
  write(
    stored: StoredCall,
    event: WrittenEvent,
    endpoints: string[],
    amendment: Amendment,
  ): Promise<'written' | 'changed'>;
  /** Leaves it for the owner of a living call; `closed` where it has none any more. */
  queue(callId: string, amendment: Amendment): Promise<'queued' | 'closed' | 'full'>;
  waiting(): Promise<WaitingAmendment[]>;
  drop(callId: string, amendment: Amendment): Promise<void>;
}

interface AmenderDeps {
  store: AmendmentStore;
  /** A call of this gateway that lives, or null. */
  living: (callId: string) => { readonly call: Call; amend(amendment: Amendment): Promise<void> } | null;
  endpointsFor: (site: string | null, type: EventType) => string[];
  logger: Logger;
}

/** Two gateways that amend one call at the same time come one after the other; more than a few is a fault. */
const TRIES = 10;

/**
 * Amends calls, wherever they are. A call of this gateway is changed by its session. A closed call has no owner: it is
 * changed in Redis by compare-and-set of its sequence. A peer's living call is not ours to write: the amendment waits
 * in Redis, and its owner looks every few seconds; what still waits when the call closes, any gateway writes.
 */
export class CallAmender {
  constructor(private readonly deps: AmenderDeps) {}

  /**
   * @returns the call as amended; null where a peer will do it within seconds
   * @throws GatewayError GW_ERR_NOT_FOUND, GW_ERR_BAD_REQUEST where the call is full, GW_ERR_REDIS_AWAY
   */
  async amend(callId: string, amendment: Amendment): Promise<Call | null> {
    const session = this.deps.living(callId);
    if (session) {
      await session.amend(amendment);
      return session.call;
    }
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const stored = await this.deps.store.read(callId);
      if (!stored) throw noSuchCall();
      if (stored.closed) {
        if (await this.#amendClosed(stored, amendment)) return stored.call;
      } else {
        // Tried on a copy first, so that a full call is refused here: its owner could only drop the amendment.
        amend(structuredClone(stored.call), amendment);
        const outcome = await this.deps.store.queue(callId, amendment);
        if (outcome === 'queued') return null;
        if (outcome === 'full') {
          const refusal = { reason: 'changes' } as const;
          throw new GatewayError('GW_ERR_BAD_REQUEST', 'too many changes of this call wait', { refusal });
        }
      }
    }
    throw new GatewayError('GW_ERR_DEADLINE', 'the call is being changed by others all the time');
  }

  /** False where the call has changed since it was read: read it again, and try once more. */
  async #amendClosed(stored: StoredCall, amendment: Amendment): Promise<boolean> {
    const { call, sequence } = stored;
    const amended = amend(call, amendment);
    if (!amended) {
      await this.deps.store.drop(call.id, amendment);
      return true;
    }
    const event = writeDown(buildCallEvent(amended.type, call, sequence + 1, Date.now(), amended.extra));
    const endpoints = this.deps.endpointsFor(call.site, amended.type);
    return (await this.deps.store.write(stored, event, endpoints, amendment)) === 'written';
  }

  /** Makes the amendments that wait for this gateway, and those of closed calls, which any gateway may make. */
  async sweep(): Promise<void> {
    for (const waiting of await this.deps.store.waiting()) {
      const { callId, living, amendment } = waiting;
      // Ours but no longer in memory: its end is just being written.
      if (living && !this.deps.living(callId)) continue;
      try {
        await this.amend(callId, amendment);
        if (living) await this.deps.store.drop(callId, amendment);
      } catch (error) {
        const away = error instanceof GatewayError && error.retryable;
        this.deps.logger.warn({ err: toError(error), callId, kind: amendment.kind, away }, 'call not amended');
        if (away) throw error;
        await this.deps.store.drop(callId, amendment);
      }
    }
  }
}
