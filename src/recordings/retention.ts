import type { Logger } from 'pino';
import { toError } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import type { RecordingArchive } from './archive.js';
import type { AuditLog } from './audit.js';
import { callOf, PARTS } from './names.js';
import type { RecordingFacts } from './ports.js';
import type { RecordingStore } from './storage/port.js';

const SWEEP_EVERY_MS = 3_600_000;
const LOOK_MS = 300_000;
const DAY_MS = 86_400_000;

export interface RetentionDeps {
  stores: readonly RecordingStore[];
  archive: Pick<RecordingArchive, 'remove'>;
  facts: Pick<RecordingFacts, 'takeSweep'>;
  audit: Pick<AuditLog, 'write'>;
  /** How long a site's recordings are kept, ms. */
  retentionOf: (site: string) => number;
  logger: Logger;
  now?: () => number;
}

/** Whether the whole of a day (UTC, `yyyy/mm/dd`) is older than `retention`. */
export function isOver(day: string, retention: number, now: number): boolean {
  const start = Date.parse(`${day.replaceAll('/', '-')}T00:00:00Z`);
  return Number.isFinite(start) && start + DAY_MS + retention <= now;
}

/**
 * Deletes recordings whose time is over. What is to go is read off the store's folders, so it goes also when Redis has
 * forgotten the calls; of the gateways that share a store one sweeps it each hour.
 */
export class RetentionSweeper {
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(private readonly deps: RetentionDeps) {}

  start(): void {
    const look = () => {
      this.#sweeping = this.#sweeping.then(() => this.sweepWhereDue());
    };
    this.#timer = setInterval(look, LOOK_MS);
    look();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#sweeping;
  }

  /** Never rejects: what is not done now is done in an hour. */
  async sweepWhereDue(): Promise<void> {
    const { stores, facts, logger, now = Date.now } = this.deps;
    try {
      for (const store of stores) {
        const shared = await facts.takeSweep(await store.identity(), SWEEP_EVERY_MS);
        if (shared === null) continue;
        // What is deleted is gone: two clocks must agree that its time is over.
        const at = Math.min(shared, now());
        for (const site of await store.folders('')) await this.#sweepSite(store, site, at);
      }
    } catch (error) {
      logger.warn({ err: toError(error) }, 'retention not finished, goes on later');
    }
  }

  async #sweepSite(store: RecordingStore, site: string, now: number): Promise<void> {
    const { retentionOf } = this.deps;
    for (const year of await store.folders(`${site}/`)) {
      for (const month of await store.folders(`${site}/${year}/`)) {
        for (const day of await store.folders(`${site}/${year}/${month}/`)) {
          if (this.#stopped) return;
          const date = `${year}/${month}/${day}`;
          if (isOver(date, retentionOf(site), now)) await this.#sweepDay(store, site, date, now);
        }
      }
    }
  }

  async #sweepDay(store: RecordingStore, site: string, day: string, now: number): Promise<void> {
    const { archive, audit, logger } = this.deps;
    const at = new Date(now).toISOString();
    const folder = `${site}/${day}/`;
    const { calls, held } = await recordingsIn(store, folder);
    let deleted = 0;
    for (const callId of calls) {
      if (this.#stopped) break;
      if (held.has(callId)) continue;
      try {
        await archive.remove({ base: folder + callId }, callId, { at, reason: 'retention' });
        deleted += 1;
      } catch (error) {
        // One bad file must not keep the others, nor the audit line of those that are gone.
        logger.warn({ err: toError(error), callId }, 'a recording whose time is over is not deleted yet');
        if (error instanceof GatewayError && error.code === 'GW_ERR_REDIS_AWAY') break;
      }
    }
    if (deleted === 0) return;
    const detail = { reason: 'retention', day: day.replaceAll('/', '-'), recordings: deleted };
    await audit.write({
      at,
      action: 'recording.delete',
      who: { kind: 'gateway', name: 'retention' },
      from: null,
      call: null,
      site,
      detail,
    });
    logger.info({ site, ...detail }, 'recordings deleted');
  }
}

async function recordingsIn(store: RecordingStore, folder: string) {
  const calls = new Set<string>();
  const held = new Set<string>();
  for await (const name of store.files(folder)) {
    const callId = callOf(name);
    if (callId === null) continue;
    calls.add(callId);
    if (name.endsWith(PARTS.hold)) held.add(callId);
  }
  return { calls, held };
}
