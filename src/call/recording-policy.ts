import type { GatewayConfig, RouteConfig, SoundConfig } from '../config/schema.js';
import { RECORDING_ACTIONS, type RecordingAction } from './media-ports.js';

type SiteConfig = GatewayConfig['sites'][number];

/** Whether and how a call is recorded. */
export interface RecordingPolicy {
  mode: 'always' | 'never' | 'on-demand';
  /** Heard by the caller before anybody is dialled. */
  announcement?: SoundConfig | undefined;
  /** During the announcement: he does not want to be recorded. */
  declineKey?: string | undefined;
  /** How often both hear that they are recorded, ms. */
  beep?: number | undefined;
  /** What the business's side keys in during the talk. */
  controls?: { [A in RecordingAction]?: string | undefined } | undefined;
}

export const NEVER: RecordingPolicy = { mode: 'never' };

/** Each setting is the route's own, or its site's. */
export function policyOf(route: RouteConfig, site: SiteConfig | undefined): RecordingPolicy {
  const own = route.recording;
  const general = site?.recording;
  return {
    mode: own.mode ?? general?.mode ?? 'always',
    announcement: announces(route, site) ? (own.announcement ?? general?.announcement) : undefined,
    declineKey: own.declineKey ?? general?.declineKey,
    beep: own.beep ?? general?.beep,
    controls: own.controls ?? general?.controls,
  };
}

function announces({ recording: own }: RouteConfig, site: SiteConfig | undefined): boolean {
  return own.announce ?? (own.announcement !== undefined || (site?.recording.announce ?? true));
}

/** What the keys mean; null where they mean nothing. */
export function actionFor({ controls = {} }: RecordingPolicy, keys: string): RecordingAction | null {
  return RECORDING_ACTIONS.find((action) => controls[action] === keys) ?? null;
}

/** The codes as a regular expression for FreeSWITCH, which keeps them from the caller; null where there are none. */
export function controlsPattern({ mode, controls = {} }: RecordingPolicy): string | null {
  const codes = Object.values(controls);
  if (mode === 'never' || codes.length === 0) return null;
  // "*" would mean a repetition; in brackets it is itself.
  return codes.map((code) => code.replaceAll('*', '[*]')).join('|');
}
