import { z } from 'zod';
import { callbackBody } from '../callbacks.js';
import { count, ok, type Operation } from './operation.js';

const outcome = z
  .object({
    settled: z
      .array(z.object({ site: z.string().nullable(), callId: z.string(), waitedSeconds: count }))
      .describe('Who no longer waits: the last of his lost calls, and how long after the first he was dialled'),
    tried: z
      .array(z.object({ site: z.string().nullable(), callId: z.string(), tries: count }))
      .describe('Who waits on, and how often he has been called in vain'),
  })
  .meta({ id: 'CallbackOutcome', description: 'Both empty where he does not wait.' });

export const callbackOperations: Operation[] = [
  {
    method: 'post',
    path: '/v1/callbacks',
    summary: 'Tell that the business has called somebody back',
    description:
      'For the PBX or CRM, since the gateway places no such calls: it may tell of every outgoing call. A talk settles every waiting entry of `/v1/calls/missed` of ' +
      'this caller as `called_back` and is told by `call.handled` (`handled.callback`), unless he has called in vain after it. `talkSeconds: 0` is a try ' +
      'in vain. Telling it twice, with the same `at`, changes nothing.',
    scope: 'callbacks:write',
    body: {
      schema: callbackBody,
      example: { number: '8 916 000-00-01', at: '2026-11-21T10:32:10Z', talkSeconds: 165, line: 'sales-2' },
    },
    answers: ok('For whom it counted', outcome, {
      settled: [{ site: 'divan', callId: '019aa5c1-7c44-7c6e-9d0b-5f1f0f6f2a11', waitedSeconds: 1190 }],
      tried: [],
    }),
  },
];
