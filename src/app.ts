import type { Logger } from 'pino';
import { startEngines, withEngines } from './app-sandbox.js';
import { Backlog } from './call/backlog.js';
import type { Call } from './call/call.js';
import type { CallDeps } from './call/deps.js';
import { handleInvite } from './call/inbound.js';
import { LoadGate } from './call/load.js';
import { CallRegistry } from './call/registry.js';
import { Upkeep } from './call/upkeep.js';
import { CallerSide } from './composition/caller-side.js';
import { buildDelivery } from './composition/delivery.js';
import { fillGauges } from './composition/gauges.js';
import { buildConsole } from './composition/console.js';
import { History } from './composition/history.js';
import { openFeed, reportSource, type OpenFeed } from './composition/http-sources.js';
import { Intake } from './composition/intake.js';
import { Limits } from './composition/limits.js';
import { Phones } from './composition/phones.js';
import { Pools } from './composition/pools.js';
import { Reloads, withPlacesOf, type ConfigSource } from './composition/reload.js';
import { RecordingHouse } from './composition/recordings.js';
import { buildWatched } from './composition/watched.js';
import type { GatewayConfig } from './config/schema.js';
import type { OperationalEvent } from './events/catalogue.js';
import { endpointsForCall, endpointsForOperational } from './events/subscriptions.js';
import { createHttpServer, type HttpServer } from './http/server.js';
import { inBackground } from './lib/background.js';
import { withDeadline } from './lib/deadline.js';
import type { FixedLines } from './lines/fixed-lines.js';
import { FreeSwitchPool } from './media/pool.js';
import { RememberedNumbers } from './numbers/last-known.js';
import { GatewayMetrics } from './observability/metrics.js';
import { RedisAdmissions, type Rubbish } from './redis/admissions.js';
import { RedisCallStore } from './redis/call-store.js';
import { gatewayName } from './redis/client.js';
import { RedisLink } from './redis/connection.js';
import { Keys } from './redis/keys.js';
import { RedisRotations } from './redis/rotations.js';
import { RedisUse } from './redis/use.js';
import { needsOf } from './screening/rules.js';
import type { SandboxProcess } from './sandbox/process.js';
import { DrachtioSipSide } from './sip/sip-side.js';
import type { CarrierTrunks } from './trunks/carriers/carriers.js';
import { TrunkGate } from './trunks/gate.js';
import { Overview } from './trunks/overview.js';
import type { WebhookDesk } from './webhooks/desk.js';
import type { Dispatcher } from './webhooks/dispatcher.js';

/** How long a stop that does not drain waits for the far ends to answer our BYEs. */
const HANG_UP_TIMEOUT_MS = 5000;
const DISPATCH_STOP_MS = 5000;
/** How long a stop waits for what the store of recordings was asked: one that hangs would hold it up for `s3.timeout`. */
const STORE_STOP_MS = 5000;
const DRAIN_REPORT_MS = 5000;

/** A gateway: every part is built and joined here, and nowhere else. `read` reads the configuration anew, for a reload. */
export async function createApp(config: GatewayConfig, logger: Logger, read: () => Promise<GatewayConfig>) {
  const sandbox = config.engines.mode === 'sandbox' ? await startEngines(config, logger) : null;
  const withSandbox = sandbox ? withEngines(config, sandbox) : config;
  return new App(withSandbox, logger, sandbox, { written: config, read });
}

export class App {
  readonly reloads: Reloads;
  readonly #registry = new CallRegistry();
  readonly #backlog = new Backlog();
  readonly #metrics: GatewayMetrics;
  #config: GatewayConfig;
  #gate: TrunkGate;
  readonly #link: RedisLink;
  readonly #pools: Pools;
  readonly #limits: Limits;
  readonly #admissions: RedisAdmissions;
  readonly #callers: CallerSide;
  readonly #store: RedisCallStore;
  readonly #history: History;
  readonly #dispatcher: Dispatcher;
  readonly #webhooks: WebhookDesk;
  readonly #carriers: CarrierTrunks;
  readonly #lines: FixedLines;
  readonly #phones: Phones;
  readonly #intake: Intake;
  readonly #sip: DrachtioSipSide;
  readonly #media: FreeSwitchPool;
  readonly #recordings: RecordingHouse;
  readonly #upkeep: Upkeep;
  readonly #events: OpenFeed;
  readonly #http: HttpServer;
  #stopping: Promise<void> | null = null;

  constructor(
    config: GatewayConfig,
    private readonly logger: Logger,
    private readonly sandbox: SandboxProcess | null,
    source: ConfigSource,
  ) {
    this.#config = config;
    const apply = (next: GatewayConfig): Promise<void> => this.#apply(next);
    this.reloads = new Reloads({ ...source, apply, channels: () => this.#limits.channels, logger });
    this.#gate = new TrunkGate(config.trunks);
    this.#metrics = new GatewayMetrics();
    this.#link = new RedisLink({ ...config.redis, name: gatewayName(config.gateway.id) });
    const keys = new Keys(config.redis.keyPrefix);
    const shared = this.#shared(keys);
    this.#pools = new Pools(shared);
    this.#limits = new Limits(shared);
    this.#admissions = new RedisAdmissions(this.#link, keys, this.#limits.channels, {
      onRubbish: (rubbish) => this.#passedOver(rubbish),
      screening: () => needsOf(this.#config.sites),
      scarcity: this.#limits.scarcity,
    });
    const onQueued = (endpoints: string[]): void => this.#dispatcher.poke(endpoints);
    const onEnded = (call: Call): void => this.#callers.ended(call);
    const onForeign = (callId: string): void => this.#upkeep.callTaken(callId);
    const retentionMs = (): number => this.#config.history.retention;
    this.#store = new RedisCallStore(this.#link, keys, { retentionMs }, { onQueued, onEnded, onForeign });
    ({ dispatcher: this.#dispatcher, desk: this.#webhooks } = buildDelivery(shared));
    this.#callers = new CallerSide({
      ...shared,
      admissions: this.#admissions,
      promoCodes: this.#pools.promo,
      eraseRecordings: (...caller) => this.#recordings.archive.removeOfCaller(...caller),
      history: () => this.#history,
      owner: this.#store.owner,
      onQueued,
    });
    this.#recordings = new RecordingHouse({ ...shared, calls: this.#store, callers: this.#callers });
    this.#history = new History({ ...shared, recordings: this.#recordings });
    this.#phones = new Phones({ ...shared, sip: () => this.#sip });
    this.#intake = new Intake({
      ...shared,
      recordings: this.#recordings,
      phones: this.#phones,
      gate: (address) => this.#gate.find(address),
      sip: () => this.#sip,
      media: () => this.#media,
      carriers: () => this.#carriers,
    });
    this.#sip = this.#buildSip();
    ({ carriers: this.#carriers, lines: this.#lines } = buildWatched({ ...shared, sip: this.#sip, onQueued }));
    this.#media = this.#buildMedia();
    const deps = this.#callDeps(keys);
    const inHand = { registry: this.#registry, load: new LoadGate() };
    this.#onInvite = (invite) => handleInvite(invite, inHand, deps);
    this.#upkeep = new Upkeep({ ...deps, registry: this.#registry }, this.#store, logger);
    this.#events = openFeed(config, this.#link, keys, logger);
    this.#http = this.#buildHttp(keys);
    this.#metrics.beforeScrape(() => this.#fillGauges());
    this.#followRedis();
  }

  #passedOver(rubbish: Rubbish): void {
    this.#metrics.unreadable(rubbish.kind, rubbish.count);
    this.logger.warn({ ...rubbish }, 'unreadable data of a number');
  }

  #publishNumbers = (): void => inBackground(this.#pools.publishNumbers());

  #followRedis(): void {
    this.#link.on('up', () => {
      this.logger.info({}, 'connected to Redis');
      this.#publishNumbers();
    });
    this.#link.on('down', (reason) => this.logger.warn({ reason }, 'Redis is away'));
    this.#link.on('refused', (reason) => this.logger.error({ reason }, 'Redis takes no writes'));
  }

  async start(): Promise<void> {
    await this.#recordings.start();
    const { port } = await this.#http.start();
    this.#media.start();
    this.#sip.start();
    this.#phones.start();
    this.#carriers.start(this.#config);
    this.#lines.start(this.#config.lines);
    this.#dispatcher.start(this.#config.webhooks);
    this.#upkeep.start();
    this.#limits.start();
    this.#pools.start();
    this.#callers.start();
    this.#history.start();
    this.logger.info({ http: port, engines: this.#config.engines.mode }, 'gateway started');
  }

  #apply(config: GatewayConfig): Promise<void> {
    this.#config = withPlacesOf(this.#config, config);
    this.#gate = new TrunkGate(config.trunks);
    this.#dispatcher.update(config.webhooks);
    this.#carriers.update(config);
    this.#lines.update(config.lines);
    this.#metrics.forgetGauges();
    return this.#pools.publishNumbers();
  }

  /** Takes no new calls, waits for the last one to end, then stops. */
  async drain(): Promise<void> {
    this.#intake.close();
    const report = setInterval(() => {
      const calls = this.#registry.all();
      this.logger.info({ calls: calls.length, sample: calls.slice(0, 3).map(({ id }) => id) }, 'draining');
    }, DRAIN_REPORT_MS);
    await this.#registry.empty();
    clearInterval(report);
    await this.stop();
  }

  /** Hangs up on everybody, then lets go of everything. Asked for again meanwhile it is the same stop. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  async #stop(): Promise<void> {
    this.#intake.close();
    this.reloads.stop();
    for (const call of this.#registry.all())
      call.end({ by: 'gateway', reason: 'shutdown', loss: 'gateway_lost', sip: 503 });
    await withDeadline(this.#registry.empty(), HANG_UP_TIMEOUT_MS, 'ending all calls').catch(() => {
      // A far end that answers no BYE holds its call for 32 s; its end is told already, a peer cleans up the rest.
      this.logger.warn({ calls: this.#registry.size }, 'stopping before the last far end has answered');
      for (const call of this.#registry.all()) call.abandonJournal();
    });
    const letGo = setTimeout(() => this.#recordings.letGoOfStore(), STORE_STOP_MS);
    this.#limits.stop();
    this.#pools.stop();
    await this.#callers.stop();
    await this.#history.stop();
    await this.#upkeep.stop();
    this.#lines.stop();
    await this.#carriers.stop();
    await this.#dispatcher.stop(DISPATCH_STOP_MS);
    this.#phones.stop();
    this.#sip.stop();
    this.#media.stop();
    await this.#http.stop();
    this.#events.stop();
    await this.#recordings.stop();
    clearTimeout(letGo);
    this.#link.close();
    await this.sandbox?.stop();
  }

  #callDeps(keys: Keys): CallDeps {
    const { logger } = this;
    const config = () => this.#config;
    return {
      config,
      gate: (address) => this.#gate.find(address),
      sip: this.#sip,
      media: this.#media,
      admissions: this.#admissions,
      channels: this.#limits.channels,
      carriers: this.#carriers,
      trunks: this.#carriers,
      drains: this.#carriers.drains,
      store: this.#store,
      recordings: this.#recordings.settler,
      lastKnown: new RememberedNumbers(config),
      callRates: this.#callers.rates,
      callers: this.#callers.callers,
      promoCodes: this.#pools.promo,
      lineContacts: this.#phones.registrations,
      lineHealth: this.#lines,
      rotations: new RedisRotations(this.#link, keys),
      backlog: this.#backlog,
      metrics: this.#metrics,
      logger,
      endpointsFor: this.#endpointsFor,
      accepting: () => this.#intake.open,
    };
  }

  #endpointsFor: CallDeps['endpointsFor'] = (site, type) =>
    endpointsForCall(type, site, this.#config.webhooks, this.#config.sites);

  /** Until everything that a call needs is built. */
  #onInvite: (invite: Parameters<typeof handleInvite>[0]) => void = (invite) => invite.refuse(503);

  #buildSip(): DrachtioSipSide {
    const { drachtio } = this.#config.engines;
    if (!drachtio) throw new Error('engines.drachtio is missing'); // The configuration check refuses this.
    return new DrachtioSipSide(
      { ...drachtio, logger: this.logger },
      {
        onInvite: (invite) => this.#onInvite(invite),
        optionsStatus: (source) => this.#intake.optionsStatus(source),
        onLinkLost: () => {
          for (const session of this.#registry.all()) session.linkLost();
        },
        onRegister: (request) => this.#phones.registrar.answer(request),
      },
    );
  }

  #buildMedia(): FreeSwitchPool {
    return new FreeSwitchPool(
      this.#config.engines.freeswitch.map((server) => ({
        ...server,
        logger: this.logger,
        createUac: (...args: unknown[]) => this.#sip.createUac(...args),
      })),
    );
  }

  /** What the parts that join themselves are joined to. */
  #shared(keys: Keys) {
    return {
      link: this.#link,
      keys,
      config: () => this.#config,
      metrics: this.#metrics,
      registry: this.#registry,
      logger: this.logger,
      endpointsFor: this.#endpointsFor,
      onDataLost: this.#publishNumbers,
      tell: (event: OperationalEvent, subject: string) => this.#tell(event, subject),
    };
  }

  #buildHttp(keys: Keys): HttpServer {
    const use = new RedisUse(this.#link, keys);
    const options = {
      ...this.#config.http,
      keys: () => this.#config.access.keys,
      calls: this.#store,
      callerEraser: this.#callers.eraser,
      ...this.#history.http,
      events: this.#events,
      ...this.#callers.http(this.#store, this.#recordings.source.audit),
      resources: this.#buildOverview(use),
      reports: reportSource(use, { config: () => this.#config, pools: () => this.#pools.now(this.#callers.rates) }),
      ...this.#pools.http,
      sites: () => this.#config.sites,
      webhooks: this.#webhooks,
      reloader: this.reloads,
      recordings: this.#recordings.source,
      readiness: () => this.#intake.readiness(),
      metrics: this.#metrics,
      logger: this.logger,
    };
    return createHttpServer({ ...options, console: buildConsole(this.#link, keys, () => this.#config, options) });
  }

  #buildOverview(use: RedisUse): Overview {
    return new Overview({
      config: () => this.#config,
      inUse: (resources) => this.#limits.channels.inUse(resources),
      use,
      trunkStates: this.#carriers,
      drains: this.#carriers.drains,
      registrations: (lines) => this.#phones.registrations.registrations(lines),
      lineHealth: (line) => this.#lines.healthOf(line),
      findNumber: async (number) => (await this.#admissions.lookUp(number, Date.now())).number,
    });
  }

  #tell(event: OperationalEvent, subject: string): Promise<void> {
    const { webhooks, sites } = this.#config;
    const site = 'site' in event.data ? event.data.site : null;
    return this.#store.appendOperational(event, subject, endpointsForOperational(event.type, webhooks, site, sites));
  }

  #fillGauges(): Promise<void> {
    return fillGauges({
      config: () => this.#config,
      metrics: this.#metrics,
      calls: () => ({ inProgress: this.#registry.inProgress, unwritten: this.#backlog.size }),
      engines: () => ({
        redis: this.#link.trouble === null,
        drachtio: this.#sip.up,
        ...Object.fromEntries(Object.entries(this.#media.health()).map(([id, ok]) => [`freeswitch:${id}`, ok])),
      }),
      carriers: this.#carriers,
      lines: this.#lines,
      drains: this.#carriers.drains,
      channels: this.#limits.channels,
      registrations: this.#phones.registrations,
      pools: this.#pools,
    });
  }
}
