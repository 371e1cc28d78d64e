import { asJson, DELIVERED, judge, type Sink } from './sink.js';

export interface Ga4Config {
  measurementId: string;
  apiSecret: string;
  eventName: string;
}

/** Longer values of parameters are not taken. */
const MOST_LETTERS = 100;
/** Google takes no event that is older. */
const MOST_AGE_MS = 72 * 3_600_000;

/**
 * Google Analytics 4 by the Measurement Protocol: one event a call, at its end, under the visitor's own client id.
 * The answer is 204 whatever was sent, so nothing here can tell whether Google took it.
 */
export function ga4Sink(url: string, { measurementId, apiSecret, eventName }: Ga4Config, now = Date.now): Sink {
  const query = new URLSearchParams({ measurement_id: measurementId, api_secret: apiSecret });
  return {
    url: new URL(url),
    spacingMs: 0,
    callsOnly: true,
    async deliver({ type, data: { call } }, ask) {
      if (!call || (type !== 'call.completed' && type !== 'call.missed')) return DELIVERED;
      const session = call.attribution.session;
      // Without the visitor there is nobody to whom Google could put the call.
      if (!session?.gaClientId) return DELIVERED;
      const at = Date.parse(call.startedAt);
      if (now() - at > MOST_AGE_MS)
        return { outcome: 'dead', reason: 'the call is older than the 72 hours that Google takes' };
      const params = {
        call_id: call.id,
        disposition: call.disposition,
        loss_reason: call.lossReason ?? undefined,
        talk_seconds: call.durations.talkSeconds,
        verdict: call.attribution.verdict,
        source: cut(session.utm.source),
        medium: cut(session.utm.medium),
        campaign: cut(session.utm.campaign),
        engagement_time_msec: 1,
      };
      const body = {
        client_id: session.gaClientId,
        timestamp_micros: at * 1000,
        events: [{ name: eventName, params }],
      };
      return judge(await ask(asJson(`/mp/collect?${query.toString()}`, body)));
    },
  };
}

const cut = (text: string | null): string | undefined =>
  text === null ? undefined : Array.from(text).slice(0, MOST_LETTERS).join('');
