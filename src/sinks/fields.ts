import type { SinkEvent } from './sink.js';

type Reader = (event: SinkEvent) => string | number | boolean | null;

const call =
  (read: (call: NonNullable<SinkEvent['data']['call']>) => string | number | boolean | null): Reader =>
  ({ data }) =>
    data.call ? read(data.call) : null;

/** What templates may name; the names are a contract with configurations. */
const FIELDS = {
  'event.id': ({ id }) => id,
  'event.type': ({ type }) => type,
  'event.timestamp': ({ timestamp }) => timestamp,
  'event.sequence': ({ sequence }) => sequence ?? null,
  'call.id': call(({ id }) => id),
  'call.site': call(({ site }) => site),
  'call.trackingNumber': call(({ trackingNumber }) => trackingNumber),
  'call.startedAt': call(({ startedAt }) => startedAt),
  'call.answeredAt': call(({ answeredAt }) => answeredAt),
  'call.endedAt': call(({ endedAt }) => endedAt),
  'call.disposition': call(({ disposition }) => disposition),
  'call.lossReason': call(({ lossReason }) => lossReason),
  'call.ringSeconds': call(({ durations }) => durations.ringSeconds),
  'call.talkSeconds': call(({ durations }) => durations.talkSeconds),
  'caller.number': call(({ caller }) => caller.number),
  'caller.withheld': call(({ caller }) => caller.withheld),
  'caller.firstCall': call(({ caller }) => caller.firstCall),
  'answered.target': call(({ legs }) => legs.find(({ result }) => result === 'answered')?.target ?? null),
  'attribution.verdict': call(({ attribution }) => attribution.verdict),
  'attribution.confidence': call(({ attribution }) => attribution.confidence),
  'session.id': call(({ attribution }) => attribution.session?.id ?? null),
  'session.visitorId': call(({ attribution }) => attribution.session?.visitorId ?? null),
  'session.landingPage': call(({ attribution }) => attribution.session?.landingPage ?? null),
  'session.referrer': call(({ attribution }) => attribution.session?.referrer ?? null),
  'session.keyword': call(({ attribution }) => attribution.session?.keyword ?? null),
  'session.gclid': call(({ attribution }) => attribution.session?.gclid ?? null),
  'session.yclid': call(({ attribution }) => attribution.session?.yclid ?? null),
  'session.gaClientId': call(({ attribution }) => attribution.session?.gaClientId ?? null),
  'session.ymClientId': call(({ attribution }) => attribution.session?.ymClientId ?? null),
  'utm.source': call(({ attribution }) => attribution.session?.utm.source ?? null),
  'utm.medium': call(({ attribution }) => attribution.session?.utm.medium ?? null),
  'utm.campaign': call(({ attribution }) => attribution.session?.utm.campaign ?? null),
  'utm.content': call(({ attribution }) => attribution.session?.utm.content ?? null),
  'utm.term': call(({ attribution }) => attribution.session?.utm.term ?? null),
  'recording.status': call(({ recording }) => recording.status),
  'recording.seconds': call(({ recording }) => recording.durationSeconds),
} as const satisfies Record<string, Reader>;

export type TemplateField = keyof typeof FIELDS;
export const TEMPLATE_FIELDS = Object.keys(FIELDS) as [TemplateField, ...TemplateField[]];

export const fieldOf = (event: SinkEvent, name: TemplateField): string | number | boolean | null => FIELDS[name](event);
