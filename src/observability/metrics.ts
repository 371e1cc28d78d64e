import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Call, Overflow, RecordingInfo, Screening } from '../call/call.js';
import type { CallMetrics } from '../call/deps.js';
import { withDeadline } from '../lib/deadline.js';
import type { LeaseOutcome } from '../leases/desk.js';
import type { RegisterResult } from '../lines/registrar.js';
import type { LimitKind } from '../routing/limits.js';
import { CAPACITY_LOSSES } from '../routing/loss.js';
import { LabelBound } from './label-bound.js';

const COLLECT_TIMEOUT_MS = 1000;

/** Counted from 0 on: what alerts look at must be there before it happens. */
const ALERTED_LOSSES = [...CAPACITY_LOSSES, 'media_failure'];

/**
 * Everything that is counted. Labels hold ids of the configuration and words of ours, never numbers or call ids.
 * Names are outward contract; units stand in them. Counters that alerts look at are there from the beginning, at 0: a
 * series that is born at 1 has no increase().
 */
export class GatewayMetrics implements CallMetrics {
  readonly registry = new Registry();
  private readonly collectors: (() => void | Promise<void>)[] = [];
  private readonly bound = new LabelBound();
  private readonly m = defineMetrics(this.registry);

  constructor(options: { nodeDefaults?: boolean } = {}) {
    if (options.nodeDefaults ?? true) collectDefaultMetrics({ register: this.registry });
    this.m.recordings.inc({ status: 'failed' }, 0);
    this.m.refused.inc({ reason: 'overload' }, 0);
  }

  ended(call: Call): void {
    const labels = { trunk: this.bound.id('trunk', call.trunk), disposition: call.disposition ?? 'unknown' };
    this.m.calls.inc({ ...labels, loss_reason: call.lossReason ?? '' });
    this.m.attribution.inc({ verdict: call.attribution.verdict });
  }

  setup(milliseconds: number): void {
    this.m.setup.observe(milliseconds / 1000);
  }

  answered(seconds: number): void {
    this.m.answer.observe(seconds);
  }

  overflowed(overflow: Overflow): void {
    this.m.overflow.inc({ from: this.bound.id('target', overflow.from), reason: overflow.reason });
  }

  refused(reason: Parameters<CallMetrics['refused']>[0]): void {
    this.m.refused.inc({ reason });
  }

  /** Phones registered for a line now. */
  lineContacts(line: string, contacts: number): void {
    this.m.lineContacts.set({ line: this.bound.id('line', line) }, contacts);
  }

  /** A REGISTER and what became of it. */
  register(result: RegisterResult): void {
    this.m.registers.inc({ result });
  }

  lease(site: string, outcome: LeaseOutcome): void {
    this.m.leases.inc({ site: this.bound.id('site', site), outcome });
  }

  /** A visitor for whom no number was free; once for each. */
  poolFallback(site: string): void {
    this.m.poolFallback.inc({ site: this.bound.id('site', site) });
  }

  pool(site: string, free: number, total: number): void {
    const labels = { site: this.bound.id('site', site) };
    this.m.poolFree.set(labels, free);
    this.m.poolNumbers.set(labels, total);
  }

  /** What stood in the contract keys and was passed over. */
  unreadable(kind: string, pieces: number): void {
    this.m.unreadable.inc({ kind }, pieces);
  }

  recording(status: RecordingInfo['status']): void {
    this.m.recordings.inc({ status });
  }

  /** Each rule that a call hit. */
  screened({ hits }: Screening): void {
    for (const { rule, action } of hits) this.m.screening.inc({ rule, action });
  }

  /** `limit` null: unlimited, and then there is no series for the limit. */
  channels(kind: LimitKind, id: string, inUse: number, limit: number | null): void {
    const labels = { kind, id: this.bound.id(kind, id) };
    this.m.channelsInUse.set(labels, inUse);
    if (limit === null) this.m.channelLimit.remove(labels);
    else this.m.channelLimit.set(labels, limit);
  }

  calls({ inProgress, unwritten }: { inProgress: number; unwritten: number }): void {
    this.m.inProgress.set(inProgress);
    this.m.unwritten.set(unwritten);
  }

  /** From the event's own time to the receiver's acknowledgement. */
  eventDelivered(seconds: number): void {
    this.m.delivery.observe(seconds);
  }

  webhook(id: string, state: { events: number; oldestAt: number | null; dead: number; disabled: boolean }): void {
    const endpoint = this.bound.id('endpoint', id);
    this.m.backlog.set({ endpoint }, state.events);
    this.m.backlogAge.set({ endpoint }, state.oldestAt === null ? 0 : (Date.now() - state.oldestAt) / 1000);
    this.m.deadLetters.set({ endpoint }, state.dead);
    this.m.webhookEnabled.set({ endpoint }, state.disabled ? 0 : 1);
    this.m.eventsDropped.inc({ endpoint }, 0);
  }

  eventsDropped(endpoint: string, events: number): void {
    this.m.eventsDropped.inc({ endpoint: this.bound.id('endpoint', endpoint) }, events);
  }

  /** `drachtio`, `redis`, or `freeswitch:<host>:<port>`. */
  engineUp(engine: string, up: boolean): void {
    this.m.engineUp.set({ engine: this.bound.id('engine', engine) }, up ? 1 : 0);
  }

  trunkUp(id: string, up: boolean): void {
    const trunk = this.bound.id('trunk', id);
    this.m.trunkUp.set({ trunk }, up ? 1 : 0);
    for (const reason of ALERTED_LOSSES) this.m.calls.inc({ trunk, disposition: 'missed', loss_reason: reason }, 0);
  }

  lineUp(id: string, up: boolean): void {
    this.m.lineUp.set({ line: this.bound.id('line', id) }, up ? 1 : 0);
  }

  lineDrained(id: string, drained: boolean): void {
    this.m.lineDrained.set({ line: this.bound.id('line', id) }, drained ? 1 : 0);
  }

  /** After a reload: what is no longer configured shall not stand in the graphs for ever. */
  forgetGauges(): void {
    const { channelsInUse, channelLimit, engineUp, trunkUp, poolFree, poolNumbers } = this.m;
    for (const gauge of [channelsInUse, channelLimit, engineUp, trunkUp, poolFree, poolNumbers]) gauge.reset();
    const { lineUp, lineDrained, lineContacts } = this.m;
    for (const gauge of [lineUp, lineDrained, lineContacts]) gauge.reset();
    const { backlog, backlogAge, deadLetters, webhookEnabled } = this.m;
    for (const gauge of [backlog, backlogAge, deadLetters, webhookEnabled]) gauge.reset();
  }

  /** `collect` sets gauges just before each scrape; where it fails or takes over a second, the last values stand. */
  beforeScrape(collect: () => void | Promise<void>): void {
    this.collectors.push(collect);
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** The page that Prometheus scrapes. */
  async render(): Promise<string> {
    const runs = this.collectors.map(async (collect) => {
      await withDeadline(Promise.resolve(collect()), COLLECT_TIMEOUT_MS, 'collecting metrics');
    });
    const failed = (await Promise.allSettled(runs)).filter((run) => run.status === 'rejected').length;
    this.m.collectErrors.inc(failed);
    return this.registry.metrics();
  }
}

function defineMetrics(registry: Registry) {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter({ name: `calltrack_${name}`, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Gauge({ name: `calltrack_${name}`, help, labelNames, registers });
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name: `calltrack_${name}`, help, buckets, registers });
  return {
    calls: counter('calls_total', 'Calls that ended', ['trunk', 'disposition', 'loss_reason']),
    attribution: counter('attribution_total', 'Verdicts of calls that ended', ['verdict']),
    channelsInUse: gauge('channels_in_use', 'Channels held now, by all gateways', ['kind', 'id']),
    channelLimit: gauge('channel_limit', 'Channels there are; none where unlimited', ['kind', 'id']),
    overflow: counter('overflow_total', 'Steps left for want of a channel', ['from', 'reason']),
    // The contract is p50 <= 30 ms and p99 <= 120 ms for the whole set-up; the gateway's own share is a part of it.
    setup: histogram(
      'setup_seconds',
      'INVITE in to first INVITE out',
      [0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.25, 0.5, 1, 2.5, 5],
    ),
    answer: histogram('answer_seconds', 'INVITE in to answer', [1, 2, 3, 5, 8, 12, 20, 30, 45, 60, 90, 120]),
    // What is promised is p50 <= 25 ms and p99 <= 150 ms with a fast receiver.
    delivery: histogram(
      'event_delivery_seconds',
      'Event to its acknowledgement by the receiver',
      [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3600, 21_600, 86_400],
    ),
    backlog: gauge('webhook_backlog', 'Events that wait for the receiver', ['endpoint']),
    backlogAge: gauge('webhook_backlog_age_seconds', 'Age of the oldest of them', ['endpoint']),
    deadLetters: gauge('webhook_dead_letters', 'Events that were given up and can be replayed', ['endpoint']),
    webhookEnabled: gauge('webhook_enabled', '0 while nothing is sent to the receiver', ['endpoint']),
    eventsDropped: counter('events_dropped_total', 'Undelivered events that were dropped', ['endpoint']),
    screening: counter('screening_total', 'Rules against spam and fraud that calls hit', ['rule', 'action']),
    recordings: counter('recordings_total', 'Recordings settled', ['status']),
    engineUp: gauge('engine_up', '1 while connected, and Redis takes writes', ['engine']),
    trunkUp: gauge('trunk_up', '1 while the carrier answers', ['trunk']),
    lineUp: gauge('line_up', '0 while the fixed address of a line that is watched does not answer', ['line']),
    lineDrained: gauge('line_drained', '1 while a line is taken out of service', ['line']),
    refused: counter('invites_refused_total', 'INVITEs that never became a call', ['reason']),
    lineContacts: gauge('line_contacts', 'Phones registered for a line now', ['line']),
    registers: counter('registers_total', 'REGISTER requests of phones, and of who tries', ['result']),
    leases: counter('leases_total', 'What happened to leases', ['site', 'outcome']),
    poolFallback: counter('pool_fallback_total', 'Visitors for whom no number was free', ['site']),
    poolFree: gauge('pool_free', 'Numbers of the pool that can be lent now', ['site']),
    poolNumbers: gauge('pool_numbers', 'Numbers of the pool', ['site']),
    unreadable: counter('unreadable_data_total', 'Pieces of numbers, leases and holders that were passed over', [
      'kind',
    ]),
    inProgress: gauge('calls_in_progress', 'Calls of this gateway now', []),
    unwritten: gauge('calls_unwritten', 'Calls that are over and wait for Redis', []),
    collectErrors: counter('metrics_collect_errors_total', 'Collectors that failed at a scrape', []),
  };
}
