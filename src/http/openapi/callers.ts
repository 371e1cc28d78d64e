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
  })
  .meta({ id: 'ErasureProof', description: 'What was removed; it does not hold the number.' });

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
    answers: ok('The proof', proof, {
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
    }),
    errors: ['GW_ERR_BAD_REQUEST', 'GW_ERR_CONFLICT'],
  },
];
