import { createReadStream } from 'node:fs';
import { mkdir, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from 'pino';
import type { Call, RecordingInfo } from '../call/call.js';
import type { Recordings } from '../call/deps.js';
import { NO_RECORDING } from '../call/document.js';
import type { RecordingPolicy } from '../call/recording-policy.js';
import { expectedSeconds, timesOf } from '../call/recording-times.js';
import { toError } from '../lib/deadline.js';
import type { DiskWatch } from './disk-watch.js';
import type { Manifest } from './manifest.js';
import { marksInFile } from './marks.js';
import { measureWav, type Measured } from './measure.js';
import { baseName, fileName, PARTS } from './names.js';
import type { Vault } from './vault.js';

export interface SettlerDeps {
  /** Where FreeSWITCH writes, as we see it. */
  spool: string;
  vault: Vault;
  disk: Pick<DiskWatch, 'low'>;
  /**
   * A recording is whole and in the local store: notes what else is to be done with it (formats, upload). Where it rejects
   * the recording is settled again later; it may be told of the same one twice.
   */
  onKept: (call: Call, base: string) => Promise<void>;
  logger: Logger;
}

/** What the dialplan records: the caller's side is read from his leg, the business's is what is sent to him. */
const CHANNELS = ['caller', 'business'];
/** Peak below which a whole channel counts as silent: comfort noise stays under it, breathing does not. */
const SILENCE_PEAK = 64;
/** Recording begins with the bridge, some 100 ms after the answer, and ends by whole packets. */
const LENGTH_TOLERANCE_SECONDS = 0.5;
const LENGTH_TOLERANCE_SHARE = 0.02;

const NO_FILE = 'no_file';

/** Turns what FreeSWITCH left in its spool into a recording whose length, hash and channels are known. */
export class RecordingSettler implements Recordings {
  constructor(private readonly deps: SettlerDeps) {}

  async prepare(): Promise<void> {
    await mkdir(this.deps.spool, { recursive: true });
    await mkdir(this.deps.vault.local.directory, { recursive: true });
  }

  refusal(mode: RecordingPolicy['mode']): string | null {
    if (mode === 'never') return 'not_wanted';
    return this.deps.disk.low ? 'disk_low' : null;
  }

  async settle(call: Call, wanted: boolean, engineSeconds: number | null = null): Promise<RecordingInfo> {
    if (!wanted) {
      const reason = call.recording.reason ?? 'not_wanted';
      // The configuration wants it, and he had nothing against it: somebody has to look why.
      return without(call, reason === 'not_announced' ? 'failed' : 'absent', reason);
    }
    try {
      return await this.#settle(call, engineSeconds);
    } catch (error) {
      const reason = reasonOf(error);
      // The talk was over before FreeSWITCH had opened the file.
      if (reason === NO_FILE && isTooShort(call)) return without(call, 'absent', 'too_short');
      this.deps.logger.error({ err: toError(error), callId: call.id }, 'recording not settled');
      return without(call, 'failed', reason);
    }
  }

  async discard(callId: string): Promise<void> {
    await unlink(this.#spooled(callId)).catch((error: unknown) => {
      // One into which nothing was written FreeSWITCH has removed by itself; what stays here the next look at the spool finds.
      if (reasonOf(error) !== NO_FILE)
        this.deps.logger.warn({ err: toError(error), callId }, 'not removed from the spool');
    });
  }

  async #settle(call: Call, engineSeconds: number | null): Promise<RecordingInfo> {
    const { vault } = this.deps;
    const base = baseName(call);
    try {
      return await this.#take(call, base, engineSeconds);
    } catch (error) {
      // Settled before, and then the gateway died before it could say so; or by somebody else at this moment: by who ended
      // the call of a gateway that died, where that one looks into its spool again.
      // A store that is away is not why there is no file.
      const settled = reasonOf(error) === NO_FILE ? await vault.manifest(base).catch(() => null) : null;
      if (settled) return infoOf(settled, call);
      throw error;
    }
  }

  /**
   * The file leaves the spool last of all: whatever breaks off before is begun anew by the next look there. What is there
   * no longer has been settled to its end.
   */
  async #take(call: Call, base: string, engineSeconds: number | null): Promise<RecordingInfo> {
    const { vault, onKept } = this.deps;
    const spooled = this.#spooled(call.id);
    const measured = await measureWav(spooled, { silences: call.recording.masked.length > 0 });
    if (!measured) return without(call, 'failed', 'not_a_wav');
    if (measured.layout.dataBytes === 0) return await this.#empty(spooled, call);
    // A format may be under way already, made of what was kept before.
    const manifest =
      (await vault.localManifest(base)) ??
      (await this.#keep(spooled, measured, manifestOf(call, measured, vault.keys?.newest ?? null, engineSeconds)));
    await onKept(call, base);
    await unlink(spooled);
    return infoOf(manifest, call);
  }

  #spooled(callId: string): string {
    return path.join(this.deps.spool, `${callId}.wav`);
  }

  async #keep(spooled: string, measured: Measured, manifest: Manifest): Promise<Manifest> {
    const { vault } = this.deps;
    const base = baseOf(manifest);
    await this.#keepSound(spooled, fileName(base, 'wav'));
    await vault.keep(base + PARTS.peaks, [Buffer.from(JSON.stringify(measured.meter.finish(manifest.channels)))]);
    await vault.keepManifest(base, manifest);
    return manifest;
  }

  /** By a second name for the same file, or written anew where it is encrypted or on another disk. */
  async #keepSound(spooled: string, name: string): Promise<void> {
    const { vault } = this.deps;
    if (!vault.keys && (await vault.local.link(spooled, name))) return;
    await vault.keep(name, bytesOf(spooled));
    const { size } = await stat(vault.local.pathOf(name));
    if (size < (await stat(spooled)).size) throw new Error('the copy is shorter than the original');
  }

  /** A talk ended before the first packet leaves a file without a sample. */
  async #empty(spooled: string, call: Call): Promise<RecordingInfo> {
    await unlink(spooled);
    return isTooShort(call) ? without(call, 'absent', 'too_short') : without(call, 'failed', 'empty_file');
  }
}

/** Opened when the first piece is asked for: what is never asked for would stay open. */
async function* bytesOf(file: string): AsyncGenerator<Buffer> {
  yield* createReadStream(file, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>;
}

const isTooShort = (call: Call): boolean => call.durations.talkSeconds < LENGTH_TOLERANCE_SECONDS;

/** What there is none of keeps what is known of when it was made. */
const without = (call: Call, status: 'absent' | 'failed', reason: string): RecordingInfo => ({
  ...NO_RECORDING,
  ...timesOf(call.recording),
  status,
  reason,
});

function manifestOf(
  call: Call,
  { layout, bytes, sha256, meter, silences }: Measured,
  encryptedWith: string | null,
  engineSeconds: number | null,
): Manifest {
  const durationSeconds = layout.dataBytes / layout.frameBytes / layout.sampleRate;
  const channels = layout.channelCount === 2 ? CHANNELS : ['both'];
  const isBrokenOff = isShort(durationSeconds, engineSeconds ?? expectedSeconds(call));
  // What broke off ended somewhere else than the clock says.
  const clockSeconds = isBrokenOff ? null : engineSeconds;
  return {
    version: 1,
    callId: call.id,
    site: call.site,
    startedAt: call.startedAt,
    settledAt: new Date().toISOString(),
    durationSeconds: Math.round(durationSeconds * 1000) / 1000,
    sampleRate: layout.sampleRate,
    channels,
    silentChannels: channels.filter((_, index) => (meter.highest[index] ?? 0) < SILENCE_PEAK),
    reason: isBrokenOff ? 'shorter_than_talk' : null,
    ...marksInFile(call.recording, { seconds: durationSeconds, silences }, clockSeconds),
    encryptedWith,
    files: [{ format: 'wav', bytes, sha256 }],
  };
}

const baseOf = ({ callId, site, startedAt }: Manifest): string => baseName({ id: callId, site, startedAt });

function infoOf(manifest: Manifest, call: Call): RecordingInfo {
  const { durationSeconds, sampleRate, channels, silentChannels, reason, files } = manifest;
  const times = timesOf(call.recording);
  const [file] = files;
  if (!file) throw new Error('a recording without a file');
  const { bytes, sha256, format } = file;
  return {
    ...NO_RECORDING,
    ...times,
    paused: manifest.paused ?? times.paused,
    masked: manifest.masked ?? times.masked,
    status: 'ready',
    reason,
    file: fileName(baseOf(manifest), format),
    bytes,
    sha256,
    durationSeconds,
    sampleRate,
    channels,
    silentChannels,
  };
}

function isShort(recorded: number, talked: number): boolean {
  return talked - recorded > Math.max(LENGTH_TOLERANCE_SECONDS, talked * LENGTH_TOLERANCE_SHARE);
}

function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' ? NO_FILE : `io_${(code ?? 'error').toLowerCase()}`;
}
