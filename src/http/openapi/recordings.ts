import { z } from 'zod';
import { RECORDING_FORMATS } from '../../config/parts/recordings.js';
import { AUDIT_ACTIONS } from '../../recordings/audit.js';
import { peaksSchema } from '../../recordings/peaks.js';
import { auditQuery } from '../audit.js';
import { holdRequest, linkRequest, peaksQuery } from '../recordings.js';
import { count, ok, time, type Operation } from './operation.js';

const MAX_LINK_SECONDS = 30 * 86_400;

const sound = { description: 'The sound', type: 'audio/*' };
const soundAnswers = {
  200: sound,
  206: { ...sound, description: 'The piece that `Range` asks for' },
  304: { description: '`If-None-Match` names it' },
};
const soundHeaders = {
  Range: 'One range of bytes; several at once are answered with the whole',
  'If-Range': 'ETag or Last-Modified of what the client has a part of',
  'If-None-Match': 'ETags',
};
const format = z.enum(RECORDING_FORMATS);
const hold = z.object({ by: z.string(), at: time, reason: z.string() });
const about = z
  .object({
    status: z.enum(['ready', 'none', 'recording', 'absent', 'failed', 'deleted']),
    reason: z.string().nullable(),
    durationSeconds: z.number().optional(),
    sampleRate: count.optional(),
    channels: z.array(z.string()).optional(),
    silentChannels: z.array(z.string()).optional(),
    formats: z.array(z.object({ format, bytes: count, sha256: z.string() })).optional(),
    hold: hold.nullable().optional(),
    deletedAt: time.optional(),
    gateway: z.string().optional().describe('With the reason `on_its_way`: whose disk it is on'),
  })
  .meta({ id: 'AboutRecording' });
const auditLine = z
  .object({
    id: z.string(),
    at: time,
    action: z.enum(AUDIT_ACTIONS),
    who: z.object({ kind: z.enum(['key', 'user', 'link', 'gateway']), name: z.string() }),
    from: z.string().nullable().describe('Address of the client'),
    call: z.string().nullable(),
    site: z.string().nullable(),
    detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  })
  .meta({ id: 'AuditLine' });

const one = { parameters: { id: 'The call' } };
const absent = [
  'GW_ERR_NOT_FOUND',
  'GW_ERR_NO_RECORDING',
  'GW_ERR_RECORDING_DELETED',
  'GW_ERR_RECORDING_AWAY',
] as const;
const sha256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

export const recordingOperations: Operation[] = [
  {
    ...one,
    method: 'get',
    path: '/v1/recordings/{id}',
    summary: 'The sound of a call',
    description: 'ETag is the SHA-256 of the file. Who hears it stands in the audit log.',
    scope: 'recordings:read',
    query: z.object({ format: format.optional() }),
    headers: soundHeaders,
    answers: soundAnswers,
    errors: [...absent, 'GW_ERR_RANGE'],
  },
  {
    ...one,
    method: 'delete',
    path: '/v1/recordings/{id}',
    summary: 'Deletes the recording of a call',
    description: 'For good, in every format. May be repeated.',
    scope: 'recordings:write',
    answers: { 204: { description: 'Deleted' } },
    errors: ['GW_ERR_NOT_FOUND', 'GW_ERR_NO_RECORDING', 'GW_ERR_RECORDING_AWAY', 'GW_ERR_LEGAL_HOLD'],
  },
  {
    ...one,
    method: 'get',
    path: '/v1/recordings/{id}/about',
    summary: 'What became of the recording: its formats, or why there is none',
    scope: 'recordings:read',
    answers: ok('What is known', about, {
      status: 'ready',
      reason: null,
      durationSeconds: 58.4,
      sampleRate: 8000,
      channels: ['caller', 'business'],
      silentChannels: [],
      formats: [{ format: 'wav', bytes: 1_868_844, sha256 }],
      hold: null,
    }),
    errors: ['GW_ERR_NOT_FOUND'],
  },
  {
    ...one,
    method: 'get',
    path: '/v1/recordings/{id}/peaks',
    summary: 'The waveform of each side',
    scope: 'recordings:read',
    query: peaksQuery,
    answers: ok('The waveform', peaksSchema, {
      version: 1,
      durationSeconds: 0.3,
      secondsPerPoint: 0.1,
      channels: ['caller', 'business'],
      peaks: [
        [0, 12, 130],
        [4, 0, 0],
      ],
    }),
    errors: [...absent],
  },
  {
    ...one,
    method: 'post',
    path: '/v1/recordings/{id}/links',
    summary: 'A link to the recording for who has no key, for a time',
    description: '`expiresIn` in seconds, at most `recordings.links.maxExpiry`.',
    scope: 'recordings:read',
    body: { schema: linkRequest(MAX_LINK_SECONDS), example: { expiresIn: 86_400, oneTime: true } },
    answers: {
      201: {
        description: 'The link',
        schema: z.object({ id: z.string(), url: z.string(), expiresAt: time, oneTime: z.boolean() }),
      },
    },
    errors: [...absent],
  },
  {
    ...one,
    method: 'put',
    path: '/v1/recordings/{id}/hold',
    summary: 'Puts a legal hold on the recording: nothing deletes it any more',
    scope: 'recordings:write',
    body: { schema: holdRequest, example: { reason: 'Claim 2026-114' } },
    answers: ok('The hold', hold),
    errors: [...absent],
  },
  {
    ...one,
    method: 'delete',
    path: '/v1/recordings/{id}/hold',
    summary: 'Releases a legal hold',
    scope: 'recordings:write',
    answers: { 204: { description: 'Released, or there was none' } },
    errors: [...absent],
  },
  {
    method: 'get',
    path: '/r/{token}',
    summary: 'The recording that a shared link leads to',
    description:
      'Who opens it as a page of a browser gets one with a player, or is told in words why there is nothing to hear; everything else gets the sound. `?download=1` saves it.',
    scope: 'public',
    parameters: { token: 'As in the link' },
    headers: soundHeaders,
    answers: soundAnswers,
    errors: [
      'GW_ERR_LINK_INVALID',
      'GW_ERR_LINK_ENDED',
      'GW_ERR_NO_RECORDING',
      'GW_ERR_RECORDING_AWAY',
      'GW_ERR_RANGE',
      'GW_ERR_REDIS_AWAY',
      'GW_ERR_DEADLINE',
    ],
  },
  {
    method: 'get',
    path: '/v1/audit',
    summary: 'Who heard, shared, held and deleted which recording, the newest first',
    description: 'A page may be short, or empty, and go on all the same: `next` is null after the last one.',
    scope: 'audit:read',
    query: auditQuery,
    answers: ok('A page', z.object({ lines: z.array(auditLine), next: z.string().nullable() })),
  },
];
