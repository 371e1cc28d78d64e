import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { GatewayConfig } from '../config/schema.js';
import { CallArchive, CallArchives } from '../history/archive.js';
import { ArchiveEraser, type ArchivedErasure } from '../history/eraser.js';
import { HistoryKeeper } from '../history/keeper.js';
import { MissedRestorer } from '../history/missed-restorer.js';
import { IndexRebuilder } from '../history/rebuilder.js';
import { HistorySweeper } from '../history/sweeper.js';
import type { HistoryIndexDesk } from '../http/ports.js';
import { RedisArchiveErasures } from '../redis/archive-erasures.js';
import type { RedisLink } from '../redis/connection.js';
import { RedisHistory } from '../redis/history.js';
import { RedisHistoryIndex } from '../redis/history-index.js';
import type { Keys } from '../redis/keys.js';
import { RedisLeavingCalls } from '../redis/leaving-calls.js';
import { RedisMissedEntries } from '../redis/missed-entries.js';
import { RedisUse } from '../redis/use.js';
import { countriesOf } from './countries.js';
import type { RecordingHouse } from './recordings.js';

interface HistoryParts {
  config: () => GatewayConfig;
  link: RedisLink;
  keys: Keys;
  logger: Logger;
  recordings: Pick<RecordingHouse, 'files' | 'formerFiles' | 'eraseArchived'>;
}

/** How long who asks for an erasure waits for the archive; a large one takes longer, and goes on by itself. */
const ERASURE_WAIT_MS = 20_000;
const ERASURE_LOOK_MS = 100;

/** The history of calls: where it is searched, who keeps it, and the archive that old calls leave for. */
export class History {
  readonly http: { history: RedisHistory; archive: CallArchives; historyIndex: HistoryIndexDesk };
  readonly index: RedisHistoryIndex;
  readonly #erasures: RedisArchiveErasures;
  readonly #keeper: HistoryKeeper;

  constructor(private readonly parts: HistoryParts) {
    const { link, keys, config, logger, recordings } = parts;
    const archive = new CallArchive(recordings.files);
    const archives = [archive, ...recordings.formerFiles.map((files) => new CallArchive(files))];
    const history = new RedisHistory(link, keys, {
      countries: () => countriesOf(config()),
      use: new RedisUse(link, keys),
    });
    const calls = new RedisLeavingCalls(link, keys, randomUUID());
    const erasures = new RedisArchiveErasures(link, keys);
    this.#erasures = erasures;
    this.index = new RedisHistoryIndex(link, keys);
    const gateway = () => config().gateway.id;
    const write: CallArchive['write'] = async (leaving, goOn) => {
      await erasures.noteStore(await archive.store(), gateway());
      return await archive.write(leaving, goOn);
    };
    const eraseRecording = recordings.eraseArchived;
    this.#keeper = new HistoryKeeper({
      lease: calls,
      rebuilder: new IndexRebuilder(this.index, logger),
      missed: new MissedRestorer(new RedisMissedEntries(link, keys), history, logger),
      eraser: new ArchiveEraser({ archives, gateway, erasures, eraseRecording, logger }),
      sweeper: new HistorySweeper({
        calls,
        archive: () => (config().history.archive ? { write } : null),
        retentionMs: () => config().history.retention,
      }),
      logger,
    });
    const historyIndex = { state: () => this.index.state(), rebuild: () => this.#rebuild() };
    this.http = { history, archive: new CallArchives(archives), historyIndex };
  }

  /** Forgets a caller in the archives; calls of his that are in Redis must have been erased before. */
  async eraseCaller(id: string, number: string, at: string, by: string): Promise<ArchivedErasure> {
    const store = await this.parts.recordings.files.identity();
    await this.#erasures.add({ id, number, at, by }, store, this.parts.config().gateway.id);
    this.#keeper.wake();
    for (const until = performance.now() + ERASURE_WAIT_MS; ;) {
      const erasure = await this.#erasures.read(id);
      if (erasure && (erasure.archive === 'done' || performance.now() > until)) return erasure;
      await delay(ERASURE_LOOK_MS);
    }
  }

  erasure(id: string): Promise<ArchivedErasure | null> {
    return this.#erasures.read(id);
  }

  async #rebuild(): Promise<void> {
    await this.index.ask();
    this.#keeper.wake();
  }

  start(): void {
    this.#keeper.start();
  }

  async stop(): Promise<void> {
    await this.#keeper.stop();
  }
}
