import { statfs } from 'node:fs/promises';
import type { Logger } from 'pino';
import { inBackground } from '../lib/background.js';
import { toError } from '../lib/deadline.js';

const LOOK_MS = 10_000;
/** Free again only with a tenth more than the limit: else every recording that is removed would toggle it. */
const RECOVERY_SHARE = 1.1;

export interface DiskWatchDeps {
  /** Folders whose disks count: the one with the least free space decides. */
  folders: readonly string[];
  /** Asked at each look, so that a reload counts. */
  minFreeBytes: () => number;
  onChange: (low: boolean, freeBytes: number) => void;
  logger: Logger;
  /** Free bytes for who writes into this folder; for tests. */
  freeBytes?: (folder: string) => Promise<number>;
}

/** Whether there is room for further recordings. */
export class DiskWatch {
  #low = false;
  #freeBytes: number | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly deps: DiskWatchDeps) {}

  /** Too little is free: new calls are not recorded. */
  get low(): boolean {
    return this.#low;
  }

  /** At the last look; null before the first one. */
  get freeBytes(): number | null {
    return this.#freeBytes;
  }

  async start(): Promise<void> {
    await this.look();
    this.#timer = setInterval(() => inBackground(this.look()), LOOK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Never rejects: a disk that cannot be asked counts as it did. */
  async look(): Promise<void> {
    const { folders, freeBytes = freeBytesOf, logger } = this.deps;
    const minFreeBytes = this.deps.minFreeBytes();
    try {
      const free = Math.min(...(await Promise.all(folders.map((folder) => freeBytes(folder)))));
      this.#freeBytes = free;
      const low = free < minFreeBytes * (this.#low ? RECOVERY_SHARE : 1);
      if (low === this.#low) return;
      this.#low = low;
      if (low) logger.error({ freeBytes: free, minFreeBytes }, 'disk low: new calls are not recorded');
      else logger.info({ freeBytes: free }, 'disk has room again: calls are recorded');
      this.deps.onChange(low, free);
    } catch (error) {
      logger.warn({ err: toError(error) }, 'free disk space not known');
    }
  }
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
