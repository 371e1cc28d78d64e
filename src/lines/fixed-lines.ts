import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { LineHealth } from '../call/ports.js';
import type { LineConfig } from '../config/schema.js';
import { Conditions, ROUND_MS, type Word } from '../health/conditions.js';
import type { SeenHealth } from '../health/health.js';
import { OptionsMonitor, type MonitorOutside } from '../health/options-monitor.js';
import { inBackground } from '../lib/background.js';

/** Why a line is told down. */
const LINE_DOWN_REASONS = ['options'] as const;
type LineDownReason = (typeof LINE_DOWN_REASONS)[number];

/** What watching lines needs from outside. */
export interface LinesOutside extends Pick<MonitorOutside, 'options'> {
  /** Tells `line.down` and `line.up` (health/conditions.ts). Rejects with GW_ERR_REDIS_AWAY. */
  tell(word: Word<LineDownReason>): Promise<unknown>;
}

/** The lines with a fixed address: those that have `health` are asked by OPTIONS, as carriers' gateways are. */
export class FixedLines implements LineHealth {
  #monitors = new Map<string, OptionsMonitor>();
  readonly #conditions: Conditions<LineDownReason>;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly outside: LinesOutside,
    private readonly logger: Logger,
  ) {
    this.#conditions = new Conditions(LINE_DOWN_REASONS, (word) => outside.tell(word));
  }

  start(lines: readonly LineConfig[]): void {
    this.update(lines);
    this.#timer = setInterval(() => inBackground(this.#conditions.round()), ROUND_MS);
  }

  /** A reload: what is configured as before goes on as it was. */
  update(lines: readonly LineConfig[]): void {
    const former = this.#monitors;
    this.#monitors = new Map(
      lines.flatMap(({ id, uri, health = null }) => {
        if (uri === undefined) return [];
        const known = former.get(id);
        const same = known?.uri === uri && isDeepStrictEqual(known.policy, health);
        return [[id, same ? known : new OptionsMonitor(uri, health, this.#outsideOf(id))]];
      }),
    );
    for (const [id, monitor] of former) {
      if (this.#monitors.get(id) !== monitor) monitor.stop();
      if (!this.#monitors.has(id)) this.#conditions.forget(id, Date.now());
    }
    for (const [id, monitor] of this.#monitors) {
      if (former.get(id) !== monitor) monitor.start();
      this.#judge(id, monitor);
    }
    inBackground(this.#conditions.flush());
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const monitor of this.#monitors.values()) monitor.stop();
  }

  isDown(lineId: string): boolean {
    return this.#monitors.get(lineId)?.health.state === 'down';
  }

  /** Null for a line that nobody asks. */
  healthOf(lineId: string): SeenHealth | null {
    const monitor = this.#monitors.get(lineId);
    return monitor?.policy ? monitor.seen : null;
  }

  /** Ids of the lines that are asked. */
  get watched(): string[] {
    return [...this.#monitors].filter(([, { policy }]) => policy !== null).map(([id]) => id);
  }

  #outsideOf(line: string): MonitorOutside {
    return {
      options: (uri, timeoutMs) => this.outside.options(uri, timeoutMs),
      now: () => performance.now(),
      random: Math.random,
      onChange: (monitor) => this.#changed(line, monitor),
    };
  }

  #changed(line: string, monitor: OptionsMonitor): void {
    const { state, lastStatus: status } = monitor.seen;
    if (state === 'down') this.logger.warn({ line, status }, 'line does not answer');
    else this.logger.info({ line, status }, 'line answers');
    this.#judge(line, monitor);
    inBackground(this.#conditions.flush());
  }

  /** One that is not asked any more is not down: what was told of it, be it before a restart, is taken back. */
  #judge(line: string, { policy, health }: OptionsMonitor): void {
    const known = policy === null || health.state !== 'unknown';
    this.#conditions.set(line, 'options', known ? health.state === 'down' : null, Date.now());
  }
}
