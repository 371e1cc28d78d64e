import { readdir, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from 'pino';
import type { Call } from '../call/call.js';
import type { Recordings } from '../call/deps.js';
import { newCall } from '../call/document.js';
import { toError } from '../lib/deadline.js';
import { baseName, CALL_ID } from './names.js';
import type { CallLookup, RecordingTeller } from './ports.js';
import type { Vault } from './vault.js';

const LOOK_MS = 300_000;
/** A file that was written so lately may be that of a call going on; an ended one is settled by whoever ended it. */
const QUIET_MS = 60_000;
/** How long a call that Redis does not know may be: no file of a living call is quiet for so long. */
const UNKNOWN_QUIET_MS = 3_600_000;
/** What is still being written is written to more often, however slow ffmpeg is. */
const DRAFT_QUIET_MS = 3_600_000;

export interface SpoolSweepDeps {
  spool: string;
  vault: Pick<Vault, 'manifest' | 'local' | 'hold' | 'remove'>;
  calls: CallLookup;
  settler: Pick<Recordings, 'settle'>;
  /** Whether the call is one of this gateway's that goes on. */
  isLive: (callId: string) => boolean;
  teller: Pick<RecordingTeller, 'found'>;
  logger: Logger;
  now?: () => number;
  quietMs?: number;
}

/**
 * Finds again what was recorded and never settled: its gateway died, or its peer ended the call and could not see this
 * spool; clears away what was half written then. Runs at the start and then every five minutes.
 */
export class SpoolSweep {
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  /** Settled, and not told while Redis was away. */
  readonly #untold = new Map<string, { call: Call; recording: Call['recording'] }>();
  /** What is no recording and never will be: left for people to look at. */
  readonly #unreadable = new Set<string>();

  constructor(private readonly deps: SpoolSweepDeps) {}

  start(): void {
    const look = () => {
      this.#sweeping = this.#sweeping.then(() => this.sweep());
    };
    this.#timer = setInterval(look, LOOK_MS);
    look();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sweeping;
  }

  /** Never rejects: what fails is tried again. */
  async sweep(): Promise<void> {
    const { spool, vault, logger, now = Date.now } = this.deps;
    await vault.local.clearDrafts(now() - DRAFT_QUIET_MS).catch((error: unknown) => {
      logger.warn({ err: toError(error) }, 'what was left half written is not cleared away');
    });
    const names = await readdir(spool).catch((error: unknown) => {
      logger.warn({ err: toError(error) }, 'the spool cannot be read');
      return [];
    });
    for (const [callId, { call, recording }] of this.#untold) await this.#tell(callId, call, recording);
    for (const name of names) {
      const { name: callId, ext } = path.parse(name);
      if (ext !== '.wav' || !CALL_ID.test(callId) || this.#unreadable.has(callId)) continue;
      if (this.deps.isLive(callId)) continue;
      await this.#look(path.join(spool, name), callId).catch((error: unknown) => {
        logger.warn({ err: toError(error), callId }, 'a recording in the spool is not settled yet');
      });
    }
  }

  async #look(file: string, callId: string): Promise<void> {
    const { calls, vault, logger, now = Date.now, quietMs = QUIET_MS } = this.deps;
    const quietFor = now() - (await stat(file)).mtimeMs;
    if (quietFor < quietMs) return;
    const known = await calls.get(callId);
    if (!known && quietFor < Math.max(quietMs, UNKNOWN_QUIET_MS)) return;
    // Somebody's call, or an orphan that a gateway will claim within seconds.
    if (known?.endedAt === null) return;
    if (known && (isForgotten(known) || isLost(known))) {
      // An attempt to settle it that broke off may have kept a part, which no manifest names.
      if (isForgotten(known) && !(await vault.hold(baseName(known)))) await vault.remove(baseName(known));
      await unlink(file);
      logger.info({ callId }, 'removed from the spool what is of a lost call, or was deleted before it was settled');
      return;
    }
    const call = known ?? strayCall(callId, now());
    if (known?.recording.status === 'ready' && (await vault.manifest(baseName(call)))) {
      await unlink(file);
      return;
    }
    const recording = await this.deps.settler.settle(call, true);
    logger.warn({ callId, status: recording.status, reason: recording.reason }, 'found a recording in the spool');
    if (recording.reason === 'not_a_wav') this.#unreadable.add(callId);
    if (known && !isTold(known, recording)) await this.#tell(callId, known, recording);
  }

  async #tell(callId: string, call: Call, recording: Call['recording']): Promise<void> {
    try {
      await this.deps.teller.found(call, recording);
      this.#untold.delete(callId);
    } catch (error) {
      this.#untold.set(callId, { call, recording });
      this.deps.logger.warn({ err: toError(error), callId }, 'a recording that was found is not told yet');
    }
  }
}

/** What a legal hold keeps of somebody who was forgotten, or another gateway's disk, stands as ready in his call. */
function isForgotten({ recording: { status, reason }, caller }: Call): boolean {
  return status === 'deleted' || reason === 'erased' || (caller.erased === true && status !== 'ready');
}

/** FreeSWITCH began when the business answered, and the caller had just given up. Of a dead gateway's call nobody knows that. */
function isLost({ answeredAt, lossReason, ended }: Call): boolean {
  return answeredAt === null && lossReason !== null && ended?.reason !== 'gateway_lost';
}

/** What fails again and again is told once. */
function isTold({ recording: told }: Call, { status, reason }: Call['recording']): boolean {
  return told.status === status && told.reason === reason;
}

/** A recording whose call is in no Redis any more is kept all the same; its id tells when it was. */
function strayCall(callId: string, now: number): Call {
  const made = Number.parseInt(callId.slice(0, 13).replace('-', ''), 16);
  const receivedAt = made <= now ? made : now;
  const caller = { number: null, withheld: true, name: null };
  return newCall({ id: callId, sipCallId: '', gateway: '', trunk: '', trackingNumber: '', caller, receivedAt });
}
