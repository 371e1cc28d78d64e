import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { GatewayConfig } from '../config/schema.js';
import { CallArchive, type ArchiveFiles } from '../history/archive.js';
import { HistorySweeper } from '../history/sweeper.js';
import type { RedisLink } from '../redis/connection.js';
import { RedisHistory } from '../redis/history.js';
import type { Keys } from '../redis/keys.js';
import { RedisLeavingCalls } from '../redis/leaving-calls.js';
import { RedisUse } from '../redis/use.js';
import { countriesOf } from './countries.js';

interface HistoryParts {
  config: () => GatewayConfig;
  link: RedisLink;
  keys: Keys;
  logger: Logger;
}

/** The history of calls: where it is searched, and who lets calls leave it. */
export class History {
  readonly http: { history: RedisHistory; archive: CallArchive };
  readonly #sweeper: HistorySweeper;

  constructor({ link, keys, config, logger }: HistoryParts, files: ArchiveFiles) {
    const archive = new CallArchive(files);
    const history = new RedisHistory(link, keys, {
      countries: () => countriesOf(config()),
      use: new RedisUse(link, keys),
    });
    this.http = { history, archive };
    this.#sweeper = new HistorySweeper({
      calls: new RedisLeavingCalls(link, keys, randomUUID()),
      archive: () => (config().history.archive ? archive : null),
      retentionMs: () => config().history.retention,
      logger,
    });
  }

  start(): void {
    this.#sweeper.start();
  }

  async stop(): Promise<void> {
    await this.#sweeper.stop();
  }
}
