import { z } from 'zod';
import { MAX_NOTES, MAX_TAGS } from '../../call/amendments.js';
import type { Call } from '../../call/call.js';
import { RECORDING_ACTIONS } from '../../call/media-ports.js';
import { callSchema } from '../../events/catalogue.js';
import { exampleEvent } from '../../events/examples.js';
import { attributionBody, handledBody, noteBody, promoBody, tagBody } from '../call-edits.js';
import { ok, type Operation } from './operation.js';

const queued = z.object({ status: z.literal('queued') });
const answersLike = (type: 'call.tagged' | 'call.handled' | 'call.attribution.corrected') => ({
  ...ok('The call as it is now', callSchema, (exampleEvent(type).data as { call: unknown }).call),
  202: {
    description: 'Another gateway has this call in progress and will change it within seconds; its event tells.',
    schema: queued,
    example: { status: 'queued' },
  },
});
const common = {
  scope: 'calls:write',
  parameters: { id: '`data.call.id` of its events' },
  errors: ['GW_ERR_NOT_FOUND', 'GW_ERR_BAD_REQUEST'],
} satisfies Partial<Operation>;

/** What is recorded of a talk while it goes on. */
const recordingOperation: Operation = {
  method: 'post',
  path: '/v1/calls/{id}/recording/{action}',
  summary: 'Start, pause, resume, mask, unmask or stop the recording of a talk',
  description:
    'While the two sides talk, at the gateway that has the call. `pause` leaves the time out of the file, `mask` writes silence ' +
    'in its place, `stop` is final, `start` is for routes that record on demand. Doing again what is done changes nothing.',
  scope: 'recordings:write',
  parameters: { id: common.parameters.id, action: RECORDING_ACTIONS.map((action) => `\`${action}\``).join(', ') },
  answers: ok('The recording as it is now', callSchema.shape.recording, {
    ...(exampleEvent('call.answered').data as { call: Call }).call.recording,
    masked: [{ fromSeconds: 31.2, toSeconds: null }],
  }),
  errors: ['GW_ERR_NOT_FOUND', 'GW_ERR_CONFLICT', 'GW_ERR_MEDIA_COMMAND'],
};

/** Asking twice changes nothing and tells nothing the second time. */
export const callEditOperations: Operation[] = [
  {
    ...common,
    method: 'post',
    path: '/v1/calls/{id}/tags',
    summary: 'Put a tag on a call',
    description: `At most ${MAX_TAGS}, of 64 characters. Told by \`call.tagged\`.`,
    body: { schema: tagBody, example: { name: 'sofas' } },
    answers: answersLike('call.tagged'),
  },
  {
    ...common,
    method: 'delete',
    path: '/v1/calls/{id}/tags/{name}',
    summary: 'Take a tag off a call',
    parameters: { ...common.parameters, name: 'The tag' },
    answers: answersLike('call.tagged'),
  },
  {
    ...common,
    method: 'post',
    path: '/v1/calls/{id}/handled',
    summary: 'Say that somebody has taken care of a lost call, or take it back',
    description: 'Told by `call.handled`.',
    body: { schema: handledBody, example: { handled: true } },
    answers: answersLike('call.handled'),
  },
  {
    ...common,
    method: 'post',
    path: '/v1/calls/{id}/notes',
    summary: 'Write a note on a call',
    description: `At most ${MAX_NOTES}, of 2,000 characters. Told by \`call.tagged\`.`,
    body: { schema: noteBody, example: { text: 'Wants the corner sofa in grey.' } },
    answers: answersLike('call.tagged'),
  },
  {
    ...common,
    errors: [...common.errors, 'GW_ERR_CALLER_ERASED'],
    method: 'put',
    path: '/v1/calls/{id}/attribution',
    summary: 'Say whose call it really was',
    description:
      "One of the number's holders up to the call (`attribution.candidates` has the likely ones), or nobody. Told by " +
      '`call.attribution.corrected`; nothing that the gateway finds later undoes it.',
    body: { schema: attributionBody, example: { leaseId: 'lease-8811', reason: 'the caller said so' } },
    answers: answersLike('call.attribution.corrected'),
  },
  {
    ...common,
    errors: [...common.errors, 'GW_ERR_CALLER_ERASED'],
    method: 'post',
    path: '/v1/calls/{id}/promo',
    summary: 'Enter the promo code that the caller told',
    description: 'The call is then the visit of whom the code was lent to. Told by `call.attribution.corrected`.',
    body: { schema: promoBody, example: { code: '48210' } },
    answers: answersLike('call.attribution.corrected'),
  },
  recordingOperation,
];
