import type { Call } from '../call/call.js';
import type { Clock } from '../lib/clock.js';
import { asJson, DELIVERED, isNews, isSettling, judge } from './sink.js';
import type { Ask, Sink, SinkEvent, SinkOutcome } from './sink.js';
import { CallSteps, recordingOf, type RecordingAddress, type SinkPorts } from './steps.js';

export interface Bitrix24Config {
  /** Of the employee to whom calls and tasks belong, and who sees a call come in. */
  userId: number;
  recordings: RecordingAddress;
}

/** People put these right; until then the event waits. */
const OURS_TO_WAIT =
  /QUERY_LIMIT|OPERATION_TIME|OVERLOAD|INTERNAL_SERVER|expired_token|NO_AUTH|INVALID_CREDENTIALS|ACCESS_DENIED|insufficient_scope/i;
/** Bitrix24 fetches a recording while it is told of it. */
const LINK_MS = 3_600_000;

/**
 * Bitrix24 (scopes `telephony`, `task`): the call's card while it rings, the call with its contact or a new lead, a task
 * for a missed one, the recording. Bitrix24 names a call by an id of its own, which is kept with the steps that are done.
 */
export function bitrix24Sink(
  { id, url }: { id: string; url: string },
  { userId, recordings }: Bitrix24Config,
  ports: SinkPorts,
  now: Clock,
): Sink {
  return {
    url: new URL(url),
    // Two a second are allowed for good.
    spacingMs: 500,
    callsOnly: true,
    async deliver(event, ask) {
      const { call } = event.data;
      const tells = partOf(event);
      if (!call?.caller.number || tells === null) return DELIVERED;
      const steps = await CallSteps.of(ports, id, call.id);
      const registered = await register(call, steps, { show: tells === 'begin' && isNews(event, now()), ask });
      if (registered.outcome !== 'delivered' || tells === 'begin') return registered;
      return end(call, steps, ask);
    },
  };

  function register(call: Call, steps: CallSteps, { show, ask }: { show: boolean; ask: Ask }): Promise<SinkOutcome> {
    return steps.take('register', async () => {
      const fields = registrationOf(call, userId, show);
      const { result, outcome } = await invoke('telephony.externalcall.register', fields, ask);
      const { CALL_ID: vendorId } = (result ?? {}) as { CALL_ID?: string };
      if (outcome.outcome === 'delivered' && vendorId === undefined)
        return { outcome: { outcome: 'retry', reason: 'Bitrix24 registered the call without a CALL_ID' } };
      return { outcome, ...(vendorId !== undefined && { vendorId }) };
    });
  }

  async function end(call: Call, steps: CallSteps, ask: Ask): Promise<SinkOutcome> {
    const CALL_ID = steps.idOf('register');
    const missed = call.disposition === 'missed';
    const finished = await steps.take('finish', () =>
      invoke('telephony.externalcall.finish', { CALL_ID, ...endOf(call, userId) }, ask),
    );
    if (finished.outcome !== 'delivered') return finished;
    if (missed) return steps.take('task', () => invoke('tasks.task.add', { fields: taskOf(call, userId) }, ask));
    const link = await recordingOf(call, recordings, () => ports.linkTo(id, call, LINK_MS));
    if (link === null) return DELIVERED;
    const record = { CALL_ID, FILENAME: `${call.id}.wav`, RECORD_URL: link };
    return steps.take('record', () => invoke('telephony.externalcall.attachRecord', record, ask));
  }
}

/** `end` is told twice where a recording follows; what is done then is not done again. */
function partOf({ type }: SinkEvent): 'begin' | 'end' | null {
  if (type === 'call.ringing' || type === 'call.answered') return 'begin';
  return type === 'call.missed' || type === 'call.completed' || isSettling(type) ? 'end' : null;
}

const registrationOf = (call: Call, userId: number, show: boolean): object => ({
  USER_ID: userId,
  PHONE_NUMBER: call.caller.number,
  TYPE: 2,
  CALL_START_DATE: call.startedAt,
  CRM_CREATE: 1,
  LINE_NUMBER: call.trackingNumber,
  SHOW: show ? 1 : 0,
});

const endOf = (call: Call, userId: number): object => ({
  USER_ID: userId,
  DURATION: Math.round(call.durations.talkSeconds),
  ...(call.disposition === 'missed' ? { STATUS_CODE: '304', FAILED_REASON: call.lossReason } : { STATUS_CODE: '200' }),
});

const taskOf = (call: Call, userId: number): object => ({
  TITLE: `Call back ${call.caller.number ?? ''}`,
  RESPONSIBLE_ID: userId,
  DESCRIPTION: `Missed on ${call.trackingNumber} at ${call.startedAt}: ${call.lossReason ?? ''}`,
});

/** An error may come with any status, 200 too. */
async function invoke(method: string, body: unknown, ask: Ask): Promise<{ result: unknown; outcome: SinkOutcome }> {
  const answer = await ask(asJson(`/${method}.json`, body));
  const { result, error, error_description: words } = (answer.json ?? {}) as Record<string, unknown>;
  if (typeof error !== 'string') return { result, outcome: judge(answer) };
  const reason = `${method}: ${error}${typeof words === 'string' ? ` (${words})` : ''}`;
  const limited = /LIMIT/i.test(error) ? { retryAfterMs: 2_000 } : {};
  const waits = OURS_TO_WAIT.test(error) || judge(answer).outcome === 'retry';
  return { result, outcome: waits ? { outcome: 'retry', reason, ...limited } : { outcome: 'dead', reason } };
}
