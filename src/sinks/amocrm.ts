import type { Call } from '../call/call.js';
import type { Clock } from '../lib/clock.js';
import { asJson, DELIVERED, isLastWord, isNews, judge, type Ask, type Sink, type SinkAnswer } from './sink.js';
import type { SinkOutcome } from './sink.js';
import { CallSteps, recordingOf, type RecordingAddress, type SinkPorts, type StepDone } from './steps.js';

export interface AmoCrmConfig {
  /** A long-lived token of a private integration. */
  token: string;
  /** Ids of the users who see a call come in; empty: all. */
  users: number[];
  recordings: RecordingAddress;
}

interface Card {
  entity_id?: number;
  entity_type?: string;
}

interface Added {
  _embedded?: { calls?: Card[]; errors?: unknown[] };
  errors?: unknown[];
}

/** `call_status` of amoCRM. */
const TALKED = 4;
const NOT_REACHED = 6;
const CALL_BACK_WITHIN_S = 3_600;
/** People listen to it from the card: as long as links may live. */
const LINK_MS = Infinity;

/**
 * amoCRM: a pop-up while the call rings, at its end a note on the card of its contact, a task for a missed one. amoCRM
 * takes a call whose `uniq` it has once only. A caller without a card becomes an incoming lead.
 */
export function amoCrmSink(
  { id, url }: { id: string; url: string },
  { token, users, recordings }: AmoCrmConfig,
  ports: SinkPorts,
  now: Clock,
): Sink {
  const headers = { authorization: `Bearer ${token}` };
  return {
    url: new URL(url),
    // Seven a second are allowed.
    spacingMs: 150,
    callsOnly: true,
    async deliver(event, ask) {
      const { call } = event.data;
      if (!call?.caller.number) return DELIVERED;
      const begins = event.type === 'call.ringing' || event.type === 'call.answered';
      // A pop-up of a call that is over would mislead.
      if (begins ? !isNews(event, now()) : !isLastWord(event)) return DELIVERED;
      const steps = await CallSteps.of(ports, id, call.id);
      if (begins) return popUp(call, steps, ask);
      const noted = await note(call, steps, ask);
      if (noted.outcome !== 'delivered' || call.disposition !== 'missed' || steps.idOf('lead') !== undefined)
        return noted;
      const card = JSON.parse(steps.idOf('note') ?? 'null') as Card | null;
      return steps.take('task', async () => ({
        outcome: judge(await ask(asJson('/api/v4/tasks', [taskOf(call, card)], headers))),
      }));
    },
  };

  function popUp(call: Call, steps: CallSteps, ask: Ask): Promise<SinkOutcome> {
    const event = { type: 'phone_call', phone_number: call.caller.number, ...(users.length > 0 && { users }) };
    return steps.take('pop-up', async () => ({
      outcome: judge(await ask(asJson('/api/v2/events/', { add: [event] }, headers))),
    }));
  }

  /** On the card, or else as an incoming lead. */
  async function note(call: Call, steps: CallSteps, ask: Ask): Promise<SinkOutcome> {
    if (steps.idOf('lead') !== undefined || steps.idOf('note') !== undefined) return DELIVERED;
    const link = await recordingOf(call, recordings, () => ports.linkTo(id, call, LINK_MS));
    const answer = await ask(asJson('/api/v4/calls', [noteOf(call, link)], headers));
    if (isStranger(answer))
      return steps.take('lead', async () => ({
        outcome: judge(await ask(asJson('/api/v4/leads/unsorted/sip', [leadOf(call, link)], headers))),
      }));
    return steps.take('note', () => Promise.resolve(readNote(answer)));
  }
}

/** What came of a note; the card that it stands on is kept as JSON. */
function readNote(answer: SinkAnswer): StepDone {
  const outcome = judge(answer);
  const errors = errorsOf(answer);
  if (outcome.outcome === 'retry' || (outcome.outcome === 'dead' && errors.length === 0)) return { outcome };
  const card = cardOf(answer);
  if (errors.length === 0 || card) return { outcome: DELIVERED, vendorId: JSON.stringify(card) };
  return { outcome: { outcome: 'dead', reason: `amoCRM: ${JSON.stringify(errors).slice(0, 300)}` } };
}

/** There is no card with this number. */
function isStranger(answer: SinkAnswer): boolean {
  if (judge(answer).outcome === 'retry' || cardOf(answer)) return false;
  return errorsOf(answer).some((error) => /not found/i.test(JSON.stringify(error)));
}

const cardOf = ({ json }: SinkAnswer): Card | null => (json as Added | null)?._embedded?.calls?.[0] ?? null;

function noteOf(call: Call, link: string | null): object {
  const missed = call.disposition === 'missed';
  return {
    direction: 'inbound',
    uniq: call.id,
    duration: Math.round(call.durations.talkSeconds),
    source: 'calltrack',
    phone: call.caller.number,
    ...(link === null ? {} : { link }),
    call_status: missed ? NOT_REACHED : TALKED,
    call_result: missed ? (call.lossReason ?? '') : '',
    created_at: Math.floor(Date.parse(call.startedAt) / 1000),
  };
}

function leadOf(call: Call, link: string | null): object {
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

function taskOf(call: Call, card: Card | null): object {
  const endedAt = Date.parse(call.endedAt ?? call.startedAt);
  return {
    text: `Call back ${call.caller.number ?? ''}: missed on ${call.trackingNumber}`,
    complete_till: Math.floor(endedAt / 1000) + CALL_BACK_WITHIN_S,
    ...(card?.entity_id === undefined
      ? {}
      : { entity_id: card.entity_id, entity_type: pluralOf(card.entity_type ?? 'contact') }),
  };
}

/** Calls are answered with `contact` or `company`, tasks want `contacts` or `companies`. */
const pluralOf = (entity: string): string =>
  entity.endsWith('s') ? entity : entity.endsWith('y') ? `${entity.slice(0, -1)}ies` : `${entity}s`;

/** amoCRM tells what it did not take beside what it took, with status 200 too. */
function errorsOf({ json }: SinkAnswer): unknown[] {
  const { errors = [], _embedded } = (json ?? {}) as Added;
  return [...errors, ...(_embedded?.errors ?? [])];
}
