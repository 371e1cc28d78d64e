import { RECORDING_FORMATS, type RecordingFormat } from '../config/parts/recordings.js';
import { daysOf } from '../lib/ids.js';

/**
 * Names in the store: `<site>/<yyyy>/<mm>/<dd>/<call>` and an ending for each file of the recording. By day, so that
 * retention is a matter of folders; the day is that of the call's start in UTC.
 */

/** What a recording may consist of beside its sound. */
export const PARTS = { manifest: '.json', peaks: '.peaks.json', hold: '.hold.json' } as const;

export const CALL_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

interface Recorded {
  id: string;
  site: string | null;
  startedAt: string;
}

/** The site's id is letters, digits, dot, dash and underscore by the configuration's check, the call's id is ours. */
export function baseName({ id, site, startedAt }: Recorded): string {
  return `${site ?? 'unknown'}/${startedAt.slice(0, 10).replaceAll('-', '/')}/${id}`;
}

export function fileName(base: string, format: RecordingFormat): string {
  return `${base}.${format}`;
}

/** Where a recording may be whose call is no longer in Redis. */
export function possibleBases(callId: string, sites: readonly string[]): string[] {
  const places = sites.flatMap((site) => daysOf(callId).map((startedAt) => baseName({ id: callId, site, startedAt })));
  return [...new Set(places)];
}

const ENDINGS = new Set<string>([...RECORDING_FORMATS.map((format) => `.${format}`), ...Object.values(PARTS)]);

/** The call of whose recording a file of the store is a part; null for what is none. */
export function callOf(name: string): string | null {
  const [, id = '', ending = ''] = /([^/.]*)(\.[^/]*)$/.exec(name) ?? [];
  return CALL_ID.test(id) && ENDINGS.has(ending) ? id : null;
}
