import type { Logger } from 'pino';
import { toError } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import type { Delivery, DeliveryQueue, Settled, Settlement } from './queue.js';
import { retryDelay } from './retry.js';
import { SENDER_TIMEOUTS, type Attempt, type Sender } from './sender.js';

/** Outlives every attempt, so that nobody else takes up what is still being sent. */
const LEASE_MS = SENDER_TIMEOUTS.totalMs * 2;
/** A receiver that answered 410 gets the event again after this by another run of the gateway. */
const GONE_DELAY_MS = 3_600_000;

export interface DeliveryHooks {
  /** A 2xx arrived. `seconds` since the event's own timestamp. */
  onDelivered?: (endpoint: string, seconds: number, delivery: Delivery) => void;
  /** Every attempt, failed or not, with what the receiver answered. */
  onAttempt?: (delivery: Delivery, attempt: Attempt) => void;
  onDead?: (delivery: Delivery, reason: string) => void;
}

interface WorkerParts {
  endpoint: string;
  queue: DeliveryQueue;
  sender: Sender;
  log: Logger;
  hooks: DeliveryHooks;
  /** Most requests at a time. */
  inFlight: number;
  pollMs: number;
  random: () => number;
}

/**
 * Delivers to one endpoint: takes what is due, sends it, writes down how it went. A loop of its own per endpoint, so
 * that a slow or dead one holds up nobody else.
 */
export class EndpointWorker {
  readonly #parts: WorkerParts;
  readonly #sending = new Set<Promise<void>>();
  readonly #abort = new AbortController();
  #running = true;
  #loop: Promise<void> = Promise.resolve();
  #wake: (() => void) | null = null;
  #woken = false;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Something is due. */
  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /** Takes nothing more, lets what is being sent finish until `deadlineMs`, then breaks it off and gives it back. */
  async stop(deadlineMs: number): Promise<void> {
    this.#running = false;
    this.wake();
    const timer = setTimeout(() => this.#abort.abort(), deadlineMs);
    await this.#loop;
    await Promise.all(this.#sending);
    clearTimeout(timer);
    await this.#parts.sender.close();
  }

  async #run(): Promise<void> {
    while (this.#running) {
      this.#woken = false;
      const room = this.#parts.inFlight - this.#sending.size;
      if (room > 0) await this.#take(room);
      await this.#rest();
    }
  }

  async #take(room: number): Promise<void> {
    const { queue, endpoint, log } = this.#parts;
    try {
      const { deliveries, lost } = await queue.claim(endpoint, room, LEASE_MS);
      if (lost > 0) log.error({ endpoint, lost }, 'queued events are gone from the stream, they cannot be delivered');
      for (const delivery of deliveries) this.#launch(delivery);
    } catch (error) {
      this.#report(error, 'taking deliveries failed');
    }
  }

  #launch(delivery: Delivery): void {
    const work = this.#deliver(delivery)
      .catch((error: unknown) => {
        this.#report(error, 'a delivery could not be written down, it comes back after its lease');
        return false;
      })
      .then((more) => {
        this.#sending.delete(work);
        if (more) this.wake();
      });
    this.#sending.add(work);
  }

  /** Resolves to whether more is due. */
  async #deliver(delivery: Delivery): Promise<boolean> {
    const { queue, sender, hooks } = this.#parts;
    const attempt = await sender.send(delivery, this.#abort.signal);
    hooks.onAttempt?.(delivery, attempt);
    const settlement = this.#judge(delivery, attempt);
    const settled = await queue.settle(delivery, settlement);
    this.#tell(delivery, attempt, settlement, settled);
    return settled.more;
  }

  #judge(delivery: Delivery, attempt: Attempt): Settlement {
    if (attempt.delivered) return { outcome: 'delivered' };
    if (attempt.status === null && this.#abort.signal.aborted) return { outcome: 'abandoned' };
    if (attempt.status === 410) {
      this.#running = false;
      return { outcome: 'retry', delayMs: GONE_DELAY_MS };
    }
    const delayMs = retryDelay({ ...delivery, retryAfterMs: attempt.retryAfterMs }, this.#parts.random());
    if (delayMs === null) return { outcome: 'dead', reason: failure(attempt) };
    return attempt.retryAfterMs === null
      ? { outcome: 'retry', delayMs }
      : { outcome: 'retry', delayMs, pauseMs: delayMs };
  }

  #tell(delivery: Delivery, attempt: Attempt, settlement: Settlement, settled: Settled): void {
    const { endpoint, hooks, log } = this.#parts;
    const { eventId, orderingKey } = delivery;
    const fields = { endpoint, eventId, callId: orderingKey, attempt: delivery.attempt };
    if (!settled.applied) log.warn(fields, 'a delivery took longer than its lease');
    if (settlement.outcome === 'delivered') {
      hooks.onDelivered?.(endpoint, Math.max(0, (Date.now() - Date.parse(delivery.timestamp)) / 1000), delivery);
    } else if (settlement.outcome === 'dead') {
      log.error(
        { ...fields, reason: settlement.reason },
        'a delivery was given up, the event is among the dead letters',
      );
      hooks.onDead?.(delivery, settlement.reason);
    } else if (settlement.outcome === 'retry') {
      log.warn({ ...fields, reason: failure(attempt), delayMs: settlement.delayMs }, 'a delivery failed');
    }
    if (attempt.status === 410)
      log.error({ endpoint }, 'the receiver is gone (410), nothing more is sent to it in this run');
    if (settled.turned === 'failing')
      log.warn({ endpoint }, 'the endpoint is failing, it is probed one request at a time');
    if (settled.turned === 'recovered') log.info({ endpoint }, 'the endpoint answers again');
  }

  /** Until woken, or until the next poll: retries that fall due, other gateways' events, leases of dead workers. */
  async #rest(): Promise<void> {
    if (this.#woken) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#parts.pollMs);
      this.#wake = (): void => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = null;
  }

  #report(thrown: unknown, message: string): void {
    const { endpoint, log } = this.#parts;
    const error = toError(thrown);
    // The link itself has said that Redis is away.
    if (error instanceof GatewayError && error.code === 'GW_ERR_REDIS_AWAY')
      log.debug({ endpoint, err: error }, message);
    else log.error({ endpoint, err: error }, message);
  }
}

const failure = ({ status, error }: Attempt): string =>
  error ? `${error.code}: ${error.message}` : `HTTP ${status ?? 0}`;
