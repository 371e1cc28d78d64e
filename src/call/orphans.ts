import { statusForLoss } from '../routing/loss.js';
import type { Call, CallResources } from './call.js';
import type { CallDeps } from './deps.js';
import { closeDocument, loseDocument, secondsBetween } from './document.js';
import { recordingEvent } from './event-types.js';
import { Journal } from './journal.js';
import { closeRanges } from './recording-times.js';

/** A call whose gateway died, ours to end: what Redis holds of it. */
export interface OrphanedCall {
  call: Call;
  resources: CallResources;
  /** Of its last event. */
  sequence: number;
  /** When its gateway was last heard of, ms since the epoch. */
  heardOfAt: number;
}

/** What it takes to end a call that has no session here. */
export type OrphanDeps = Pick<
  CallDeps,
  'sip' | 'media' | 'channels' | 'recordings' | 'store' | 'endpointsFor' | 'backlog' | 'metrics' | 'logger'
>;

/** A call on its way to its end. */
export interface EndingOrphan {
  /** Settles when Redis has everything of it. */
  ended: Promise<void>;
  /** Nothing is written of it any more: only when the process ends. */
  abandon: () => void;
}

/**
 * Ends a call whose gateway is dead: hangs up both sides (any application connected to the same drachtio may, by the
 * dialogs' ids, and no other), frees its channels, settles its recording, and tells the end that its own gateway could not.
 */
export function endOrphan(orphan: OrphanedCall, deps: OrphanDeps): EndingOrphan {
  const { call, resources } = orphan;
  const logger = deps.logger.child({ callId: call.id, sipCallId: call.sipCallId });
  const dialogs = resources.dialogs.length;
  if (isOurs(orphan, deps)) logger.warn({ gateway: call.gateway, dialogs }, 'ending the call of a dead gateway');
  else logger.error({ gateway: call.gateway, dialogs, edge: resources.edge }, 'lost with its gateway, not hung up on');
  const journal = new Journal(call, resources, { ...deps, logger }, orphan.sequence);
  return { ended: end(orphan, deps, journal), abandon: () => journal.abandon() };
}

const isOurs = ({ resources }: OrphanedCall, { sip }: OrphanDeps): boolean => resources.edge === sip.edge;

async function end(orphan: OrphanedCall, deps: OrphanDeps, journal: Journal): Promise<void> {
  const { call, resources } = orphan;
  const ended = call.disposition !== null;
  const foundAt = Date.now();
  const [wasThere] = await Promise.all([
    isOurs(orphan, deps) && hangUp(resources, deps),
    deps.media.find(resources.mediaServer ?? '')?.killCall(call.id),
    deps.channels.release(resources.channels),
  ]);
  if (!ended) settleDocument(call, wasThere ? foundAt : lastSignOf(orphan, foundAt));
  resources.channels = [];
  resources.dialogs = [];
  resources.invites = [];
  if (!ended) {
    journal.record(call.answeredAt === null ? 'call.missed' : 'call.completed');
    deps.metrics.ended(call);
  }
  if (call.answeredAt !== null && (call.recording.status === 'none' || call.recording.status === 'recording')) {
    // By our own clock: how FreeSWITCH's clock stood, only the dead gateway knew.
    call.recording = closeRanges(call.recording, secondsBetween(call.recording.startedAt, call.endedAt));
    // A reason that stands there already says why there may be none.
    const wanted = call.recording.status === 'recording' || call.recording.reason === null;
    call.recording = await deps.recordings.settle(call, wanted);
    deps.metrics.recording(call.recording.status);
    journal.record(recordingEvent(call.recording.status));
  }
  await journal.close();
}

/** Who talks gets BYE, a caller who still waits his refusal, a phone that still rings CANCEL. @returns whether anybody talked */
async function hangUp({ dialogs, invites }: CallResources, { sip }: OrphanDeps): Promise<boolean> {
  const status = statusForLoss('gateway_lost');
  const [talking] = await Promise.all([
    Promise.all(dialogs.map(({ id }) => sip.endForeignDialog(id))),
    ...invites.map((invite) => sip.endForeignInvite(invite, status)),
  ]);
  return talking.includes(true);
}

/** A machine that had no power for a night took its talks with it: they did not last until somebody found them. */
function lastSignOf({ call, heardOfAt }: OrphanedCall, foundAt: number): number {
  return Math.max(Date.parse(call.answeredAt ?? call.startedAt), Math.min(heardOfAt, foundAt));
}

function settleDocument(call: Call, at: number): void {
  closeDocument(call, at, { by: 'gateway', reason: 'gateway_lost', sip: null });
  if (call.answeredAt === null) loseDocument(call, 'missed', 'gateway_lost', at);
  else call.disposition = 'answered';
}
