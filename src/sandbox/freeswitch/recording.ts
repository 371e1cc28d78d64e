import { unlink, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FRAME_SAMPLES, SAMPLE_RATE } from '../rtp/packet.js';
import { WavWriter } from '../rtp/wav-writer.js';

export interface RecordingOptions {
  stereo: boolean;
  /** Not a frame before the leg is joined with another. */
  bridgeRequired: boolean;
  minSeconds: number;
  /** RECORD_PRE_BUFFER_FRAMES: so many frames after the first are kept back until the next comes, and lost where none does. */
  preBufferFrames: number;
  /** 0 = no limit. */
  limitSeconds: number;
  /** Variables given for this recording alone; its events name them. */
  variables?: ReadonlyMap<string, string>;
  isBridged: () => boolean;
  onLimit: () => void;
}

interface RecordingResult {
  cause: string;
  samples: number;
  bytes: number;
  /** The file was too short or empty and is gone. */
  discarded: boolean;
}

const SILENCE = new Int16Array(FRAME_SAMPLES);

/** A recording of one leg: left what its far end says, right what it hears; or both mixed on one channel. */
export class Recording {
  masked = false;
  paused = false;
  readonly #mixed = new Int16Array(FRAME_SAMPLES);
  /** Frames that are kept back; null once they are written. */
  #kept: [left: Int16Array, right: Int16Array][] | null = [];
  #ticks = 0;
  #finished: Promise<RecordingResult> | undefined;

  private constructor(
    readonly path: string,
    private readonly writer: WavWriter,
    private readonly options: RecordingOptions,
  ) {}

  /** Makes missing directories, as FreeSWITCH does; rejects when the file cannot be made. */
  static async start(path: string, options: RecordingOptions): Promise<Recording> {
    await mkdir(dirname(path), { recursive: true });
    return new Recording(path, await WavWriter.create(path, options.stereo ? 2 : 1), options);
  }

  get eventHeaders(): Record<string, string> {
    const own = [...(this.options.variables ?? [])].map(
      ([name, value]) => [`Recording-Variable-${name}`, value] as const,
    );
    return { 'Record-File-Path': this.path, ...Object.fromEntries(own) };
  }

  /** One tick. A leg that holds is not recorded meanwhile: FreeSWITCH's record bug gets no frames from it. */
  write(heard: Int16Array, said: Int16Array, holding: boolean): void {
    if (this.#finished !== undefined || this.paused || holding) return;
    if (this.options.bridgeRequired && !this.options.isBridged()) return;
    if (this.masked) this.#put(SILENCE, SILENCE);
    else if (this.options.stereo) this.#put(heard, said);
    else this.#put(this.#mix(heard, said), SILENCE);
    this.#ticks += 1;
    const { limitSeconds } = this.options;
    if (limitSeconds > 0 && this.#ticks * FRAME_SAMPLES >= limitSeconds * SAMPLE_RATE) this.options.onLimit();
  }

  #put(left: Int16Array, right: Int16Array): void {
    const kept = this.#kept;
    if (kept && this.#ticks > 0) {
      if (kept.length < this.options.preBufferFrames) {
        kept.push([left.slice(), right.slice()]);
        return;
      }
      for (const frame of kept) this.writer.write(...frame);
      this.#kept = null;
    }
    this.writer.write(left, right);
  }

  /** Closes the file; every call gets the one result. Never rejects. */
  stop(cause: string): Promise<RecordingResult> {
    this.#finished ??= this.#finish(cause);
    return this.#finished;
  }

  async #finish(cause: string): Promise<RecordingResult> {
    const { frames } = this.writer;
    let outcome = cause;
    try {
      await this.writer.close();
    } catch {
      outcome = 'uri-failure';
    }
    const tooShort = frames < this.options.minSeconds * SAMPLE_RATE;
    const discarded = frames === 0 || tooShort;
    if (discarded) {
      outcome = frames === 0 ? 'empty-file' : 'input-too-short';
      await unlink(this.path).catch(() => undefined);
    }
    return { cause: outcome, samples: frames, bytes: this.writer.bytes, discarded };
  }

  #mix(heard: Int16Array, said: Int16Array): Int16Array {
    for (let i = 0; i < FRAME_SAMPLES; i++) {
      this.#mixed[i] = Math.max(-32768, Math.min(32767, (heard[i] ?? 0) + (said[i] ?? 0)));
    }
    return this.#mixed;
  }
}
