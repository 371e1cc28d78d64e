import { isDeepStrictEqual } from 'node:util';
import type { LegResult } from '../../call/call.js';
import type { GatewayChoice } from '../../call/ports.js';
import type { SipFailure } from '../../call/sip-ports.js';
import type { CarrierGateway, TrunkConfig } from '../../config/schema.js';
import { isoOf, type MonitorOutside } from '../../health/options-monitor.js';
import { orderGateways } from '../../routing/strategy.js';
import { GatewayMonitor } from './gateway-monitor.js';
import type { CarrierOutside, CarrierRegistration } from './ports.js';
import type { GatewayState, RegistrationState } from './state.js';
import { Turns } from './turns.js';

/** A Retry-After of hours is a mistake of the carrier's that should not cost a day's calls. */
const MAX_HOLD_MS = 300_000;

/** One trunk's outbound side in this process: its gateways, its pace, our registration. */
export class CarrierTrunk {
  private readonly monitors: ReadonlyMap<string, GatewayMonitor>;
  private readonly handle: CarrierRegistration | null;
  private readonly turns: Turns;

  /** @param former of this trunk, before a reload: what is configured as before goes on as it was */
  constructor(
    readonly config: TrunkConfig,
    private readonly outside: MonitorOutside & Pick<CarrierOutside, 'register'> & { onRegistration: () => void },
    former: CarrierTrunk | null = null,
  ) {
    const { outbound, health = null, register } = config;
    this.turns = former?.turns ?? new Turns(() => this.outside.now());
    this.monitors = new Map(
      (outbound?.to ?? []).map(({ uri }) => {
        const known = former?.monitors.get(gatewayKey(uri));
        const keep = known && isDeepStrictEqual(known.policy, health);
        return [gatewayKey(uri), keep ? known : new GatewayMonitor(uri, health, outside)];
      }),
    );
    for (const monitor of this.monitors.values()) if (!former?.owns(monitor)) monitor.start();
    if (register && isDeepStrictEqual(former?.config.register, register)) this.handle = former?.handle ?? null;
    else this.handle = register ? outside.register(register, outside.onRegistration) : null;
  }

  owns(monitor: GatewayMonitor): boolean {
    return this.monitors.get(gatewayKey(monitor.uri)) === monitor;
  }

  /** Gateways to dial, in order. `gateways` are the configured ones with a number before the host. */
  order(gateways: readonly CarrierGateway[], evenDown: boolean): GatewayChoice {
    const free = gateways.filter(({ uri }) => !this.#monitorOf(uri)?.held);
    const there = free.filter(({ uri }) => this.#monitorOf(uri)?.health.state !== 'down');
    const usable = there.length === 0 && evenDown ? free : there;
    return {
      gateways: orderGateways(
        usable,
        () => this.outside.random(),
        (uri) => this.#monitorOf(uri)?.share ?? 1,
      ),
      full: gateways.some(({ uri }) => this.#monitorOf(uri)?.full),
    };
  }

  async turn(mostMs: number): Promise<boolean> {
    const { callsPerSecond = null, queue = 0 } = this.config.outbound ?? {};
    return callsPerSecond === null || this.turns.take(callsPerSecond, Math.min(queue, mostMs));
  }

  /** Retry-After of 5xx is the gateway's own (RFC 3261 21.5.1, 21.5.4); of 4xx and 6xx it is the called person's. */
  failed(uri: string, { status, retryAfterSeconds }: SipFailure, result: LegResult): void {
    if (status === null || status < 500 || status > 599 || retryAfterSeconds === null || retryAfterSeconds <= 0) return;
    this.#monitorOf(uri)?.hold(Math.min(MAX_HOLD_MS, retryAfterSeconds * 1000), result === 'capacity');
  }

  /** Whether OPTIONS says that no gateway is there; null while that is not known. */
  get silentToOptions(): boolean | null {
    if (!this.config.health || this.monitors.size === 0) return false;
    const states = [...this.monitors.values()].map(({ health }) => health.state);
    if (states.includes('up')) return false;
    return states.includes('unknown') ? null : true;
  }

  /** Whether the carrier does not take our registration; null while that is not known. */
  get unregistered(): boolean | null {
    const state = this.handle?.state.state;
    if (state === undefined || state === 'registered') return false;
    return state === 'failed' ? true : null;
  }

  get registration(): RegistrationState | null {
    return this.handle?.state ?? null;
  }

  gatewayStates(): GatewayState[] {
    const now = this.outside.now();
    return (this.config.outbound?.to ?? []).flatMap(({ uri, priority, weight }) => {
      const monitor = this.#monitorOf(uri);
      if (!monitor) return [];
      const { heldUntil, full, share } = monitor;
      const held = heldUntil > now ? isoOf(heldUntil, now) : null;
      return [{ uri, priority, weight, ...monitor.seen, heldUntil: held, full, share }];
    });
  }

  /** Lets go of everything that `successor`, the same trunk after a reload, has not taken over. */
  async stop(successor: CarrierTrunk | null = null): Promise<void> {
    for (const monitor of this.monitors.values()) if (!successor?.owns(monitor)) monitor.stop();
    if (this.handle !== successor?.handle) await this.handle?.stop();
  }

  #monitorOf(uri: string): GatewayMonitor | undefined {
    return this.monitors.get(gatewayKey(uri));
  }
}

/** A gateway by its host, port and parameters: the number before them is the call's. */
function gatewayKey(uri: string): string {
  return uri.replace(/^(sips?:)(?:[^@]*@)?/i, '$1').toLowerCase();
}
