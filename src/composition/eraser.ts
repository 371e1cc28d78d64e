import type { AmendmentStore, StoredCall } from '../call/amender.js';
import { withoutCaller } from '../call/erasure.js';
import type { ArchivedErasure } from '../history/eraser.js';
import type { CallHistory } from '../history/query.js';
import type { CallerEraser, ErasureProof } from '../http/ports.js';
import type { CallersRecordings, Forgetting } from '../recordings/archive.js';
import { GatewayError } from '../lib/errors.js';
import { newAmendmentId } from '../lib/ids.js';
import type { RedisCallers } from '../redis/callers.js';
import type { RedisErasure } from '../redis/erasure.js';

interface EraserDeps {
  erasure: Pick<
    RedisErasure,
    'callsOf' | 'lookThroughCalls' | 'eraseCall' | 'unqueue' | 'eraseDeliveries' | 'forgetIndex' | 'audit'
  >;
  callers: Pick<RedisCallers, 'forget'>;
  calls: Pick<AmendmentStore, 'read'>;
  /** Repeating it is harmless. */
  eraseRecordings: (number: string, callIds: readonly string[], asked: Forgetting) => Promise<CallersRecordings>;
  history: Pick<CallHistory, 'search' | 'generation'>;
  archive: {
    /** Calls of his that are in Redis must have been erased before. */
    eraseCaller(id: string, number: string, at: string, by: string): Promise<ArchivedErasure>;
    erasure(id: string): Promise<ArchivedErasure | null>;
  };
}

const TRIES = 5;
const PAGE = 200;

const isKept = (callId: string, { held, away }: ErasureProof): boolean =>
  held.includes(callId) || away.some((one) => one.callId === callId);

/** Forgets one caller. Broken off half-way it is asked for again and goes on: the index of his calls goes last. */
export function callerEraser(deps: EraserDeps): CallerEraser {
  const { erasure, callers, calls, eraseRecordings, archive } = deps;
  const readEnded = async (callId: string): Promise<StoredCall | null> => {
    const stored = await calls.read(callId);
    if (stored && !stored.closed) throw new GatewayError('GW_ERR_CONFLICT', 'a call of this number is in progress');
    return stored;
  };
  const eraseCall = async (callId: string, proof: ErasureProof): Promise<void> => {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const stored = await readEnded(callId);
      if (!stored) return;
      const events = await erasure.eraseCall(stored, withoutCaller(stored.call, isKept(callId, proof)));
      if (events === null) continue;
      proof.calls.push(callId);
      proof.events += events;
      return;
    }
    throw new GatewayError('GW_ERR_CONFLICT', 'a call of this number is being changed by others');
  };
  const erase = async (number: string, by: string, from: string | null): Promise<ErasureProof> => {
    const at = new Date().toISOString();
    const proof = emptyProof(at, by);
    const callIds = [...new Set([...(await erasure.callsOf(number)), ...(await foundCalls(deps, number))])];
    const before = new Map<string, StoredCall | null>();
    for (const callId of callIds) before.set(callId, await readEnded(callId));
    const { deleted, held, away } = await eraseRecordings(number, callIds, { at, by, from });
    Object.assign(proof, { held, away });
    proof.recordings = deleted.map((callId) => {
      const recording = before.get(callId)?.call.recording;
      return { callId, sha256: recording?.sha256 ?? null, bytes: recording?.bytes ?? null };
    });
    // Before the events themselves: who delivers would take them for lost, and tell so.
    const unqueued = await erasure.unqueue(callIds);
    for (const callId of callIds) await eraseCall(callId, proof);
    // What was queued of a call until then goes too.
    Object.assign(proof, await erasure.eraseDeliveries(callIds));
    proof.queued += unqueued;
    proof.historyCalls = await callers.forget(number);
    addArchived(proof, await archive.eraseCaller(proof.id, number, at, by));
    await erasure.forgetIndex(number);
    const { calls: erased, archived, recordings, ...rest } = proof;
    const counts = {
      calls: erased.length,
      archived: archived.length,
      recordings: recordings.length,
      held: proof.held.length,
      away: proof.away.length,
    };
    await erasure.audit({ what: 'caller.erased', ...rest, ...counts });
    return proof;
  };
  return { erase, archived: (id) => archive.erasure(id) };
}

const emptyProof = (at: string, by: string): ErasureProof => ({
  id: newAmendmentId(),
  at,
  by,
  calls: [],
  events: 0,
  queued: 0,
  deadLetters: 0,
  attempts: 0,
  historyCalls: 0,
  recordings: [],
  held: [],
  away: [],
  archive: 'waiting',
  archived: [],
});

/** The list of his calls reaches back as far as the history; calls that could not leave it yet may be older. */
async function foundCalls({ erasure, history }: EraserDeps, number: string): Promise<string[]> {
  const generation = await history.generation();
  const found: string[] = [];
  for (let cursor: string | null = null; ;) {
    const page = await history.search({ sites: null, number, cursor, limit: PAGE });
    // Of an index that was lost, or is rebuilt, a search finds some of them only; that may begin between two pages.
    if (!generation || (await history.generation()) !== generation) return await erasure.lookThroughCalls(number);
    found.push(...page.calls.filter(({ caller }) => caller.number === number).map(({ id }) => id));
    if (page.next === null) return found;
    cursor = page.next;
  }
}

function addArchived(proof: ErasureProof, { archive, calls }: ArchivedErasure): void {
  proof.archive = archive;
  for (const { id, recording, gateway, sha256, bytes } of calls) {
    proof.archived.push(id);
    if (recording === 'deleted') proof.recordings.push({ callId: id, sha256, bytes });
    if (recording === 'held') proof.held.push(id);
    if (recording === 'away') proof.away.push({ callId: id, gateway });
  }
}
