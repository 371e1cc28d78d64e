import type { Readable } from 'node:stream';
import type { Call } from '../call/call.js';
import type { RecordingFormat } from '../config/parts/recordings.js';
import { GatewayError } from '../lib/errors.js';
import type { AuditLog } from './audit.js';
import type { Manifest } from './manifest.js';
import { baseName, CALL_ID, possibleBases } from './names.js';
import type { Peaks } from './peaks.js';
import type { CallLookup, Deletion, RecordingFacts, RecordingTeller } from './ports.js';
import type { Hold, Vault } from './vault.js';
import type { RecordingWorker } from './jobs/worker.js';

/** Recordings whose call's number belongs to no site. */
const NO_SITE = 'unknown';

/** What became of a call's recording, as far as the asker may know. */
export type Found =
  | { state: 'here'; site: string; base: string; manifest: Manifest }
  | { state: 'deleted'; site: string; base: string; deletion: Deletion }
  /** The call tells why: its `recording.status` and `.reason`. */
  | { state: 'none'; site: string; recording: Call['recording'] }
  /** There is one, but neither on this disk nor in the store: on another gateway's disk still. */
  | { state: 'away'; site: string; base: string; gateway: string };
export type Here = Extract<Found, { state: 'here' }>;

/** What became of all recordings of one caller: ids of their calls. */
export interface CallersRecordings {
  deleted: string[];
  /** A legal hold keeps them. */
  held: string[];
  /** On the disk of this gateway still, where nobody else can delete them. */
  away: { callId: string; gateway: string }[];
}

/** A caller is to be forgotten: since when, asked by which key, from which address. */
export interface Forgetting {
  /** ISO 8601. */
  at: string;
  by: string;
  /** null where the gateway goes on by itself. */
  from: string | null;
}

/** Why there is nothing to hear any more. */
export const deleted = ({ at, reason }: Deletion): GatewayError =>
  new GatewayError('GW_ERR_RECORDING_DELETED', `deleted at ${at}: ${reason}`);

/** The call may be kept for longer than the note of its deletion. */
function toldIn({ recording: { status, reason, deletedAt } }: Call): Deletion | null {
  if (status !== 'deleted' || reason === null || deletedAt === null) return null;
  return { at: deletedAt, reason: reason as Deletion['reason'] };
}

const held = (): GatewayError =>
  new GatewayError('GW_ERR_LEGAL_HOLD', 'the recording is under a legal hold; release it first');

export interface ArchiveDeps {
  vault: Vault;
  worker: Pick<RecordingWorker, 'drop'>;
  facts: RecordingFacts;
  calls: CallLookup;
  teller: Pick<RecordingTeller, 'deleted'>;
  audit: Pick<AuditLog, 'write'>;
}

/** The recordings by call: finding, reading, holding, deleting. Rejects with GW_ERR_REDIS_AWAY and the store's errors. */
export class RecordingArchive {
  constructor(private readonly deps: ArchiveDeps) {}

  /**
   * @param sites those that the asker may see; null: all
   * @returns null for a call that is not known, or of another site: both look the same
   */
  async find(callId: string, sites: readonly string[] | null): Promise<Found | null> {
    if (!CALL_ID.test(callId)) return null;
    const [call, noted] = await Promise.all([this.deps.calls.get(callId), this.deps.facts.deletion(callId)]);
    if (!call) return await this.#findWithoutCall(callId, sites, noted);
    const site = call.site ?? NO_SITE;
    if (sites && !sites.includes(site)) return null;
    const base = baseName(call);
    const deletion = noted ?? toldIn(call);
    if (deletion) return { state: 'deleted', site, base, deletion };
    const manifest = await this.deps.vault.manifest(base);
    if (manifest) return { state: 'here', site, base, manifest };
    if (call.recording.status === 'ready') return { state: 'away', site, base, gateway: call.gateway };
    return { state: 'none', site, recording: call.recording };
  }

  /** Redis keeps calls for a shorter time than most keep recordings. */
  async #findWithoutCall(callId: string, sites: readonly string[] | null, deletion: Deletion | null) {
    for (const base of possibleBases(callId, sites ?? (await this.deps.vault.sites()))) {
      const site = base.slice(0, base.indexOf('/'));
      const manifest = await this.deps.vault.manifest(base);
      if (!manifest) continue;
      if (deletion) return { state: 'deleted', site, base, deletion } as const;
      return { state: 'here', site, base, manifest } as const;
    }
    return null;
  }

  /** null where the file is away. */
  sound({ base, manifest }: Here, format: RecordingFormat, start: number, end: number): Promise<Readable | null> {
    return this.deps.vault.sound(base, manifest, format, { start, end });
  }

  peaks({ base, manifest }: Here): Promise<Peaks | null> {
    return this.deps.vault.peaks(base, manifest);
  }

  hold({ base }: Here): Promise<Hold | null> {
    return this.deps.vault.hold(base);
  }

  /** @throws GatewayError GW_ERR_RECORDING_DELETED for what is being deleted at this moment: then it is not held */
  async setHold({ base, manifest }: Here, hold: Hold | null): Promise<void> {
    const { vault, facts } = this.deps;
    await vault.setHold(base, hold);
    const deletion = hold && (await facts.deletion(manifest.callId));
    if (!deletion) return;
    await vault.setHold(base, null);
    throw deleted(deletion);
  }

  /**
   * Deletes every file of a recording, here and in the store. May be repeated, and must be where it rejects.
   * @throws GatewayError GW_ERR_LEGAL_HOLD
   */
  async remove(found: { base: string }, callId: string, deletion: Deletion): Promise<void> {
    const { vault, worker, facts, teller } = this.deps;
    if (await vault.hold(found.base)) throw held();
    // First of all: a gateway that still has the file must not upload it any more.
    await facts.noteDeletion(callId, deletion);
    // Who puts it under a hold looks for this note behind that: one of us sees the other.
    if (await vault.hold(found.base)) {
      await facts.takeBackDeletion(callId);
      throw held();
    }
    // Before the files: what breaks off is begun anew, and what is told twice is told once.
    await teller.deleted(callId, deletion);
    await worker.drop(callId);
    await vault.remove(found.base);
  }

  /**
   * The recording of a call that has left Redis. May be repeated.
   * @returns `absent`: it is neither on this disk nor in the store
   */
  async removeOfArchived(call: Call, asked: Forgetting): Promise<'deleted' | 'held' | 'absent'> {
    const base = baseName(call);
    if (!(await this.deps.vault.manifest(base))) return 'absent';
    if (await this.deps.vault.hold(base)) return 'held';
    await this.#forget({ base, site: call.site ?? NO_SITE }, call.id, asked);
    return 'deleted';
  }

  /**
   * All recordings of a caller; those under a legal hold stay, and those that only another gateway's disk has.
   * @param known calls of his, beside those that his lists have
   */
  async removeOfCaller(number: string, known: readonly string[], asked: Forgetting): Promise<CallersRecordings> {
    const outcome: CallersRecordings = { deleted: [], held: [], away: [] };
    const listed = await this.deps.facts.callsOfCaller(number);
    for (const callId of new Set([...listed, ...known])) {
      const found = await this.find(callId, null);
      if (found?.state === 'away') outcome.away.push({ callId, gateway: found.gateway });
      if (found?.state !== 'here' && found?.state !== 'deleted') continue;
      if (await this.deps.vault.hold(found.base)) {
        outcome.held.push(callId);
        continue;
      }
      // Deleted before, unless that broke off: the manifest goes last.
      if (found.state === 'deleted' && !(await this.deps.vault.manifest(found.base))) continue;
      await this.#forget(found, callId, asked);
      outcome.deleted.push(callId);
    }
    return outcome;
  }

  async #forget(found: { base: string; site: string }, callId: string, { at, by, from }: Forgetting): Promise<void> {
    const reason = 'caller_erased';
    await this.remove(found, callId, { at, reason });
    await this.deps.audit.write({
      at: new Date().toISOString(),
      action: 'recording.delete',
      who: { kind: 'key', name: by },
      from,
      call: callId,
      site: found.site,
      detail: { reason },
    });
  }
}
