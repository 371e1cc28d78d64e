import { Counter, Gauge, type Registry } from 'prom-client';

/** What is counted about recordings after their call. */
export class RecordingMetrics {
  readonly #uploads: Counter<'result'>;
  readonly #transcodes: Counter<'result'>;
  readonly #deleted: Counter<'reason'>;
  readonly #backlog: Gauge;
  readonly #age: Gauge;
  readonly #free: Gauge;
  readonly #low: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = <L extends string>(name: string, help: string, label: L) =>
      new Counter({ name: `calltrack_${name}`, help, labelNames: [label], registers });
    const gauge = (name: string, help: string) => new Gauge({ name: `calltrack_${name}`, help, registers });
    this.#uploads = counter('recording_uploads_total', 'Uploads of recordings to the store', 'result');
    this.#transcodes = counter('recording_transcodes_total', 'Recordings turned into another format', 'result');
    this.#deleted = counter('recordings_deleted_total', 'Recordings deleted', 'reason');
    this.#backlog = gauge('recordings_backlog', 'Recordings that wait for a format or for their upload');
    this.#age = gauge('recordings_backlog_age_seconds', 'How long the oldest of them has waited');
    this.#free = gauge('recordings_free_bytes', 'Free disk space for recordings');
    this.#low = gauge('recordings_disk_low', '1 while new calls are not recorded for want of disk space');
  }

  uploaded(result: 'done' | 'failed'): void {
    this.#uploads.inc({ result });
  }

  transcoded(result: 'done' | 'failed'): void {
    this.#transcodes.inc({ result });
  }

  deleted(reason: string): void {
    this.#deleted.inc({ reason });
  }

  backlog(recordings: number, oldestSeconds: number): void {
    this.#backlog.set(recordings);
    this.#age.set(oldestSeconds);
  }

  /** `freeBytes` null: not known yet. */
  disk(low: boolean, freeBytes: number | null): void {
    this.#low.set(low ? 1 : 0);
    if (freeBytes !== null) this.#free.set(freeBytes);
  }
}
