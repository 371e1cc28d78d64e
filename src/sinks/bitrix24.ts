import type { Call } from '../call/call.js';
import { asJson, DELIVERED, isLastWord, judge, type Ask, type Sink, type SinkOutcome } from './sink.js';

export interface Bitrix24Config {
  /** Of the employee to whom calls and tasks belong. */
  userId: number;
  /** Address of a recording, `{id}` standing for the call's id; null: none is attached. */
  recordings: string | null;
}

/** People put these right; until then the event waits. */
const OURS_TO_WAIT =
  /QUERY_LIMIT|OPERATION_TIME|OVERLOAD|INTERNAL_SERVER|expired_token|NO_AUTH|INVALID_CREDENTIALS|ACCESS_DENIED|insufficient_scope/i;
const REMEMBERED = 1_000;

/**
 * Bitrix24 by an incoming webhook (scopes `telephony`, `task`): the call with its contact or a new lead, a task for a
 * missed call, the recording's link. All at the end of the call: registering, finishing and attaching belong together,
 * and Bitrix24 names a call by an id of its own, which no other gateway would know.
 */
export function bitrix24Sink(url: string, { userId, recordings }: Bitrix24Config): Sink {
  /** Steps done of events that are not through yet, so that another attempt goes on behind them. */
  const done = new Map<string, Map<string, unknown>>();
  return {
    url: new URL(url),
    // Two a second are allowed for good.
    spacingMs: 500,
    async deliver(event, ask) {
      const { call } = event.data;
      if (!call?.caller.number || !isLastWord(event)) return DELIVERED;
      const steps = done.get(event.id) ?? new Map<string, unknown>();
      const outcome = await tell(call, steps, ask);
      done.delete(event.id);
      if (outcome.outcome === 'retry' && done.size < REMEMBERED) done.set(event.id, steps);
      return outcome;
    },
  };

  async function tell(call: Call, steps: Map<string, unknown>, ask: Ask): Promise<SinkOutcome> {
    const step = async (method: string, body: unknown): Promise<SinkOutcome> => {
      if (steps.has(method)) return DELIVERED;
      const { result, outcome } = await invoke(method, body, ask);
      if (outcome.outcome === 'delivered') steps.set(method, result);
      return outcome;
    };
    const missed = call.disposition === 'missed';
    const number = call.caller.number;
    const registered = await step('telephony.externalcall.register', {
      USER_ID: userId,
      PHONE_NUMBER: number,
      TYPE: 2,
      CALL_START_DATE: call.startedAt,
      CRM_CREATE: 1,
      LINE_NUMBER: call.trackingNumber,
      SHOW: 0,
    });
    if (registered.outcome !== 'delivered') return registered;
    const { CALL_ID } = (steps.get('telephony.externalcall.register') ?? {}) as { CALL_ID?: string };
    if (CALL_ID === undefined) return { outcome: 'retry', reason: 'Bitrix24 registered the call without a CALL_ID' };
    const finished = await step('telephony.externalcall.finish', {
      CALL_ID,
      USER_ID: userId,
      DURATION: Math.round(call.durations.talkSeconds),
      STATUS_CODE: missed ? '304' : '200',
      ...(missed ? { FAILED_REASON: call.lossReason } : {}),
    });
    if (finished.outcome !== 'delivered') return finished;
    if (missed) {
      const fields = {
        TITLE: `Call back ${number ?? ''}`,
        RESPONSIBLE_ID: userId,
        DESCRIPTION: `Missed on ${call.trackingNumber} at ${call.startedAt}: ${call.lossReason ?? ''}`,
      };
      return step('tasks.task.add', { fields });
    }
    if (recordings === null || call.recording.status !== 'ready') return DELIVERED;
    const link = recordings.replaceAll('{id}', call.id);
    return step('telephony.externalcall.attachRecord', { CALL_ID, FILENAME: `${call.id}.wav`, RECORD_URL: link });
  }
}

/** An error may come with any status, 200 too. */
async function invoke(method: string, body: unknown, ask: Ask): Promise<{ result: unknown; outcome: SinkOutcome }> {
  const answer = await ask(asJson(`/${method}.json`, body));
  const { result, error, error_description: words } = (answer.json ?? {}) as Record<string, unknown>;
  if (typeof error !== 'string') return { result, outcome: judge(answer) };
  const reason = `${method}: ${error}${typeof words === 'string' ? ` (${words})` : ''}`;
  const limited = /LIMIT/i.test(error) ? { retryAfterMs: 2_000 } : {};
  return {
    result,
    outcome: OURS_TO_WAIT.test(error) ? { outcome: 'retry', reason, ...limited } : { outcome: 'dead', reason },
  };
}
