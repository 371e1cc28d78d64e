import type { Call } from './call.js';
import type { RecordingAction } from './media-ports.js';

export type RecordingPhase = 'off' | 'recording' | 'paused' | 'masked' | 'stopped';

/** What may be done when, as data; `stopped` is final. */
export const RECORDING_PHASES: Record<RecordingAction, { from: readonly RecordingPhase[]; to: RecordingPhase }> = {
  start: { from: ['off'], to: 'recording' },
  pause: { from: ['recording'], to: 'paused' },
  resume: { from: ['paused'], to: 'recording' },
  mask: { from: ['recording'], to: 'masked' },
  unmask: { from: ['masked'], to: 'recording' },
  stop: { from: ['recording', 'paused', 'masked'], to: 'stopped' },
};

/** How the recording of a talk stands, by its document; null where there is no talk, or nothing of it can be recorded. */
export function phaseOf({ answeredAt, endedAt, recording }: Call): RecordingPhase | null {
  if (answeredAt === null || endedAt !== null) return null;
  if (recording.status === 'none') return recording.reason === 'not_started' ? 'off' : null;
  if (recording.status !== 'recording') return null;
  if (recording.stoppedAt !== null) return 'stopped';
  if (recording.paused.some(({ seconds }) => seconds === null)) return 'paused';
  return recording.masked.some(({ toSeconds }) => toSeconds === null) ? 'masked' : 'recording';
}

/** What may be done in it. */
export function actionsIn(phase: RecordingPhase): RecordingAction[] {
  return (Object.keys(RECORDING_PHASES) as RecordingAction[]).filter((action) =>
    RECORDING_PHASES[action].from.includes(phase),
  );
}
