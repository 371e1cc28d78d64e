import type { Call } from '../call/call.js';
import { asJson, DELIVERED, isLastWord, judge, type Sink, type SinkAnswer } from './sink.js';

export interface AmoCrmConfig {
  /** A long-lived token of a private integration. */
  token: string;
  /** Address of a recording, `{id}` standing for the call's id; null: none is linked. */
  recordings: string | null;
}

interface Added {
  _embedded?: { calls?: { entity_id?: number; entity_type?: string }[]; errors?: unknown[] };
  errors?: unknown[];
}

/** `call_status` of amoCRM. */
const TALKED = 4;
const NOT_REACHED = 6;
const CALL_BACK_WITHIN_S = 3_600;

/**
 * amoCRM: a note of the call on the card of its contact, a task for a missed one. amoCRM takes a call whose `uniq` it
 * has once only, so a second attempt writes nothing twice. A caller without a card becomes an incoming lead.
 */
export function amoCrmSink(url: string, { token, recordings }: AmoCrmConfig): Sink {
  const headers = { authorization: `Bearer ${token}` };
  return {
    url: new URL(url),
    // Seven a second are allowed.
    spacingMs: 150,
    async deliver(event, ask) {
      const { call } = event.data;
      if (!call?.caller.number || !isLastWord(event)) return DELIVERED;
      const link =
        recordings !== null && call.recording.status === 'ready' ? recordings.replaceAll('{id}', call.id) : undefined;
      const added = await ask(asJson('/api/v4/calls', [noteOf(call, link)], headers));
      const outcome = judge(added);
      const errors = errorsOf(added);
      if (outcome.outcome === 'retry' || (outcome.outcome === 'dead' && errors.length === 0)) return outcome;
      const [card] = (added.json as Added | null)?._embedded?.calls ?? [];
      if (errors.length > 0 && !card) {
        if (!isNotFound(errors)) return { outcome: 'dead', reason: `amoCRM: ${JSON.stringify(errors).slice(0, 300)}` };
        return judge(await ask(asJson('/api/v4/leads/unsorted/sip', [leadOf(call, link)], headers)));
      }
      if (call.disposition !== 'missed') return DELIVERED;
      return judge(await ask(asJson('/api/v4/tasks', [taskOf(call, card)], headers)));
    },
  };
}

function noteOf(call: Call, link: string | undefined): object {
  const missed = call.disposition === 'missed';
  return {
    direction: 'inbound',
    uniq: call.id,
    duration: Math.round(call.durations.talkSeconds),
    source: 'calltrack',
    phone: call.caller.number,
    ...(link === undefined ? {} : { link }),
    call_status: missed ? NOT_REACHED : TALKED,
    call_result: missed ? (call.lossReason ?? '') : '',
    created_at: Math.floor(Date.parse(call.startedAt) / 1000),
  };
}

function leadOf(call: Call, link: string | undefined): object {
  const phone = call.caller.number;
  return {
    source_name: 'calltrack',
    source_uid: call.id,
    created_at: Math.floor(Date.parse(call.startedAt) / 1000),
    metadata: {
      is_call_event_needed: true,
      uniq: call.id,
      duration: Math.round(call.durations.talkSeconds),
      service_code: 'calltrack',
      link: link ?? '',
      phone: call.trackingNumber,
      called_at: Math.floor(Date.parse(call.startedAt) / 1000),
      from: phone,
    },
    _embedded: {
      contacts: [{ name: phone, custom_fields_values: [{ field_code: 'PHONE', values: [{ value: phone }] }] }],
    },
  };
}

function taskOf(call: Call, card: { entity_id?: number; entity_type?: string } | undefined): object {
  const endedAt = Date.parse(call.endedAt ?? call.startedAt);
  return {
    text: `Call back ${call.caller.number ?? ''}: missed on ${call.trackingNumber}`,
    complete_till: Math.floor(endedAt / 1000) + CALL_BACK_WITHIN_S,
    ...(card?.entity_id === undefined
      ? {}
      : { entity_id: card.entity_id, entity_type: `${card.entity_type ?? 'contact'}s`.replace(/ss$/, 's') }),
  };
}

/** amoCRM tells what it did not take beside what it took, with status 200 too. */
function errorsOf({ json }: SinkAnswer): unknown[] {
  const { errors = [], _embedded } = (json ?? {}) as Added;
  return [...errors, ...(_embedded?.errors ?? [])];
}

const isNotFound = (errors: unknown[]): boolean => errors.some((error) => /not found/i.test(JSON.stringify(error)));
