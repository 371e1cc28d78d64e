import type { Logger } from 'pino';
import type { ReplacingFile } from '../../call/amendments.js';
import { RECORDING_FORMATS, type RecordingFormat } from '../../config/parts/recordings.js';
import { inBackground } from '../../lib/background.js';
import { toError } from '../../lib/deadline.js';
import { fileName, PARTS } from '../names.js';
import type { Manifest } from '../manifest.js';
import type { Vault } from '../vault.js';
import type { Job, WorkJournal } from './journal.js';
import { transcode } from './transcoder.js';

/** After a failure; the last one again and again: an upload is never given up. */
const RETRY_MS = [5_000, 15_000, 60_000, 300_000, 900_000];
/** A format that cannot be made is given up sooner: the WAV is there and stays. */
const MAX_TRANSCODES = 3;
/**
 * A store that hung may carry out what it was sent long after we have given that up. What was deleted is removed once more
 * then, where something of it was on its way.
 */
const LATE_MS = 10 * 60_000;
/** Uploads that have failed for so long are everybody's business. */
const FAILING_AFTER_MS = 15 * 60_000;

export interface WorkerDeps {
  vault: Vault;
  journal: WorkJournal;
  /** Recordings worked on at once. */
  atOnce: number;
  /** Whether the recording was deleted meanwhile, maybe by another gateway. Rejects while that is not known. */
  isDeleted: (callId: string) => Promise<boolean>;
  /** Another file stands in the place of the WAV. Rejects while the call cannot be told so. */
  onReplaced: (callId: string, by: ReplacingFile) => Promise<void>;
  onUpload: (result: 'done' | 'failed') => void;
  onTranscode: (result: 'done' | 'failed') => void;
  /** Uploads have failed for long, or work again. */
  onFailing: (failing: boolean, backlog: Backlog) => void;
  logger: Logger;
  /** For tests. */
  retryMs?: readonly number[];
  failingAfterMs?: number;
  lateMs?: number;
}

export interface Backlog {
  recordings: number;
  /** Of the oldest; 0 where there is none. */
  oldestSeconds: number;
  /** The last failure; null where all goes well. */
  reason: string | null;
}

interface Waiting {
  job: Job;
  failures: number;
  transcodes: number;
  /** By a steady clock: the wall's may be set. */
  dueAt: number;
  /** Something of it may be on its way to the store; of a former run nobody knows. */
  isTried: boolean;
  /** Deleted: only looked after, and no work that is left. */
  isDropped: boolean;
}

/** Makes formats and uploads, one recording after the other, for as long as it takes. */
export class RecordingWorker {
  readonly #waiting = new Map<string, Waiting>();
  readonly #running = new Map<string, { abort: AbortController; done: Promise<void> }>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #failingSince: number | null = null;
  #failingTold = false;
  #reason: string | null = null;
  /** One ffmpeg at a time. */
  #encoder: Promise<unknown> = Promise.resolve();

  constructor(private readonly deps: WorkerDeps) {}

  /** Takes up what a former run left. */
  async start(): Promise<void> {
    for (const job of await this.deps.journal.all()) this.#enqueue(job, { isTried: true });
    if (this.#waiting.size > 0) this.deps.logger.info({ recordings: this.#waiting.size }, 'recordings left to work on');
    this.#next();
  }

  async add(given: Omit<Job, 'replaced'>): Promise<void> {
    const job = { ...given, replaced: false };
    await this.deps.journal.write(job);
    this.#enqueue(job);
    this.#next();
  }

  /** Stops working on this recording, which was deleted; resolves when nobody touches it any more. */
  async drop(callId: string): Promise<void> {
    const { vault, journal, lateMs = LATE_MS } = this.deps;
    const waiting = this.#waiting.get(callId);
    this.#waiting.delete(callId);
    const running = this.#running.get(callId);
    running?.abort.abort();
    await running?.done;
    this.#waiting.delete(callId);
    if (!waiting?.isTried || !vault.remote) {
      await journal.remove(callId);
      return;
    }
    this.#enqueue(waiting.job, { isTried: true, isDropped: true, dueAt: performance.now() + lateMs });
    this.#next();
  }

  /** Aborts what is under way; the journal has it for the next start. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    const running = [...this.#running.values()];
    for (const { abort } of running) abort.abort();
    await Promise.all(running.map(({ done }) => done));
  }

  backlog(): Backlog {
    const now = Date.now();
    let [recordings, oldest] = [0, now];
    for (const { job, isDropped } of this.#waiting.values()) {
      if (isDropped) continue;
      recordings += 1;
      oldest = Math.min(oldest, job.since);
    }
    return { recordings, oldestSeconds: (now - oldest) / 1000, reason: this.#reason };
  }

  #enqueue(job: Job, fields: Partial<Waiting> = {}): void {
    const waiting = { job, failures: 0, transcodes: 0, dueAt: 0, isTried: false, isDropped: false, ...fields };
    this.#waiting.set(job.callId, waiting);
  }

  /** Looks at as few as it can: after a night without the store there are a hundred thousand, and it is asked after each. */
  #next(): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    const now = performance.now();
    let nextDueAt = Infinity;
    for (const waiting of this.#waiting.values()) {
      if (this.#running.size >= this.deps.atOnce) return;
      if (this.#running.has(waiting.job.callId)) continue;
      if (waiting.dueAt <= now) this.#run(waiting);
      else nextDueAt = Math.min(nextDueAt, waiting.dueAt);
    }
    if (nextDueAt < Infinity) this.#timer = setTimeout(() => this.#next(), nextDueAt - now);
  }

  #run(waiting: Waiting): void {
    const { callId } = waiting.job;
    waiting.isTried = true;
    const abort = new AbortController();
    const done = this.#attempt(waiting, abort.signal).finally(() => {
      this.#running.delete(callId);
      this.#next();
    });
    this.#running.set(callId, { abort, done });
    inBackground(done);
  }

  /** Never rejects. */
  async #attempt(waiting: Waiting, signal: AbortSignal): Promise<void> {
    const { job } = waiting;
    try {
      await this.#work(waiting, signal);
      await this.deps.journal.remove(job.callId);
      this.#waiting.delete(job.callId);
      this.#worked();
    } catch (error) {
      if (signal.aborted) return;
      const { retryMs = RETRY_MS } = this.deps;
      waiting.dueAt = performance.now() + (retryMs[Math.min(waiting.failures, retryMs.length - 1)] ?? 0);
      waiting.failures += 1;
      this.#putLast(waiting);
      this.#failed(toError(error), job.callId);
    }
  }

  /** So that those whose turn it is stand in front. Unless it was dropped meanwhile, or is to be done anew. */
  #putLast(waiting: Waiting): void {
    const { callId } = waiting.job;
    if (this.#waiting.get(callId) !== waiting) return;
    this.#waiting.delete(callId);
    this.#waiting.set(callId, waiting);
  }

  async #work(waiting: Waiting, signal: AbortSignal): Promise<void> {
    const { vault } = this.deps;
    const { job } = waiting;
    let manifest = await vault.manifest(job.base);
    if (await this.#dropDeleted(job)) return;
    // A job is made of what has one: it was deleted meanwhile.
    if (!manifest) return;
    if (job.make !== null) {
      manifest = await this.#transcode(waiting, manifest, signal);
      // Meanwhile, by a gateway that shares this disk.
      if (await this.#dropDeleted(job)) return;
    }
    if (job.replaced) await this.#tellReplaced(job, manifest);
    if (vault.remote) await this.#upload(job, manifest, signal);
  }

  /**
   * An attempt may have brought a file there after the others were removed, or have left one here that no manifest names.
   * @returns false where it was not deleted
   */
  async #dropDeleted(job: Job): Promise<boolean> {
    if (!(await this.deps.isDeleted(job.callId))) return false;
    await this.#removeRemote(job);
    await this.#removeLocal(job);
    return true;
  }

  async #transcode(waiting: Waiting, manifest: Manifest, signal: AbortSignal): Promise<Manifest> {
    const { job } = waiting;
    const turn = this.#encoder.then(() => this.#encode(job, manifest, signal));
    this.#encoder = turn.catch(() => undefined);
    let made = manifest;
    try {
      made = await turn;
      this.deps.onTranscode('done');
    } catch (error) {
      if (signal.aborted) throw error;
      waiting.transcodes += 1;
      if (waiting.transcodes < MAX_TRANSCODES) throw error;
      this.deps.onTranscode('failed');
      this.deps.logger.error(
        { err: toError(error), callId: job.callId, format: job.make },
        'format not made, WAV kept',
      );
    }
    job.make = null;
    job.replaced = !made.files.some(({ format }) => format === 'wav');
    await this.deps.journal.write(job);
    return made;
  }

  async #tellReplaced(job: Job, { files: [file] }: Manifest): Promise<void> {
    if (file) {
      const { format, bytes, sha256 } = file;
      await this.deps.onReplaced(job.callId, { file: fileName(job.base, format), bytes, sha256 });
    }
    job.replaced = false;
    await this.deps.journal.write(job);
  }

  async #encode(job: Job, manifest: Manifest, signal: AbortSignal): Promise<Manifest> {
    const { vault } = this.deps;
    const format = job.make;
    const wav = manifest.files.find((file) => file.format === 'wav');
    if (format === null || format === 'wav') return manifest;
    if (!wav) {
      // Made by an attempt that broke off before this.
      await this.#dropWav(job);
      return manifest;
    }
    const sound = await vault.sound(job.base, manifest, 'wav', { start: 0, end: wav.bytes - 1 });
    if (!sound) throw new Error('the WAV is away');
    const keep = (content: AsyncIterable<Buffer>) => vault.keep(fileName(job.base, format), content);
    const file = { format, ...(await transcode(format, sound, manifest.durationSeconds, keep, signal)) };
    const others = manifest.files.filter((one) => one.format !== format && (job.keepWav || one.format !== 'wav'));
    const made = { ...manifest, files: [...others, file] };
    await vault.keepManifest(job.base, made);
    await this.#dropWav(job);
    return made;
  }

  async #dropWav({ base, keepWav }: Job): Promise<void> {
    if (!keepWav) await this.deps.vault.local.remove(fileName(base, 'wav'));
  }

  /** The manifest last: with it the recording is there for everybody. Then, and only then, it leaves this disk. */
  async #upload(job: Job, manifest: Manifest, signal: AbortSignal): Promise<void> {
    const { local, remote } = this.deps.vault;
    const manifestName = job.base + PARTS.manifest;
    // Without a manifest here it was confirmed before, and only what lies around is left to do.
    if (await local.load(manifestName)) {
      const names = namesOf(job, manifest);
      for (const name of names) await remote?.upload(name, local.pathOf(name), signal);
      // Deleted by another gateway while it was on its way.
      if (await this.deps.isDeleted(job.callId)) await this.#removeRemote(job);
    }
    await this.#removeLocal(job);
    this.deps.onUpload('done');
  }

  async #removeRemote(job: Job): Promise<void> {
    for (const name of namesIn(job, RECORDING_FORMATS)) await this.deps.vault.remote?.remove(name);
  }

  /** In every format: what an attempt had made that broke off, or was about to remove, stands in no manifest. */
  async #removeLocal(job: Job): Promise<void> {
    for (const name of namesIn(job, RECORDING_FORMATS).toReversed()) await this.deps.vault.local.remove(name);
  }

  #worked(): void {
    this.#failingSince = null;
    this.#reason = null;
    if (!this.#failingTold) return;
    this.#failingTold = false;
    this.deps.onFailing(false, this.backlog());
  }

  #failed(error: Error, callId: string): void {
    const { failingAfterMs = FAILING_AFTER_MS, logger, onUpload, onFailing, vault } = this.deps;
    logger.warn({ err: error, callId }, 'recording not done yet, tried again later');
    if (!vault.remote) return;
    onUpload('failed');
    this.#reason = error.name === 'Error' ? error.message : error.name;
    this.#failingSince ??= performance.now();
    if (this.#failingTold || performance.now() - this.#failingSince < failingAfterMs) return;
    this.#failingTold = true;
    onFailing(true, this.backlog());
  }
}

/** Every file of the recording, the manifest last. */
const namesOf = (job: Job, { files }: Manifest): string[] =>
  namesIn(
    job,
    files.map(({ format }) => format),
  );

const namesIn = ({ base }: Job, formats: readonly RecordingFormat[]): string[] => [
  ...formats.map((format) => fileName(base, format)),
  base + PARTS.peaks,
  base + PARTS.manifest,
];
