import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { RecordingFormat } from '../config/parts/recordings.js';
import type { GatewayConfig } from '../config/schema.js';

const DEADLINE_MS = 5_000;

type Formats = Pick<GatewayConfig, 'recordings' | 'sites' | 'routes'>;

/** Formats that are wanted somewhere in the configuration and that ffmpeg has to make. */
export function encodedFormats({ recordings, sites, routes }: Formats): RecordingFormat[] {
  const wanted = [recordings, ...sites.map((site) => site.recording), ...routes.map((route) => route.recording)];
  return [...new Set(wanted.map(({ format }) => format ?? 'wav'))].filter((format) => format !== 'wav');
}

/** Whether ffmpeg can be started. Never rejects. */
export async function hasEncoder(): Promise<boolean> {
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const ffmpeg = spawn('ffmpeg', ['-version'], { stdio: 'ignore', signal, killSignal: 'SIGKILL' });
  return await once(ffmpeg, 'close').then(
    ([status]) => status === 0,
    () => false,
  );
}

/** Formats that are wanted and cannot be made here: these recordings stay WAV. */
export async function missingFormats(config: Formats): Promise<RecordingFormat[]> {
  const formats = encodedFormats(config);
  return formats.length === 0 || (await hasEncoder()) ? [] : formats;
}
