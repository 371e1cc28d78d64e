import type { Call } from '../../call/call.js';
import type { RecordingAction } from '../../call/media-ports.js';
import { actionsIn, phaseOf } from '../../call/recording-phase.js';
import type { Visit } from '../visit.js';

/** A button and the one that undoes it share a place of the page: so the keyboard's focus stays when they change. */
const PLACES: Readonly<Record<RecordingAction, string>> = {
  start: 'pause',
  pause: 'pause',
  resume: 'pause',
  mask: 'mask',
  unmask: 'mask',
  stop: 'stop',
};

/** How the recording of a call in progress stands, and what this person may do about it; null where nobody talks. */
export function recordingControl(visit: Visit, call: Call, without: readonly RecordingAction[] = []) {
  if (call.answeredAt === null || call.endedAt !== null) return null;
  const { t } = visit;
  const phase = phaseOf(call);
  const state = phase ?? 'never';
  const possible = phase === null || !visit.may('recordings:control') ? [] : actionsIn(phase);
  const offered = possible.filter((action) => !without.includes(action));
  return {
    callId: call.id,
    state,
    words: phase === null ? neverWords(visit, call) : t(`control.state.${phase}`),
    actions: offered.map((action) => ({ action, label: t(`control.${action}`), place: PLACES[action] })),
  };
}

function neverWords(visit: Visit, { recording: { reason } }: Call): string {
  const because =
    reason === null ? '' : ` ${visit.t('call.recording.reason', { reason: visit.name('reason', reason) })}`;
  return `${visit.t('control.state.never')}${because}`;
}
