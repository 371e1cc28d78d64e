import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { systemClock, type Clock } from '../lib/clock.js';
import { inBackground } from '../lib/background.js';
import { toError } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import type { SinkConfigs } from '../sinks/index.js';
import { EndpointWorker, type DeliveryHooks } from './endpoint-worker.js';
import type { SenderTimeouts } from './http-poster.js';
import type { Backlog, DeliveryQueue, DisableReason, Drop } from './queue.js';
import { Sender, type Attempt, type DeliveryChannel, type EndpointConfig } from './sender.js';

/** Requests at a time to one endpoint, of one gateway. */
const IN_FLIGHT = 8;
/** For what another gateway wrote or held when it died; our own events and retries do not wait for it. */
const POLL_MS = 1_000;
const BACKLOG_MS = 5_000;
const TRIM_MS = 60_000;
const DISABLE_AFTER_MS = 5 * 86_400_000;
/** Of the time to stop: so long what falls due is still taken, the rest is for the receivers' answers. */
const TAKING_SHARE = 0.6;

/** An endpoint, with what makes something else of it than a receiver of signed events. */
export interface AnyEndpointConfig extends EndpointConfig, SinkConfigs {}

export interface DispatcherHooks extends Pick<DeliveryHooks, 'onDelivered' | 'onAttempt' | 'onDead'> {
  /** Every five seconds, per endpoint. */
  onBacklog?: (endpoint: string, backlog: Backlog) => void;
  /** Undelivered events were dropped by retention, or Redis had lost them. */
  onDrop?: (drop: Drop) => void;
  /** Redis holds nothing any more of what it held at the last look. */
  onDataLost?: () => void;
}

export interface DispatcherOptions {
  pollMs?: number;
  backlogMs?: number;
  timeouts?: SenderTimeouts;
  now?: Clock;
  random?: () => number;
  /** Opens what is no receiver of signed events; null for one that is. Left out: all are. */
  openSink?: (
    endpoint: AnyEndpointConfig,
    connection: { inFlight: number; timeouts: SenderTimeouts | undefined },
  ) => DeliveryChannel | null;
}

interface Served {
  /** What the worker was made with, to see what a new configuration changes. */
  fingerprint: string;
  channel: DeliveryChannel;
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
  readonly #leaving = new Set<EndpointWorker>();
  #identity: string | null = null;
  #backlogs = new Map<string, Backlog>();
  /** Endpoints whose configuration the outbox has not been told of yet. */
  readonly #unannounced = new Set<string>();

  constructor(queue: DeliveryQueue, log: Logger, hooks: DispatcherHooks = {}, options: DispatcherOptions = {}) {
    this.#queue = queue;
    this.#log = log;
    this.#hooks = hooks;
    this.#options = options;
  }

  start(endpoints: readonly AnyEndpointConfig[]): void {
    this.update(endpoints);
    this.#timers = [
      setInterval(
        () => this.#try(() => this.#look(), 'reading the backlog failed'),
        this.#options.backlogMs ?? BACKLOG_MS,
      ),
      setInterval(() => this.#try(() => this.#trim(), 'trimming the events failed'), TRIM_MS),
    ];
  }

  /** A new configuration: what did not change goes on undisturbed; a changed endpoint is no longer taken for gone. */
  update(endpoints: readonly AnyEndpointConfig[]): void {
    const wanted = new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]));
    for (const [id, { fingerprint, worker, channel }] of this.#served) {
      const config = wanted.get(id);
      if (config && fingerprintOf(config) === fingerprint) continue;
      this.#served.delete(id);
      this.#leave(worker, channel);
    }
    for (const [id, config] of wanted) if (!this.#served.has(id)) this.#serve(config);
    // At once: until the next look nobody would be told how endpoints are, and alerts that stand would end and come anew.
    this.#try(() => this.#look(), 'reading the backlog failed');
  }

  /** Events were just queued for these endpoints by this gateway: they go out now. */
  poke(endpoints: readonly string[]): void {
    for (const id of endpoints) this.#served.get(id)?.worker.wake();
  }

  /**
   * One event past the queue, to see what the receiver says; null where there is no such endpoint.
   * @throws GatewayError GW_ERR_CONFLICT where only a call would show it
   */
  async test(endpoint: string, eventId: string, body: string): Promise<Attempt | null> {
    const served = this.#served.get(endpoint);
    if (served?.channel.callsOnly)
      throw new GatewayError('GW_ERR_CONFLICT', 'this webhook tells of calls only, nothing was sent: make a test call');
    return served ? served.channel.send({ eventId, attempt: 1, body: Buffer.from(body) }) : null;
  }

  /** Stops deliveries to an endpoint, for all gateways. False where they were stopped already. */
  async disable(endpoint: string, reason: DisableReason): Promise<boolean> {
    const changed = await this.#queue.disable(endpoint, reason, this.#served.get(endpoint)?.fingerprint ?? '');
    if (changed) this.#log.error({ endpoint, reason }, 'the endpoint is disabled, its events wait until it is enabled');
    return changed;
  }

  async enable(endpoint: string): Promise<boolean> {
    const changed = await this.#queue.enable(endpoint);
    if (changed) this.#log.info({ endpoint }, 'the endpoint is enabled');
    this.poke([endpoint]);
    return changed;
  }

  /**
   * Resolves when nothing is due and nothing is being sent any more: the ends of its last calls fall due as it stops. What takes longer than `deadlineMs` is broken off and given back.
   */
  async stop(deadlineMs: number): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    const served = [...this.#served.values()].map(({ worker }) => worker.stop(deadlineMs, deadlineMs * TAKING_SHARE));
    const leaving = [...this.#leaving].map((worker) => worker.stop(deadlineMs));
    await Promise.all([...served, ...leaving]);
    this.#served.clear();
  }

  #serve(config: AnyEndpointConfig): void {
    const { pollMs = POLL_MS, timeouts, now = systemClock, random = Math.random, openSink } = this.#options;
    const { id, inFlight = IN_FLIGHT, disableAfter: disableAfterMs = DISABLE_AFTER_MS } = config;
    const sink = openSink?.(config, { inFlight, timeouts });
    const channel = sink ?? new Sender(config, inFlight, now, timeouts);
    const fingerprint = fingerprintOf(config);
    const worker = new EndpointWorker({
      ...{ endpoint: id, fingerprint, queue: this.#queue, channel, log: this.#log, pollMs, random, disableAfterMs },
      hooks: { ...this.#hooks, onLost: (endpoint, events) => this.#tellLost(endpoint, events) },
      disable: async (reason) => {
        // One that is leaving speaks of a configuration that is the endpoint's no longer.
        if (this.#served.get(id)?.worker === worker) await this.disable(id, reason);
      },
    });
    this.#served.set(id, { fingerprint, channel, worker });
    this.#unannounced.add(id);
    worker.start();
  }

  #leave(worker: EndpointWorker, { attemptMs }: DeliveryChannel): void {
    this.#leaving.add(worker);
    const left = worker.stop(attemptMs).finally(() => this.#leaving.delete(worker));
    this.#try(() => left, 'stopping an endpoint failed');
  }

  /** What was disabled with another configuration gets its chance with this one. */
  async #announce(): Promise<void> {
    for (const endpoint of [...this.#unannounced]) {
      const served = this.#served.get(endpoint);
      if (served && (await this.#queue.reconfigured(endpoint, served.fingerprint))) {
        this.#log.info({ endpoint }, 'the endpoint has a new configuration and is enabled');
        served.worker.wake();
      }
      this.#unannounced.delete(endpoint);
    }
  }

  async #look(): Promise<void> {
    await this.#announce();
    await this.#checkIdentity();
    const backlogs = await this.#queue.backlog([...this.#served.keys()]);
    this.#backlogs = backlogs;
    for (const [endpoint, backlog] of backlogs) {
      this.#hooks.onBacklog?.(endpoint, backlog);
      if (backlog.dead > 0) await this.#queue.tellDead(endpoint);
    }
  }

  /** What was undelivered at the last look is gone with the data. */
  async #checkIdentity(): Promise<void> {
    const identity = await this.#queue.identity();
    if (this.#identity !== null && this.#identity !== identity) {
      this.#hooks.onDataLost?.();
      for (const [endpoint, { events }] of this.#backlogs) {
        // Every gateway finds this out.
        const isFirst = events > 0 && (await this.#queue.tellMissing(endpoint, events, identity));
        if (isFirst) this.#hooks.onDrop?.({ endpoint, reason: 'missing', events });
      }
      this.#log.error({}, 'Redis has come back without its data: calls, events and deliveries before this are gone');
    }
    this.#identity = identity;
  }

  async #trim(): Promise<void> {
    const { drops } = await this.#queue.trim([...this.#served.keys()]);
    for (const drop of drops) {
      this.#log.error({ ...drop }, 'undelivered events were dropped');
      this.#hooks.onDrop?.(drop);
    }
  }

  #tellLost(endpoint: string, events: number): void {
    this.#hooks.onDrop?.({ endpoint, reason: 'missing', events });
    this.#try(async () => {
      await this.#queue.tellMissing(endpoint, events);
    }, 'telling of missing events failed');
  }

  /** What fails is tried again by the next look. That Redis is away the link itself has said. */
  #try(work: () => Promise<void>, message: string): void {
    inBackground(
      work().catch((thrown: unknown) => {
        const away = thrown instanceof GatewayError && thrown.code === 'GW_ERR_REDIS_AWAY';
        this.#log[away ? 'debug' : 'warn']({ err: toError(thrown) }, message);
      }),
    );
  }
}

/** Of all that a worker is made with; secrets do not shine through. A change of subscriptions disturbs nobody. */
function fingerprintOf({
  id,
  url,
  secret,
  allowPrivate,
  headers,
  tls,
  inFlight,
  disableAfter,
  ...others
}: AnyEndpointConfig): string {
  const { template, ga4, metrica, amocrm, bitrix24 } = others;
  const sinks = [template, ga4, metrica, amocrm, bitrix24];
  const made = JSON.stringify([id, url, secret, allowPrivate, headers, tls, inFlight, disableAfter, sinks]);
  return createHash('sha256').update(made).digest('hex').slice(0, 16);
}
