import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { systemClock, type Clock } from '../lib/clock.js';
import { toError } from '../lib/deadline.js';
import { EndpointWorker, type DeliveryHooks } from './endpoint-worker.js';
import type { Backlog, DeliveryQueue } from './queue.js';
import { Sender, type EndpointConfig, type SenderTimeouts } from './sender.js';

/** Requests at a time to one endpoint. */
const IN_FLIGHT = 8;
const POLL_MS = 500;
const BACKLOG_MS = 5_000;
const TRIM_MS = 60_000;

export interface DispatcherHooks extends DeliveryHooks {
  /** Every five seconds, per endpoint. */
  onBacklog?: (endpoint: string, backlog: Backlog) => void;
}

export interface DispatcherOptions {
  inFlight?: number;
  pollMs?: number;
  timeouts?: SenderTimeouts;
  now?: Clock;
  random?: () => number;
}

interface Served {
  config: EndpointConfig;
  worker: EndpointWorker;
}

/** Delivers queued events to all endpoints of the configuration, from `start` to `stop`. */
export class Dispatcher {
  readonly #queue: DeliveryQueue;
  readonly #log: Logger;
  readonly #hooks: DispatcherHooks;
  readonly #options: DispatcherOptions;
  readonly #served = new Map<string, Served>();
  #timers: NodeJS.Timeout[] = [];
  /** Workers of endpoints that left the configuration, still finishing. */
  readonly #leaving = new Set<Promise<void>>();

  constructor(queue: DeliveryQueue, log: Logger, hooks: DispatcherHooks = {}, options: DispatcherOptions = {}) {
    this.#queue = queue;
    this.#log = log;
    this.#hooks = hooks;
    this.#options = options;
  }

  start(endpoints: readonly EndpointConfig[]): void {
    this.update(endpoints);
    this.#timers = [
      setInterval(() => this.#inBackground(this.#reportBacklog(), 'reading the backlog failed'), BACKLOG_MS),
      setInterval(() => this.#inBackground(this.#trim(), 'trimming the events failed'), TRIM_MS),
    ];
  }

  /** A new configuration: what did not change goes on undisturbed; a changed endpoint forgets that it answered 410. */
  update(endpoints: readonly EndpointConfig[]): void {
    const wanted = new Map(endpoints.map((endpoint) => [endpoint.id, pick(endpoint)]));
    for (const [id, { config, worker }] of this.#served) {
      if (isDeepStrictEqual(wanted.get(id), config)) continue;
      this.#served.delete(id);
      this.#leave(worker);
    }
    for (const [id, config] of wanted) if (!this.#served.has(id)) this.#served.set(id, this.#serve(config));
  }

  /** Events were just queued for these endpoints by this gateway: they go out now. */
  poke(endpoints: readonly string[]): void {
    for (const id of endpoints) this.#served.get(id)?.worker.wake();
  }

  /** Resolves when nothing is being sent any more; what takes longer than `deadlineMs` is broken off and given back. */
  async stop(deadlineMs: number): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    const workers = [...this.#served.values()];
    this.#served.clear();
    await Promise.all([...workers.map(({ worker }) => worker.stop(deadlineMs)), ...this.#leaving]);
  }

  #serve(config: EndpointConfig): Served {
    const { inFlight = IN_FLIGHT, pollMs = POLL_MS, timeouts, now = systemClock, random = Math.random } = this.#options;
    const sender = new Sender(config, inFlight, now, timeouts);
    const parts = { queue: this.#queue, log: this.#log, hooks: this.#hooks, inFlight, pollMs, random };
    const worker = new EndpointWorker({ endpoint: config.id, sender, ...parts });
    worker.start();
    return { config, worker };
  }

  #leave(worker: EndpointWorker): void {
    const left = worker.stop(this.#options.timeouts?.totalMs ?? 15_000).finally(() => this.#leaving.delete(left));
    this.#leaving.add(left);
    this.#inBackground(left, 'stopping an endpoint failed');
  }

  async #reportBacklog(): Promise<void> {
    const backlogs = await this.#queue.backlog([...this.#served.keys()]);
    for (const [endpoint, backlog] of backlogs) this.#hooks.onBacklog?.(endpoint, backlog);
  }

  async #trim(): Promise<void> {
    const { dropped } = await this.#queue.trim([...this.#served.keys()]);
    if (dropped > 0) this.#log.error({ dropped }, 'deliveries of endpoints that nobody serves any more were dropped');
  }

  #inBackground(work: Promise<void>, message: string): void {
    work.catch((error: unknown) => this.#log.warn({ err: toError(error) }, message));
  }
}

/** The fields that matter here: a reload that changed an endpoint's subscriptions only must not disturb it. */
const pick = ({ id, url, secret, allowPrivate }: EndpointConfig): EndpointConfig => ({ id, url, secret, allowPrivate });
