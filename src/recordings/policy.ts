import type { RecordingFormat } from '../config/parts/recordings.js';
import type { GatewayConfig } from '../config/schema.js';

export interface RecordingPolicy {
  /** What the WAV is turned into after the call; `wav`: nothing. */
  format: RecordingFormat;
  keepWav: boolean;
}

type PolicyConfig = Pick<GatewayConfig, 'recordings' | 'sites' | 'routes'>;

/** The route's word before the site's before the general one. */
export function policyOf(config: PolicyConfig, call: { site: string | null; route: string | null }): RecordingPolicy {
  const route = config.routes.find(({ id }) => id === call.route)?.recording;
  const site = config.sites.find(({ id }) => id === call.site)?.recording;
  const format = route?.format ?? site?.format ?? config.recordings.format;
  const keepWav = route?.keepWav ?? site?.keepWav ?? config.recordings.keepWav;
  return { format, keepWav: keepWav || format === 'wav' };
}

/** How long recordings of a site are kept, ms; a site that is no longer configured has the general time. */
export function retentionOf(config: Pick<GatewayConfig, 'recordings' | 'sites'>, site: string): number {
  return config.sites.find(({ id }) => id === site)?.recording.retention ?? config.recordings.retention;
}
