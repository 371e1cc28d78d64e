import { z } from 'zod';
import { count, ok, time, type Operation } from './operation.js';

const proof = z
  .object({
    id: z.string(),
    at: time,
    by: z.string().describe('Name of the key that asked'),
    calls: z.array(z.string()).describe('Ids of the calls that are nobody’s now'),
    events: count.describe('Removed from the feed'),
    queued: count.describe('Deliveries that waited and are not made any more'),
    deadLetters: count,
    attempts: count.describe('Lines of the delivery log'),
    historyCalls: count,
    held: z.array(z.string()).describe('Ids of the calls whose recordings a legal hold keeps'),
    away: z
      .array(z.object({ callId: z.string(), gateway: z.string() }))
      .describe('Recordings that only this gateway’s disk has: delete them there, by call'),
    recordings: z.array(z.object({ callId: z.string(), sha256: z.string().nullable(), bytes: count.nullable() })),
    archive: z.enum(['done', 'waiting']).describe('`waiting`: there are archives in which he is not forgotten yet'),
    archived: z.array(z.string()).describe('Ids of the archived calls that are nobody’s now'),
  })
  .meta({ id: 'ErasureProof', description: 'What was removed; it does not hold the number.' });

const archived = z
  .object({
    id: z.string().describe('Of the proof'),
    at: time,
    by: z.string(),
    archive: z.enum(['done', 'waiting']),
    waitingFor: z.array(z.string()).describe('Gateways on whose disk, or store, he is not forgotten yet'),
    calls: z.array(
      z.object({
        id: z.string(),
        recording: z
          .enum(['deleted', 'held', 'away', 'none'])
          .describe('`held`: a legal hold keeps it. `away`: only the disk of `gateway` has it'),
        gateway: z.string(),
        sha256: z.string().nullable(),
        bytes: count.nullable(),
      }),
    ),
  })
  .meta({ id: 'ArchivedErasure', description: 'What was removed of archived calls so far. Kept for 400 days.' });

const example = {
  id: '019aa5c1-7c44-7c6e-9d0b-5f1f0f6f2a11',
  at: '2026-11-21T12:00:00.000Z',
  by: 'dpo',
  calls: ['019aa5c1-7c44-7c6e-9d0b-5f1f0f6f2a11'],
  events: 6,
  queued: 0,
  deadLetters: 0,
  attempts: 6,
  historyCalls: 1,
  held: [],
  away: [],
  recordings: [{ callId: '019aa5c1-7c44-7c6e-9d0b-5f1f0f6f2a11', sha256: 'c3ab8ff1…', bytes: 2000044 }],
  archive: 'done',
  archived: [],
};

export const callerOperations: Operation[] = [
  {
    method: 'delete',
    path: '/v1/callers/{number}',
    summary: 'Forget a caller',
    description:
      'Removes his history, recordings and events, and makes his calls nobody’s; campaign and course of the calls stay for ' +
      'reports. 409 while a call of his is in progress. Asked for again it goes on where it was broken off.',
    scope: 'callers:write',
    parameters: { number: 'E.164, like `+79160000001`' },
    answers: {
      ...ok('The proof', proof, example),
      202: {
        description:
          'The proof so far: there are archives in which he is not forgotten yet. That goes on by itself; `/v1/callers/erasures/{id}` tells.',
        schema: proof,
        example: { ...example, archive: 'waiting' },
      },
    },
    errors: ['GW_ERR_BAD_REQUEST', 'GW_ERR_CONFLICT'],
  },
  {
    method: 'get',
    path: '/v1/callers/erasures/{id}',
    summary: 'What has become of an erasure in the archives',
    scope: 'callers:write',
    parameters: { id: '`id` of the proof' },
    answers: ok('What was removed so far', archived, {
      id: example.id,
      at: example.at,
      by: 'dpo',
      archive: 'done',
      waitingFor: [],
      calls: [{ id: example.id, recording: 'deleted', gateway: 'gw-1', sha256: 'c3ab8ff1…', bytes: 2000044 }],
    }),
    errors: ['GW_ERR_NOT_FOUND'],
  },
];
