import type { AmendmentStore, StoredCall } from '../call/amender.js';
import { withoutCaller } from '../call/erasure.js';
import type { CallerEraser, ErasureProof } from '../http/ports.js';
import type { CallersRecordings } from '../recordings/archive.js';
import { GatewayError } from '../lib/errors.js';
import { newAmendmentId } from '../lib/ids.js';
import type { RedisCallers } from '../redis/callers.js';
import type { RedisErasure } from '../redis/erasure.js';

interface EraserDeps {
  erasure: Pick<RedisErasure, 'callsOf' | 'eraseCall' | 'eraseDeliveries' | 'forgetIndex' | 'audit'>;
  callers: Pick<RedisCallers, 'forget'>;
  calls: Pick<AmendmentStore, 'read'>;
  /** Repeating it is harmless. */
  eraseRecordings: (number: string, at: string) => Promise<CallersRecordings>;
}

const TRIES = 5;

const isKept = (callId: string, { held, away }: ErasureProof): boolean =>
  held.includes(callId) || away.some((one) => one.callId === callId);

/** Forgets one caller. Broken off half-way it is asked for again and goes on: the index of his calls goes last. */
export function callerEraser({ erasure, callers, calls, eraseRecordings }: EraserDeps): CallerEraser {
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
  return async (number, by) => {
    const at = new Date().toISOString();
    const proof: ErasureProof = {
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
    };
    const callIds = await erasure.callsOf(number);
    const before = new Map<string, StoredCall | null>();
    for (const callId of callIds) before.set(callId, await readEnded(callId));
    const { deleted, held, away } = await eraseRecordings(number, at);
    Object.assign(proof, { held, away });
    proof.recordings = deleted.map((callId) => {
      const recording = before.get(callId)?.call.recording;
      return { callId, sha256: recording?.sha256 ?? null, bytes: recording?.bytes ?? null };
    });
    for (const callId of callIds) await eraseCall(callId, proof);
    Object.assign(proof, await erasure.eraseDeliveries(callIds));
    proof.historyCalls = await callers.forget(number);
    await erasure.forgetIndex(number);
    const { calls: erased, recordings, ...rest } = proof;
    const counts = { calls: erased.length, recordings: recordings.length, held: held.length, away: away.length };
    await erasure.audit({ what: 'caller.erased', ...rest, ...counts });
    return proof;
  };
}
