import type { EventType } from '../call/event-types.js';

/** What each event means, in one sentence for those who write a receiver. */
export const EVENT_DESCRIPTIONS: Readonly<Record<EventType, string>> = {
  'call.received': 'A call came in; whose it is has been decided already.',
  'call.ringing': 'A phone of the business has begun to ring.',
  'call.overflowed': 'A target had no free channel and the call went on to the next step.',
  'call.answered': 'Somebody of the business took the call.',
  'call.completed': 'An answered call has ended. The call is over; a recording may still follow.',
  'call.missed': 'The call ended without an answer; `lossReason` says why. The call is over.',
  'call.rejected': 'The call was refused before anything was dialled. The call is over.',
  'recording.ready':
    'The recording is whole and stored. May follow `recording.failed` where a gateway died and its disk is back; comes once more, with the other `file`, where the WAV is not kept beside the format that was made of it.',
  'recording.absent': 'There is nothing to listen to, and `recording.reason` says why.',
  'recording.failed': 'A recording should be there and is not; `recording.reason` says why.',
  'recording.deleted': 'The recording was deleted: by `retention`, `request` or `caller_erased` (`recording.reason`).',
  'call.attribution.corrected': 'The verdict that the call began with has been put right.',
  'call.tagged': 'Somebody put a tag on the call, took one off, or wrote a note; `change` says which.',
  'call.handled':
    'Somebody has taken care of a lost call, the business has called back (`handled.callback`), or somebody takes that back (`handled` null).',
  'trunk.down': "A carrier's trunk is out of service for the reason given.",
  'trunk.up': 'That reason is gone.',
  'line.down': 'A line with a fixed address is out of service for the reason given: `options`, it does not answer.',
  'line.up': 'That reason is gone.',
  'capacity.high': 'Most channels of a limit are in use.',
  'capacity.exhausted': 'The last channel of a limit has been taken: the next call overflows or is lost.',
  'capacity.recovered': 'A limit has channels to spare again.',
  'pool.low': 'A site has few tracking numbers left to lend.',
  'pool.exhausted': 'A site has none left: visitors see the fallback number.',
  'webhook.disabled':
    'Nothing is sent to an endpoint any more: it answered 410, took nothing for days, or somebody asked so. Told to the others.',
  'webhook.enabled':
    'An endpoint that was disabled gets its events again, those that waited first. Told to the others.',
  'webhook.dead_letter':
    'Deliveries to an endpoint were given up: after 76 hours, or at once where its answer to a template or sink was final. They can be replayed. Told to the others.',
  'events.dropped':
    'Undelivered events of an endpoint are gone: beyond what is kept, or lost by Redis. Told to the others.',
  'storage.low': "A gateway's disk has too little room: its new calls are not recorded.",
  'storage.recovered': 'There is room again: calls are recorded.',
  'uploads.failing': "A gateway's recordings have not reached their store for long; they wait on its disk.",
  'uploads.recovered': 'They reach it again.',
};
