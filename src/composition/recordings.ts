import type { Logger } from 'pino';
import type { AmendmentKind } from '../call/amendments.js';
import type { Call } from '../call/call.js';
import type { CallRegistry } from '../call/registry.js';
import type { GatewayConfig } from '../config/schema.js';
import { buildOperationalEvent, type OperationalEvent } from '../events/catalogue.js';
import type { ErasedRecording } from '../history/eraser.js';
import type { RecordingsSource } from '../http/recordings.js';
import { inBackground } from '../lib/background.js';
import { toError } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import type { GatewayMetrics } from '../observability/metrics.js';
import { RecordingMetrics } from '../observability/recording-metrics.js';
import { RecordingArchive, type Forgetting } from '../recordings/archive.js';
import { KeyRing } from '../recordings/crypto/envelope.js';
import { DiskWatch } from '../recordings/disk-watch.js';
import { missingFormats } from '../recordings/encoder.js';
import { policyOf, retentionOf } from '../recordings/policy.js';
import type { CallLookup, RecordingTeller } from '../recordings/ports.js';
import { isOver, RetentionSweeper } from '../recordings/retention.js';
import { SealedFiles } from '../recordings/sealed-files.js';
import { RecordingSettler } from '../recordings/settler.js';
import { SpoolSweep } from '../recordings/spool-sweep.js';
import { DiskStore } from '../recordings/storage/disk.js';
import { S3Store } from '../recordings/storage/s3.js';
import { Vault } from '../recordings/vault.js';
import { WorkJournal } from '../recordings/jobs/journal.js';
import { RecordingWorker, type Backlog } from '../recordings/jobs/worker.js';
import { RedisAudit } from '../redis/audit.js';
import type { RedisLink } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { RedisRecordings } from '../redis/recordings.js';

export interface RecordingParts {
  config: () => GatewayConfig;
  link: RedisLink;
  keys: Keys;
  calls: CallLookup;
  registry: CallRegistry;
  metrics: GatewayMetrics;
  /** What changes calls. */
  callers: { amend(callId: string, change: AmendmentKind, at?: string): Promise<void> };
  /** An event that belongs to no call. */
  tell: (event: OperationalEvent, subject: string) => Promise<void>;
  logger: Logger;
}

/** Everything that happens to a recording: settled, worked on, served, kept and deleted. */
export class RecordingHouse {
  readonly settler: RecordingSettler;
  readonly archive: RecordingArchive;
  readonly audit: RedisAudit;
  readonly #facts: RedisRecordings;
  readonly #vault: Vault;
  readonly #disk: DiskWatch;
  readonly #worker: RecordingWorker;
  readonly #sweeper: RetentionSweeper;
  readonly #spool: SpoolSweep;

  constructor(private readonly parts: RecordingParts) {
    const { config, link, keys, calls, logger } = parts;
    const { recordings } = config();
    const metrics = new RecordingMetrics(parts.metrics.registry);
    this.#facts = new RedisRecordings(link, keys);
    this.audit = new RedisAudit(link, keys, () => config().access.audit);
    const teller = this.#teller(metrics);
    this.#vault = new Vault({
      local: new DiskStore(recordings.directory),
      remote: recordings.store === 's3' && recordings.s3 ? new S3Store(recordings.s3) : null,
      keys: recordings.encryption ? new KeyRing(recordings.encryption.keys) : null,
    });
    this.#disk = new DiskWatch({
      folders: [recordings.spool, recordings.directory],
      minFreeBytes: () => config().recordings.minFree,
      onChange: (low, freeBytes) => this.#tellDisk(low, freeBytes),
      logger,
    });
    this.#worker = this.#buildWorker(metrics, teller);
    this.archive = new RecordingArchive({
      vault: this.#vault,
      worker: this.#worker,
      facts: this.#facts,
      calls,
      teller,
      audit: this.audit,
    });
    this.settler = this.#buildSettler();
    this.#sweeper = new RetentionSweeper({
      stores: this.#vault.stores,
      archive: this.archive,
      facts: this.#facts,
      audit: this.audit,
      retentionOf: (site) => retentionOf(config(), site),
      logger,
    });
    this.#spool = this.#buildSpoolSweep(teller);
    parts.metrics.beforeScrape(() => {
      const { recordings: waiting, oldestSeconds } = this.#worker.backlog();
      metrics.backlog(waiting, oldestSeconds);
      metrics.disk(this.#disk.low, this.#disk.freeBytes);
    });
  }

  /** Before the first call: folders, free space, and what a former run left to do. */
  async start(): Promise<void> {
    await this.settler.prepare();
    const formats = await missingFormats(this.parts.config());
    if (formats.length > 0) this.parts.logger.warn({ formats }, 'ffmpeg is not on the PATH: recordings stay WAV');
    await this.#disk.start();
    await this.#worker.start();
    const begin = () => {
      this.#spool.start();
      this.#sweeper.start();
    };
    if (this.parts.link.ready) begin();
    else this.parts.link.once('up', begin);
  }

  async stop(): Promise<void> {
    this.#disk.stop();
    await Promise.all([this.#worker.stop(), this.#sweeper.stop(), this.#spool.stop()]);
    this.letGoOfStore();
  }

  /** Nobody waits for the store any more: what it was asked is broken off. */
  letGoOfStore(): void {
    this.#vault.remote?.close();
  }

  /** Where recordings are kept at last; other things are kept beside them. */
  get files(): SealedFiles {
    return new SealedFiles(this.#vault.home, this.#vault.keys);
  }

  /** Where they were kept before the store was another, and are still. */
  get formerFiles(): SealedFiles[] {
    return this.#vault.remote ? [new SealedFiles(this.#vault.local, this.#vault.keys)] : [];
  }

  /** Forgets the recording of a call that has left the history. */
  readonly eraseArchived = async (call: Call, asked: Forgetting): Promise<ErasedRecording> => {
    const { sha256, bytes, status } = call.recording;
    const told = { gateway: call.gateway, sha256, bytes };
    const outcome = await this.archive.removeOfArchived(call, asked);
    if (outcome !== 'absent') return { ...told, recording: outcome };
    const config = this.parts.config();
    const day = call.startedAt.slice(0, 10).replaceAll('-', '/');
    const isGone =
      isOver(day, retentionOf(config, call.site ?? ''), Date.now()) || (await this.#facts.deletion(call.id)) !== null;
    // With a store for all too: what was recorded before there was one stays on the disk of its gateway.
    const elsewhere = status === 'ready' && call.gateway !== config.gateway.id;
    return { ...told, recording: elsewhere && !isGone ? 'away' : 'none' };
  };

  /** For `/readyz`: never a reason to take no calls. */
  get health(): { ok: true; detail?: string } {
    if (this.#disk.low) return { ok: true, detail: 'disk low: new calls are not recorded' };
    const { reason, recordings } = this.#worker.backlog();
    return reason === null ? { ok: true } : { ok: true, detail: `${recordings} wait for the store` };
  }

  /** What HTTP serves. */
  get source(): RecordingsSource {
    const { config } = this.parts;
    return {
      archive: this.archive,
      audit: this.audit,
      links: this.#facts,
      maxLinkExpiry: () => config().recordings.links.maxExpiry,
      publicUrl: () => config().gateway.publicUrl,
    };
  }

  #buildWorker(metrics: RecordingMetrics, teller: RecordingTeller): RecordingWorker {
    const { config, logger } = this.parts;
    return new RecordingWorker({
      vault: this.#vault,
      journal: new WorkJournal(this.#vault.local),
      atOnce: config().recordings.s3?.uploads ?? 1,
      isDeleted: async (callId) => (await this.#facts.deletion(callId)) !== null,
      onReplaced: (...replaced) => teller.replaced(...replaced),
      onUpload: (result) => metrics.uploaded(result),
      onTranscode: (result) => metrics.transcoded(result),
      onFailing: (failing, backlog) => this.#tellUploads(failing, backlog),
      logger,
    });
  }

  #buildSettler(): RecordingSettler {
    const { config, logger } = this.parts;
    return new RecordingSettler({
      spool: config().recordings.spool,
      vault: this.#vault,
      disk: this.#disk,
      onKept: async (call, base) => {
        const { format, keepWav } = policyOf(config(), call);
        const make = format === 'wav' ? null : format;
        if (make === null && !this.#vault.remote) return;
        await this.#worker.add({ callId: call.id, base, make, keepWav, since: Date.now() });
      },
      logger,
    });
  }

  #teller(metrics: RecordingMetrics): RecordingTeller {
    const amend = async (...change: Parameters<RecordingParts['callers']['amend']>) => {
      await this.parts.callers.amend(...change).catch((error: unknown) => {
        // Redis keeps calls for a shorter time than most keep recordings.
        if (!(error instanceof GatewayError && error.code === 'GW_ERR_NOT_FOUND')) throw error;
      });
    };
    return {
      found: async (call, recording) => {
        await amend(call.id, { kind: 'recording-found', recording });
        this.parts.metrics.recording(recording.status);
      },
      replaced: async (callId, by) => {
        await amend(callId, { kind: 'recording-replaced', ...by });
        const status = (await this.parts.calls.get(callId))?.recording.status;
        if (status === 'none' || status === 'recording') throw new Error('its call has not heard of it yet');
      },
      deleted: async (callId, { reason, at }) => {
        await amend(callId, { kind: 'recording-deleted', reason }, at);
        metrics.deleted(reason);
      },
    };
  }

  #buildSpoolSweep(teller: RecordingTeller): SpoolSweep {
    const { config, calls, registry, logger } = this.parts;
    return new SpoolSweep({
      spool: config().recordings.spool,
      vault: this.#vault,
      calls,
      settler: this.settler,
      isLive: (callId) => registry.find(callId) !== null,
      teller,
      logger,
    });
  }

  #tellDisk(low: boolean, freeBytes: number): void {
    const { config } = this.parts;
    const { gateway, recordings } = config();
    const data = { gateway: gateway.id, freeBytes, minFreeBytes: recordings.minFree };
    this.#tell(buildOperationalEvent(low ? 'storage.low' : 'storage.recovered', data, Date.now()));
  }

  #tellUploads(failing: boolean, { recordings, oldestSeconds, reason }: Backlog): void {
    const data = { gateway: this.parts.config().gateway.id, recordings, oldestSeconds, reason };
    this.#tell(buildOperationalEvent(failing ? 'uploads.failing' : 'uploads.recovered', data, Date.now()));
  }

  #tell(event: OperationalEvent): void {
    const { tell, config, logger } = this.parts;
    inBackground(
      tell(event, `recordings:${config().gateway.id}`).catch((error: unknown) => {
        logger.error({ err: toError(error), event: event.type }, 'event of the recordings not told');
      }),
    );
  }
}
