import { toError, withDeadline } from '../../lib/deadline.js';
import type { ConsoleOptions } from '../ports.js';
import { recordingView } from '../view/recording-words.js';
import type { Visit } from '../visit.js';
import { foundOf, holdOf } from './recording.js';

const STORE_TIMEOUT_MS = 3_000;

type Options = Pick<ConsoleOptions, 'recordings' | 'logger'>;

/**
 * Recordings are mostly kept for longer than the history keeps calls: the page of a call that has left it is its recording.
 * @returns false where there is none that this person may hear; nothing has been sent then
 */
export async function showLeftCall(visit: Visit, { recordings, logger }: Options): Promise<boolean> {
  if (!visit.may('recordings:play')) return false;
  const looking = foundOf(visit, recordings).then(async (found) => {
    if (found?.state !== 'here') return null;
    const { manifest, site } = found;
    const recording = { reason: manifest.reason, paused: [], masked: [] };
    return { found, recording: recordingView(visit, found, await holdOf(recordings, found), { site, recording }) };
  });
  const left = await withDeadline(looking, STORE_TIMEOUT_MS, 'looking for a recording').catch((error: unknown) => {
    logger.warn({ err: toError(error) }, 'a call is told to have left without looking for its recording');
    return null;
  });
  if (!left) return false;
  const { manifest, site } = left.found;
  const zone = visit.zoneOf(site);
  visit.page('left-call', {
    title: visit.t('call.title', { time: visit.format.time(manifest.startedAt, zone) }),
    zone,
    site: manifest.site ?? visit.t('app.none'),
    call: { id: manifest.callId },
    recording: left.recording,
    control: null,
  });
  return true;
}
