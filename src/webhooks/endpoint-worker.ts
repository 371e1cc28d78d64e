import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from 'pino';
import { inBackground } from '../lib/background.js';
import { toError } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import {
  deliveredOf,
  type AttemptTrace,
  type Batch,
  type Delivery,
  type DeliveryQueue,
  type DisableReason,
  type Ended,
  type Settlement,
  type Turn,
} from './queue.js';
import type { Attempt, DeliveryChannel } from './sender.js';
import { saysWhy, settlementOf, traceOf } from './settlement.js';

/** Events taken beforehand from a fast receiver's queue, for each request at a time: so that none waits for Redis. */
const AHEAD = 4;
/** The same while more is due than that: the more an exchange carries, the less of it each delivery pays. */
const AHEAD_OF_BACKLOG = 16;
const FAST_MS = 50;
/** An acknowledgement that nobody waits for goes with the next exchange, and after this by itself. */
const SETTLE_WITHIN_MS = 100;
/** Most events of one key that are taken together from a fast receiver's queue: so long the next keys wait for their turn. */
const MOST_OF_KEY = 16;

export interface DeliveryHooks {
  /** A 2xx arrived. `seconds` since the event's own timestamp. */
  onDelivered?: (endpoint: string, seconds: number, delivery: Delivery) => void;
  /** Every attempt, failed or not, with what the receiver answered. */
  onAttempt?: (delivery: Delivery, attempt: Attempt) => void;
  onDead?: (delivery: Delivery, reason: string) => void;
  /** Queued events whose text Redis no longer has. */
  onLost?: (endpoint: string, events: number) => void;
}

const hasFailed = (ended: Ended): boolean => deliveredOf(ended) < ended.traces.length;

/** A batch that was leased, and when: performance.now(). */
interface Leased {
  batch: Batch;
  at: number;
}

interface WorkerParts {
  endpoint: string;
  /** Of its configuration. */
  fingerprint: string;
  queue: DeliveryQueue;
  channel: DeliveryChannel;
  log: Logger;
  hooks: DeliveryHooks;
  pollMs: number;
  random: () => number;
  /** After so long without one success the endpoint is disabled, ms. */
  disableAfterMs: number;
  disable: (reason: DisableReason) => Promise<unknown>;
}

/**
 * Delivers to one endpoint: takes what is due, sends it, writes down how it went. Each endpoint has its own, so that a
 * slow or dead one holds up nobody else. One exchange with the outbox at a time does both, taking and writing down;
 * what ends meanwhile goes with the next one.
 */
export class EndpointWorker {
  readonly #parts: WorkerParts;
  /** Outlives every attempt, so that nobody else takes up what is still being sent. */
  readonly #leaseMs: number;
  /** What was leased this long ago could outlive its lease if it were sent now. */
  readonly #staleMs: number;
  /** Leased, nothing of it sent. */
  #ready: Leased[] = [];
  /** Events that are leased and not sent, those of batches under way too. */
  #unsent = 0;
  /** Batches under way: as many requests. */
  #sending = 0;
  #ended: Ended[] = [];
  #exchange: Promise<void> | null = null;
  /** Somebody asked for an exchange while one was under way. */
  #again = false;
  /** Counts wakings: a batch during which none came has nothing behind it. */
  #wakings = 0;
  #timer: NodeJS.Timeout | null = null;
  #timerAt = Infinity;
  #running = false;
  #aborted = false;
  /** After a failure nothing more is sent until the outbox has said whether the endpoint is failing. */
  #doubtful = false;
  /** It failed or asked for quiet when the outbox was last asked. */
  #held = false;
  /** More is due than was taken. */
  #more = false;
  #disabling = 0;
  #latencyMs = Infinity;
  #idle: (() => void) | null = null;
  /** Asked to stop, and to leave nothing due: told when that is so. */
  #emptied: (() => void) | null = null;
  #finished: Promise<void> | null = null;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
    this.#leaseMs = parts.channel.attemptMs * 2;
    this.#staleMs = parts.channel.attemptMs * 0.8;
  }

  start(): void {
    this.#running = true;
    this.#turn();
  }

  /** Something is due. */
  wake(): void {
    this.#wakings += 1;
    this.#turn();
  }

  /**
   * Takes what is due for `takingMs` more, then nothing; lets what is being sent finish until `deadlineMs`, then breaks it
   * off and gives it back. May be asked for again with less time.
   */
  stop(deadlineMs: number, takingMs = 0): Promise<void> {
    const timer = setTimeout(() => {
      this.#aborted = true;
      this.#emptied?.();
      this.#parts.channel.abort();
    }, deadlineMs);
    this.#finished ??= this.#finish(takingMs);
    return this.#finished.finally(() => clearTimeout(timer));
  }

  async #finish(takingMs: number): Promise<void> {
    if (takingMs > 0) await this.#untilEmpty(takingMs);
    this.#running = false;
    this.#giveBack();
    await this.#exchange;
    if (this.#sending > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    await this.#exchange;
    this.#giveBack();
    if (this.#ended.length > 0) await this.#run();
    if (this.#timer) clearTimeout(this.#timer);
    await this.#parts.channel.close();
  }

  /** Settles when nothing is due and nothing under way, when Redis cannot say so, or after `mostMs`. */
  async #untilEmpty(mostMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, mostMs);
      this.#emptied = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#turn();
    });
    this.#emptied = null;
  }

  #nothingUnderWay(): boolean {
    return !this.#again && this.#sending === 0 && this.#ready.length === 0 && this.#ended.length === 0;
  }

  /** An exchange now, or right after the one under way. */
  #turn(): void {
    if (this.#exchange) {
      this.#again = true;
      return;
    }
    if (!this.#running && this.#ended.length === 0) return;
    const run = this.#run().finally(() => {
      this.#exchange = null;
      if (this.#again) this.#turn();
    });
    this.#exchange = run;
    inBackground(run);
  }

  async #run(): Promise<void> {
    this.#again = false;
    const ended = this.#ended;
    this.#ended = [];
    const { queue, endpoint, fingerprint, pollMs } = this.#parts;
    try {
      const appetite = { most: this.#room(), mostOfKey: this.#fast() ? MOST_OF_KEY : 1, leaseMs: this.#leaseMs };
      const turn = await queue.work(endpoint, ended, { ...appetite, fingerprint });
      this.#doubtful = false;
      this.#more = turn.nextMs === 0;
      ended.forEach((one, i) => this.#tell(one, turn.applied[i] === true));
      this.#take(turn, ended.some(hasFailed));
      this.#after(turn.nextMs === null ? pollMs : Math.min(turn.nextMs, pollMs), turn);
      if (turn.nextMs !== 0 && this.#nothingUnderWay()) this.#emptied?.();
    } catch (error) {
      // Kept, so that nobody gets again what he has acknowledged. Nothing is taken meanwhile, so this is bounded.
      this.#ended = [...ended.map((one) => ({ ...one, repeated: true })), ...this.#ended];
      this.#report(error);
      this.#rest(pollMs);
      this.#emptied?.();
    }
  }

  #room(): number {
    if (!this.#running || this.#disabling > 0) return 0;
    return Math.max(0, this.#parts.channel.inFlight + this.#ahead() - this.#sending - this.#unsent);
  }

  #fast(): boolean {
    return this.#latencyMs < FAST_MS;
  }

  /** How many events are taken that cannot be sent at once. */
  #ahead(): number {
    if (!this.#fast()) return 0;
    return this.#parts.channel.inFlight * (this.#more ? AHEAD_OF_BACKLOG : AHEAD);
  }

  /** `failed`: an attempt that this exchange has written down. */
  #take(turn: Turn, failed: boolean): void {
    const { endpoint, log, hooks } = this.#parts;
    if (turn.lost > 0) {
      log.error({ endpoint, lost: turn.lost }, 'queued events are gone from Redis, they cannot be delivered');
      hooks.onLost?.(endpoint, turn.lost);
    }
    if (turn.turned === 'failing')
      log.warn({ endpoint }, 'the endpoint is failing, it is probed one request at a time');
    if (turn.turned === 'recovered') log.info({ endpoint }, 'the endpoint answers again');
    this.#held = turn.state !== 'up';
    if (this.#held || !this.#running) this.#giveBack();
    const at = performance.now();
    for (const batch of turn.batches) {
      this.#ready.push({ batch, at });
      this.#unsent += batch.deliveries.length;
    }
    // Where nothing is sent it may be well again by now.
    if (failed && turn.state === 'failing' && turn.failingMs >= this.#parts.disableAfterMs)
      inBackground(this.#disable('failing'));
    this.#pump();
  }

  /** What comes after an exchange: another one at once where there is more to do, or a rest. */
  #after(restMs: number, { nextMs, batches }: Turn): void {
    const room = this.#room() > 0;
    // What was taken keeps the worker busy: its ends ask for the next exchange.
    if (nextMs === 0 && room && batches.length > 0) this.#replenish();
    else this.#rest(nextMs === 0 && room ? 0 : Math.max(restMs, room ? 1 : SETTLE_WITHIN_MS));
  }

  #pump(): void {
    const { inFlight } = this.#parts.channel;
    const [oldest] = this.#ready;
    if (oldest && this.#stale(oldest)) this.#giveBack();
    let next = 0;
    while (this.#sending < inFlight && next < this.#ready.length && this.#maySend()) {
      const leased = this.#ready[next];
      next += 1;
      if (leased) inBackground(this.#deliver(leased));
    }
    if (next > 0) this.#ready.splice(0, next);
  }

  #maySend(): boolean {
    return !this.#doubtful && this.#disabling === 0;
  }

  #stale({ at }: Leased): boolean {
    return performance.now() - at > this.#staleMs;
  }

  /** One event after the other, for as long as all goes well and fast. What is left then goes back. */
  async #deliver(leased: Leased): Promise<void> {
    const { batch } = leased;
    const wakings = this.#wakings;
    const traces: AttemptTrace[] = [];
    let settlement: Settlement = { outcome: 'delivered' };
    this.#sending += 1;
    for (const delivery of batch.deliveries) {
      // The connection of the one before is free again when its answer has been read to the end.
      if (traces.length > 0) await nextTurn();
      if (traces.length > 0 && !this.#goesOn(leased)) {
        settlement = { outcome: 'returned' };
        break;
      }
      this.#unsent -= 1;
      const attempt = await this.#attempt(delivery);
      settlement = settlementOf(delivery, attempt, this.#aborted, this.#parts.random());
      if (settlement.outcome === 'abandoned') break;
      traces.push(traceOf(attempt, Date.now()));
      if (settlement.outcome !== 'delivered') break;
      if (this.#more) this.#replenish();
    }
    this.#unsent -= batch.deliveries.length - traces.length - (settlement.outcome === 'abandoned' ? 1 : 0);
    this.#sending -= 1;
    this.#ended.push({ batch, traces, settlement });
    this.#landed(settlement, batch.followed || this.#wakings !== wakings);
  }

  #goesOn(leased: Leased): boolean {
    return this.#running && this.#fast() && !this.#held && this.#maySend() && !this.#stale(leased);
  }

  async #attempt(delivery: Delivery): Promise<Attempt> {
    const attempt = await this.#parts.channel.send(delivery);
    this.#latencyMs = attempt.delivered ? attempt.latencyMs : Infinity;
    this.#parts.hooks.onAttempt?.(delivery, attempt);
    // Before it is written down as failed: the exchange that does so must take nothing more.
    if (attempt.status === 410) await this.#disable('gone');
    return attempt;
  }

  #landed({ outcome }: Settlement, followed: boolean): void {
    const failed = outcome !== 'delivered' && outcome !== 'returned';
    if (failed) this.#doubtful = true;
    this.#pump();
    if (this.#sending === 0) this.#idle?.();
    if (failed) this.#turn();
    else if (followed || this.#more || outcome === 'returned' || this.#emptied) this.#replenish();
    else this.#rest(SETTLE_WITHIN_MS);
  }

  /** Half of the ahead is left to send while the exchange is under way. */
  #replenish(): void {
    if (this.#unsent <= this.#ahead() / 2) this.#turn();
    else this.#rest(SETTLE_WITHIN_MS);
  }

  async #disable(reason: DisableReason): Promise<void> {
    this.#disabling += 1;
    try {
      await this.#parts.disable(reason);
    } catch (error) {
      this.#report(error); // the next failure tries it again
    } finally {
      this.#disabling -= 1;
    }
  }

  /** What was taken and not begun is due again, for whoever comes. */
  #giveBack(): void {
    const unsent = this.#ready.splice(0);
    if (unsent.length === 0) return;
    for (const { batch } of unsent) {
      this.#unsent -= batch.deliveries.length;
      this.#ended.push({ batch, traces: [], settlement: { outcome: 'returned' } });
    }
    this.#again = true;
  }

  #tell(ended: Ended, applied: boolean): void {
    const { batch, traces, settlement, repeated } = ended;
    const { endpoint, hooks, log } = this.#parts;
    if (!applied && !repeated && traces.length > 0)
      log.warn({ endpoint, callId: batch.orderingKey }, 'deliveries took longer than their lease');
    const delivered = deliveredOf(ended);
    batch.deliveries.slice(0, delivered).forEach((delivery, i) => {
      const takenAt = traces[i]?.at ?? Date.now();
      hooks.onDelivered?.(endpoint, Math.max(0, (takenAt - Date.parse(delivery.timestamp)) / 1000), delivery);
    });
    const failed = batch.deliveries[delivered];
    if (failed && delivered < traces.length) this.#tellFailed(failed, settlement, traces[delivered]);
  }

  #tellFailed(delivery: Delivery, settlement: Settlement, trace: AttemptTrace | undefined): void {
    const { endpoint, hooks, log } = this.#parts;
    const { eventId, orderingKey, attempt } = delivery;
    const fields = { endpoint, eventId, callId: orderingKey, attempt };
    if (settlement.outcome === 'dead') {
      const { reason } = settlement;
      log.error({ ...fields, reason }, 'a delivery was given up, the event is among the dead letters');
      hooks.onDead?.(delivery, reason);
    } else if (settlement.outcome === 'retry') {
      const reason = trace && saysWhy(trace.status) ? `HTTP ${trace.status}` : trace?.text;
      log.warn({ ...fields, reason, delayMs: settlement.delayMs }, 'a delivery failed');
    }
  }

  /** An exchange after `ms` at the latest: retries that fall due, other gateways' events, leases of dead workers. */
  #rest(ms: number): void {
    const at = performance.now() + ms;
    if (this.#timer && this.#timerAt <= at + 1) return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#timerAt = Infinity;
      this.#turn();
    }, ms);
  }

  #report(thrown: unknown): void {
    const { endpoint, log } = this.#parts;
    const error = toError(thrown);
    const message = 'the outbox cannot be reached';
    // The link itself has said that Redis is away.
    if (error instanceof GatewayError && error.code === 'GW_ERR_REDIS_AWAY')
      log.debug({ endpoint, err: error }, message);
    else log.error({ endpoint, err: error }, message);
  }
}
