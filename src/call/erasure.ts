import type { Call, RecordingInfo, VisitorSession } from './call.js';
import { NO_RECORDING } from './document.js';

/**
 * The call without the person: what reports need stays (when, how long, how it ended, from which campaign), what leads to
 * somebody goes: number, name, visitor and click ids, pages, notes, candidates, the recording.
 */
export function withoutCaller(call: Call, recordingKept: boolean): Call {
  const { attribution } = call;
  return {
    ...call,
    caller: {
      number: null,
      withheld: call.caller.withheld,
      name: null,
      firstCall: null,
      previousCalls: null,
      lastCallAt: null,
      lastDisposition: null,
      erased: true,
    },
    attribution: {
      ...attribution,
      leaseId: null,
      session: attribution.session && withoutVisitor(attribution.session),
      candidates: [],
    },
    corrections: [],
    recording: recordingKept ? call.recording : withoutSound(call.recording),
    tags: call.tags.filter(({ name }) => name === 'callback' || name === 'repeat' || name === 'suspicious'),
    notes: [],
  };
}

/** Neither its hash nor its length may lead to it. */
function withoutSound(recording: RecordingInfo): RecordingInfo {
  const { status, reason, deletedAt } = recording;
  if (status === 'none') return recording;
  if (status === 'deleted') return { ...NO_RECORDING, status, reason, deletedAt };
  return { ...NO_RECORDING, status: 'absent', reason: 'erased' };
}

const withoutVisitor = ({ utm }: VisitorSession): VisitorSession => ({
  id: 'erased',
  visitorId: null,
  landingPage: null,
  referrer: null,
  utm: { ...utm, term: null },
  keyword: null,
  gclid: null,
  yclid: null,
  gaClientId: null,
  ymClientId: null,
});
