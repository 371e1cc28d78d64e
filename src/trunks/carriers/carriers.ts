import type { Logger } from 'pino';
import type { LegResult } from '../../call/call.js';
import type { Carriers, GatewayChoice, TrunkWatch } from '../../call/ports.js';
import type { SipFailure } from '../../call/sip-ports.js';
import type { CarrierGateway, GatewayConfig, TrunkConfig } from '../../config/schema.js';
import { Conditions, ROUND_MS } from '../../health/conditions.js';
import type { OptionsMonitor } from '../../health/options-monitor.js';
import { inBackground } from '../../lib/background.js';
import { SharedDrains } from '../drains.js';
import { CarrierTrunk } from './carrier-trunk.js';
import type { CarrierOutside } from './ports.js';
import { silenceOf, type Silence } from './silence.js';
import { TRUNK_DOWN_REASONS, type TrunkDownReason, type TrunkState, type TrunkStates } from './state.js';

export interface CarrierOptions {
  logger: Logger;
  /** Monotonic clock and chance, for tests. */
  now?: () => number;
  random?: () => number;
}

type WatchedConfig = Pick<GatewayConfig, 'trunks' | 'schedules'>;

/** All trunks of the configuration: what the route walk, the gate and the operators ask of them. */
export class CarrierTrunks implements Carriers, TrunkWatch, TrunkStates {
  /** Learnt with what the gateways share of trunks: one exchange a second for both. */
  readonly drains: SharedDrains;
  readonly #trunks = new Map<string, CarrierTrunk>();
  readonly #silences = new Map<string, Silence>();
  readonly #conditions: Conditions<TrunkDownReason>;
  #startedAt = Date.now();
  /** When a trunk was last heard, here or by another gateway; ms since the epoch, by our own clock. */
  readonly #heardAt = new Map<string, number>();
  /** What was shared of it at the last look; null before the first one. */
  #sharedAt: ReadonlyMap<string, number> | null = null;
  /** Not passed on to the others yet. */
  #fresh = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #sharing = false;

  constructor(
    private readonly outside: CarrierOutside,
    private readonly options: CarrierOptions,
  ) {
    this.#conditions = new Conditions(TRUNK_DOWN_REASONS, (word) => outside.tell(word));
    this.drains = new SharedDrains(
      (name, on) => outside.setDrained(name, on),
      () => this.#judge(),
    );
  }

  start(config: WatchedConfig): void {
    this.update(config);
    // So soon all gateways know of a drain, and so exact is the watch over silence.
    this.#timer = setInterval(() => inBackground(this.#round()), ROUND_MS);
    inBackground(this.#round());
  }

  /** A reload: what is configured as before keeps its state. */
  update({ trunks, schedules }: WatchedConfig): void {
    const former = new Map(this.#trunks);
    this.#trunks.clear();
    this.#silences.clear();
    for (const trunk of trunks) {
      this.#trunks.set(trunk.id, this.#build(trunk, former.get(trunk.id) ?? null));
      const silence = silenceOf(trunk, schedules);
      if (silence) this.#silences.set(trunk.id, silence);
    }
    for (const [id, trunk] of former) {
      inBackground(trunk.stop(this.#trunks.get(id) ?? null));
      if (!this.#trunks.has(id)) this.#conditions.forget(id, Date.now());
    }
    this.#judge();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#trunks.values()].map((trunk) => trunk.stop()));
  }

  order(trunkId: string, gateways: readonly CarrierGateway[], evenDown: boolean): GatewayChoice {
    if (this.drains.has('trunk', trunkId)) return { gateways: [], full: false };
    return this.#trunks.get(trunkId)?.order(gateways, evenDown) ?? { gateways: [...gateways], full: false };
  }

  async turn(trunkId: string, mostMs: number): Promise<boolean> {
    return (await this.#trunks.get(trunkId)?.turn(mostMs)) ?? true;
  }

  failed(trunkId: string, uri: string, failure: SipFailure, result: LegResult): void {
    this.#trunks.get(trunkId)?.failed(uri, failure, result);
  }

  heard(trunkId: string): void {
    this.#heardAt.set(trunkId, Date.now());
    this.#fresh.set(trunkId, Date.now());
  }

  list(): TrunkState[] {
    return [...this.#trunks.values()].map((trunk) => {
      const { id } = trunk.config;
      const down = this.#conditions.downOf(id).map(({ reason, since }) => ({ reason, since: iso(since) }));
      const heardAt = this.#heardAt.get(id);
      return {
        id,
        up: down.length === 0,
        draining: this.drains.has('trunk', id),
        down,
        gateways: trunk.gatewayStates(),
        registration: trunk.registration,
        lastCallAt: heardAt === undefined ? null : iso(heardAt),
      };
    });
  }

  #build(trunk: TrunkConfig, former: CarrierTrunk | null): CarrierTrunk {
    const { now = () => performance.now(), random = Math.random } = this.options;
    return new CarrierTrunk(
      trunk,
      {
        options: (uri, timeoutMs) => this.outside.options(uri, timeoutMs),
        register: (settings, onChange) => this.outside.register(settings, onChange),
        now,
        random,
        onChange: (monitor) => this.#gatewayChanged(trunk.id, monitor),
        onRegistration: () => this.#registrationChanged(trunk.id),
      },
      former,
    );
  }

  #gatewayChanged(trunk: string, { uri, seen }: OptionsMonitor): void {
    const fields = { trunk, gateway: uri, status: seen.lastStatus };
    if (seen.state === 'down') this.options.logger.warn(fields, 'gateway of the carrier is down');
    else this.options.logger.info(fields, 'gateway of the carrier answers');
    this.#judge();
  }

  /** Each refusal is said with what the carrier answered: it alone tells a wrong password from a firewall. */
  #registrationChanged(trunk: string): void {
    const registration = this.#trunks.get(trunk)?.registration;
    if (registration?.state === 'failed') {
      const { lastStatus: status, failures, nextAttemptAt } = registration;
      this.options.logger.warn(
        { trunk, status, failures, nextAttemptAt },
        'the carrier does not take our registration',
      );
    }
    this.#judge();
  }

  async #round(): Promise<void> {
    if (this.#sharing) return;
    this.#sharing = true;
    const fresh = this.#fresh;
    this.#fresh = new Map();
    const learnDrains = this.drains.reading();
    try {
      const { drained, heardAt } = await this.outside.share(fresh);
      learnDrains(drained);
      this.#learn(heardAt);
    } catch {
      // Redis is away: what is drained stays so, and what was heard is passed on when it is back.
      this.#fresh = new Map([...fresh, ...this.#fresh]);
    } finally {
      this.#sharing = false;
    }
    this.#judge();
    await this.#conditions.round();
  }

  /** Looks at every trunk and tells what has changed. */
  #judge(): void {
    const now = Date.now();
    for (const [id, trunk] of this.#trunks) {
      this.#note(id, 'options', trunk.silentToOptions, now);
      this.#note(id, 'registration', trunk.unregistered, now);
      this.#note(id, 'silence', this.#isSilent(id, now), now);
      this.#note(id, 'drain', this.drains.has('trunk', id), now);
    }
    inBackground(this.#conditions.flush());
  }

  /** Others' times are by their clocks, which may be days ahead: a time that is new means that they have just heard it. */
  #learn(sharedAt: ReadonlyMap<string, number>): void {
    const now = Date.now();
    for (const [trunk, at] of sharedAt) {
      if (this.#sharedAt?.get(trunk) === at) continue;
      const heardAt = this.#sharedAt === null ? Math.min(at, now) : now;
      if (heardAt > (this.#heardAt.get(trunk) ?? 0)) this.#heardAt.set(trunk, heardAt);
    }
    this.#sharedAt = sharedAt;
  }

  #isSilent(id: string, now: number): boolean | null {
    const silence = this.#silences.get(id);
    if (!silence) return false;
    // Our clock was set back: no silence would count until it shows again what it showed then.
    this.#startedAt = Math.min(this.#startedAt, now);
    const heardAt = this.#heardAt.get(id);
    if (heardAt !== undefined && heardAt > now) this.#heardAt.set(id, now);
    return silence.isTooLong(this.#heardAt.get(id), this.#startedAt, now);
  }

  #note(trunk: string, reason: TrunkDownReason, down: boolean | null, now: number): void {
    const wasDown = this.#conditions.downOf(trunk).some((one) => one.reason === reason);
    if (!this.#conditions.set(trunk, reason, down, now)) return;
    if (down) this.options.logger.warn({ trunk, reason }, 'trunk is down');
    else if (wasDown) this.options.logger.info({ trunk, reason }, 'trunk is up again');
  }
}

const iso = (at: number): string => new Date(at).toISOString();
