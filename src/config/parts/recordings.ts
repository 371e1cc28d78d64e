import { z } from 'zod';
import { byteSize, duration, durationOf, durationUpTo, folder, id, sound } from '../words.js';

const RETENTION_MAX_MS = 3650 * 86_400_000;
export const RECORDING_FORMATS = ['wav', 'mp3', 'opus'] as const;
export type RecordingFormat = (typeof RECORDING_FORMATS)[number];
const recordingFormat = z.enum(RECORDING_FORMATS);

const apart = (codes: string[]): boolean =>
  codes.every((code, i) => codes.every((other, j) => i === j || !other.startsWith(code)));

const controlCode = z.string().regex(/^[*#][\d*#]{1,3}$/, 'two to four keys, the first of them "*" or "#", like "*1"');

/** Of a route, or of all routes of a site that do not say otherwise. */
const recordingPolicy = {
  /** `on-demand`: when somebody asks for it during the talk, through the API or by keys. */
  mode: z.enum(['always', 'never', 'on-demand']).optional(),
  /** The caller hears it before anybody is dialled. */
  announcement: sound.optional(),
  /** Whether it is played; a route that names one of its own means it to be. */
  announce: z.boolean().optional(),
  /** Pressed during the announcement it means that he does not want to be recorded; he is answered before it then. */
  declineKey: z
    .string()
    .regex(/^[\d*#]$/, 'one key')
    .optional(),
  /** How often both sides hear a short tone while they are recorded. */
  beep: duration.pipe(z.number().min(2000, 'at least 2s').max(300_000, 'at most 5m')).optional(),
  /** What the business's side keys in during the talk; the caller does not hear it. */
  controls: z
    .strictObject({
      start: controlCode.optional(),
      pause: controlCode.optional(),
      resume: controlCode.optional(),
      mask: controlCode.optional(),
      unmask: controlCode.optional(),
      stop: controlCode.optional(),
    })
    .refine((controls) => apart(Object.values(controls)), {
      error: 'codes of which none is another, or the beginning of another',
    })
    .optional(),
};

export const routeRecording = z.strictObject({
  ...recordingPolicy,
  /** Before the site's and the general one. */
  format: recordingFormat.optional(),
  keepWav: z.boolean().optional(),
});

export const siteRecording = z.strictObject({
  ...recordingPolicy,
  retention: durationUpTo(RETENTION_MAX_MS, '3650d').optional(),
  format: recordingFormat.optional(),
  keepWav: z.boolean().optional(),
});

/** Amazon S3 and what is compatible with it. */
const s3 = z
  .strictObject({
    /** Of a compatible store; Amazon's own where left out. */
    endpoint: z.url({ protocol: /^https?$/ }).optional(),
    region: z.string().min(1).default('us-east-1'),
    bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,62}$/, 'a bucket name: 3 to 63 of a-z, 0-9, "." and "-"'),
    /** Before every object's name. */
    prefix: z
      .string()
      .regex(/^([\w-][\w.-]*\/)*$/, 'empty, or folders that end with "/", like "recordings/"')
      .default(''),
    /** Left out: as the AWS libraries find them (environment, instance role). */
    accessKeyId: z.string().min(1).optional(),
    secretAccessKey: z.string().min(1).optional(),
    /** `https://endpoint/bucket/…` instead of `https://bucket.endpoint/…`. */
    pathStyle: z.boolean().default(false),
    serverSideEncryption: z.enum(['none', 'AES256', 'aws:kms']).default('none'),
    kmsKeyId: z.string().min(1).optional(),
    /** How long one request may go without an answer. */
    timeout: durationOf('30s', 300_000, '5m'),
    /** Recordings uploaded at once. */
    uploads: z.int().min(1).max(16).default(2),
  })
  // Without its other half the libraries would look for credentials elsewhere, and without a word.
  .refine(({ accessKeyId, secretAccessKey }) => secretAccessKey !== undefined || accessKeyId === undefined, {
    path: ['secretAccessKey'],
    error: 'given beside "accessKeyId"',
  })
  .refine(({ accessKeyId, secretAccessKey }) => accessKeyId !== undefined || secretAccessKey === undefined, {
    path: ['accessKeyId'],
    error: 'given beside "secretAccessKey"',
  })
  .refine(({ serverSideEncryption, kmsKeyId }) => kmsKeyId === undefined || serverSideEncryption === 'aws:kms', {
    path: ['kmsKeyId'],
    error: 'left out unless "serverSideEncryption" is "aws:kms"',
  });

export const recordings = z.strictObject({
  /** Where finished recordings are kept; with `store: s3` until they are uploaded. */
  directory: folder.default('./var/recordings'),
  /** Where FreeSWITCH writes while the call is up, as the gateway sees that folder. */
  spool: folder.default('./var/spool'),
  /** With less free space on the spool's or the directory's disk new calls go on without recording. */
  minFree: byteSize.prefault('1GB'),
  /** How long a recording is kept, from the start of its call. */
  retention: durationOf('180d', RETENTION_MAX_MS, '3650d'),
  /** Made by ffmpeg after the call; `wav`: nothing is made. */
  format: recordingFormat.default('wav'),
  /** Keep the WAV beside the `format` that was made of it. */
  keepWav: z.boolean().default(true),
  store: z.enum(['disk', 's3']).default('disk'),
  s3: s3.optional(),
  /** At rest, by us; on top of whatever the store does. The first key encrypts, every key decrypts. */
  encryption: z
    .strictObject({
      keys: z
        .array(
          z.strictObject({
            id: id.max(32),
            secret: z.string().regex(/^[A-Za-z0-9+/]{43}=$/, 'the base64 of 32 bytes: openssl rand -base64 32'),
          }),
        )
        .min(1)
        .max(20),
    })
    .optional(),
  /** How long a shared link may live at most. */
  links: z.strictObject({ maxExpiry: durationOf('30d', 30 * 86_400_000, '30d') }).prefault({}),
});

/** Who heard which recording: how long a line is kept, and how many at most. */
export const audit = z.strictObject({
  retention: durationOf('400d', RETENTION_MAX_MS, '3650d'),
  lines: z.int().min(1000).max(10_000_000).default(1_000_000),
});
