import { z } from 'zod';
import { RECORDING_FORMATS } from '../config/parts/recordings.js';

/**
 * What a recording consists of, kept beside its files: so that the store tells everything by itself, also when Redis no
 * longer has the call. Written last: a recording without a manifest is not there yet.
 */
const storedFileSchema = z.object({
  format: z.enum(RECORDING_FORMATS),
  /** Of the sound as it is served. */
  bytes: z.int().min(1),
  sha256: z.string(),
});

export const manifestSchema = z.object({
  version: z.literal(1),
  callId: z.string(),
  site: z.string().nullable(),
  startedAt: z.string(),
  /** When the file was finished: `Last-Modified`. */
  settledAt: z.string(),
  durationSeconds: z.number(),
  sampleRate: z.int(),
  channels: z.array(z.string()),
  silentChannels: z.array(z.string()),
  /** As in the call's document: `shorter_than_talk`, or null. */
  reason: z.string().nullable(),
  /** What the file lacks, as in the call's document; missing in what was settled before this was kept. */
  paused: z.array(z.object({ atSeconds: z.number(), seconds: z.number().nullable() })).optional(),
  masked: z.array(z.object({ fromSeconds: z.number(), toSeconds: z.number().nullable() })).optional(),
  /** Id of the key that sound and waveform are encrypted with; null: they are not. */
  encryptedWith: z.string().nullable(),
  files: z.array(storedFileSchema),
});
export type Manifest = z.output<typeof manifestSchema>;
export type StoredFile = z.output<typeof storedFileSchema>;

/** null for what is no manifest of ours: a torn or foreign file is no recording. */
export function readManifest(text: Buffer | null): Manifest | null {
  if (!text) return null;
  try {
    return manifestSchema.safeParse(JSON.parse(text.toString('utf8'))).data ?? null;
  } catch {
    return null;
  }
}
