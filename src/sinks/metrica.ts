import { DELIVERED, judge, type Sink } from './sink.js';

export interface MetricaConfig {
  counter: number;
  token: string;
  goal: string;
}

/** A visit takes calls for 21 days. */
const MOST_AGE_MS = 21 * 86_400_000;

/** Yandex.Metrica: offline calls by the visitor's client id, or by the click (yclid); one CSV file a call. */
export function metricaSink(url: string, { counter, token, goal }: MetricaConfig, now = Date.now): Sink {
  const query = new URLSearchParams({ new_goal_name: goal });
  const path = `/management/v1/counter/${counter}/offline_conversions/upload_calls?${query.toString()}`;
  return {
    url: new URL(url),
    spacingMs: 1_000,
    callsOnly: true,
    async deliver({ id, type, data: { call } }, ask) {
      if (!call || (type !== 'call.completed' && type !== 'call.missed')) return DELIVERED;
      const session = call.attribution.session;
      const who = session?.ymClientId
        ? (['ClientId', session.ymClientId] as const)
        : session?.yclid
          ? (['Yclid', session.yclid] as const)
          : null;
      if (!who) return DELIVERED;
      const at = Date.parse(call.startedAt);
      if (now() - at > MOST_AGE_MS)
        return { outcome: 'dead', reason: 'the call is older than the 21 days that Metrica takes' };
      const columns: [string, string][] = [
        [...who],
        ['DateTime', String(Math.floor(at / 1000))],
        // Metrica puts a static call to no visit. The visitor of this one is known, whichever number he called (promo codes).
        ['StaticCall', '0'],
        ['PhoneNumber', call.trackingNumber],
        ['TalkDuration', String(Math.round(call.durations.talkSeconds))],
        ['HoldDuration', String(Math.round(call.durations.ringSeconds))],
        ['CallMissed', call.disposition === 'missed' ? '1' : '0'],
        ['FirstTimeCaller', call.caller.firstCall === true ? '1' : '0'],
        ['URL', session?.landingPage ?? ''],
      ];
      const csv = [0, 1].map((row) => columns.map((column) => quoted(column[row] ?? '')).join(',')).join('\n');
      // Nobody's text holds the event's id.
      const boundary = `calltrack-${id}`;
      const body = [
        `--${boundary}`,
        'Content-Disposition: form-data; name="file"; filename="calls.csv"',
        'Content-Type: text/csv',
        '',
        `${csv}\n`,
        `--${boundary}--`,
        '',
      ].join('\r\n');
      const headers = {
        authorization: `OAuth ${token}`,
        'content-type': `multipart/form-data; boundary=${boundary}`,
      };
      const answer = await ask({ method: 'POST', path, headers, body });
      const outcome = judge(answer);
      if (outcome.outcome !== 'delivered') return outcome;
      const { uploading, errors } = (answer.json ?? {}) as { uploading?: { line_quantity?: number }; errors?: unknown };
      if (errors !== undefined) return { outcome: 'dead', reason: `Metrica: ${answer.response.slice(0, 300)}` };
      if (uploading?.line_quantity === 0) return { outcome: 'dead', reason: 'Metrica took no line of the file' };
      return DELIVERED;
    },
  };
}

const quoted = (text: string): string => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
