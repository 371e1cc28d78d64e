import type { RecordingStatus } from './call.js';

/** Everything that can happen, as told to the outside (contract: names are fixed once released). */
export const CALL_EVENT_TYPES = [
  'call.received',
  'call.ringing',
  'call.overflowed',
  'call.answered',
  'call.completed',
  'call.missed',
  'call.rejected',
  'recording.ready',
  'recording.absent',
  'recording.failed',
  'recording.deleted',
  'call.attribution.corrected',
  'call.tagged',
  'call.handled',
] as const;
export type CallEventType = (typeof CALL_EVENT_TYPES)[number];

export const OPERATIONAL_EVENT_TYPES = [
  'trunk.down',
  'trunk.up',
  'line.down',
  'line.up',
  'capacity.high',
  'capacity.exhausted',
  'capacity.recovered',
  'pool.low',
  'pool.exhausted',
  'webhook.disabled',
  'webhook.enabled',
  'webhook.dead_letter',
  'events.dropped',
  'storage.low',
  'storage.recovered',
  'uploads.failing',
  'uploads.recovered',
] as const;
export type OperationalEventType = (typeof OPERATIONAL_EVENT_TYPES)[number];

export type EventType = CallEventType | OperationalEventType;

/** The event that tells how a recording was settled. */
export function recordingEvent(status: RecordingStatus): CallEventType {
  if (status === 'ready') return 'recording.ready';
  return status === 'absent' ? 'recording.absent' : 'recording.failed';
}
