import type { Logger } from 'pino';
import { inBackground } from '../lib/background.js';
import { toError } from '../lib/deadline.js';
import { SILENCES_MAX, type Binding, type KeepAliveStore } from './ports.js';

export interface KeepAliveDeps {
  /** Ids of the lines that register with us. */
  lines: () => readonly string[];
  store: KeepAliveStore;
  /** Names our drachtio-server; empty where there is none yet. */
  edge: () => string;
  /** Sends OPTIONS; whether it was answered, by whatever; null where that is not known. Never rejects, always settles. */
  ping: (target: Pick<Binding, 'uri' | 'proxy'>) => Promise<boolean | null>;
  logger: Logger;
}

/** NAT forgets a UDP binding after 30 s at the earliest; most keep it for one minute and more. */
const INTERVAL_MS = 30_000;
/** So that phones that registered together are not asked together for ever. */
const JITTER_MS = 5_000;
const LOOK_EVERY_MS = 5_000;

/** Keeps the way to phones behind NAT open by OPTIONS, and notes which of them do not answer. */
export class ContactKeepAlive {
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(private readonly deps: KeepAliveDeps) {}

  start(): void {
    this.#timer = setInterval(() => inBackground(this.look()), LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Asks whose turn it is. One look at a time; resolves when all of them have answered or been silent. Never rejects. */
  async look(): Promise<void> {
    const edge = this.deps.edge();
    const lines = this.deps.lines();
    if (this.#looking || edge === '' || lines.length === 0) return;
    this.#looking = true;
    try {
      const nextInMs = INTERVAL_MS - JITTER_MS + Math.floor(2 * JITTER_MS * Math.random());
      const due = await this.deps.store.claimPings(lines, edge, nextInMs);
      await Promise.all(due.map(({ line, binding }) => this.#ask(line, binding)));
    } catch (error) {
      this.deps.logger.debug({ err: toError(error) }, 'phones behind NAT not asked this time');
    } finally {
      this.#looking = false;
    }
  }

  async #ask(line: string, binding: Binding): Promise<void> {
    const answered = await this.deps.ping(binding);
    if (answered === null || (answered && binding.silences === 0)) return;
    const silences = await this.deps.store.notePing(line, binding.key, answered);
    if (silences === SILENCES_MAX) this.deps.logger.warn({ line }, 'a phone of the line does not answer any more');
    else if (binding.silences >= SILENCES_MAX && answered)
      this.deps.logger.info({ line }, 'a phone of the line answers again');
  }
}
