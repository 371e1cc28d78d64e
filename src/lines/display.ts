import type { Call } from '../call/call.js';
import type { HEADER_FIELDS, LineConfig } from '../config/schema.js';
import { cleanHeaderValue } from '../sip/sanitise.js';

type HeaderField = (typeof HEADER_FIELDS)[number];

/** What the agent's phone is told beside the number. */
export interface Shown {
  /** null: nothing but the number. */
  displayName: string | null;
  /** Name → value, clean; what is not known is left out. */
  headers: Record<string, string>;
}

/** By the line's `display` and `headers`. Everything in it came from outside and is cleaned here. */
export function shownOnPhone(call: Call, line: Pick<LineConfig, 'display' | 'headers'>): Shown {
  const name = clean(call.caller.name);
  const headers: Record<string, string> = {};
  for (const [header, field] of Object.entries(line.headers)) {
    const value = clean(valueOf(call, field));
    if (value !== null) headers[header] = value;
  }
  return { displayName: line.display === 'source' ? (sourceText(call) ?? name) : name, headers };
}

/** `yandex / sofas`: where the caller comes from and by which campaign, or what the static number is bound to. */
function sourceText(call: Call): string | null {
  const parts = [sourceOf(call), campaignOf(call)].map(clean).filter((part) => part !== null);
  return clean([...new Set(parts)].join(' / '));
}

/** A visit without utm marks still tells where it came from. */
function sourceOf({ attribution: { session, source } }: Call): string | null {
  return (
    session?.utm.source ?? source?.['utm_source'] ?? hostOf(session?.referrer ?? null) ?? source?.['label'] ?? null
  );
}

function campaignOf({ attribution: { session, source } }: Call): string | null {
  return session?.utm.campaign ?? source?.['utm_campaign'] ?? source?.['label'] ?? null;
}

function valueOf(call: Call, field: HeaderField): string | null {
  const { session } = call.attribution;
  switch (field) {
    case 'call.id':
      return call.id;
    case 'session.id':
      return session?.id ?? null;
    case 'visitor.id':
      return session?.visitorId ?? null;
    case 'source':
      return sourceOf(call);
    case 'campaign':
      return campaignOf(call);
    case 'keyword':
      return session?.keyword ?? session?.utm.term ?? null;
    case 'landingPage':
      return readable(session?.landingPage ?? null);
    case 'trackingNumber':
      return call.trackingNumber;
    case 'site':
      return call.site;
  }
}

/** Escapes are undone, since `%` does not travel: `/%D0%B4` would arrive as `/D0B4`. */
function readable(url: string | null): string | null {
  try {
    return url === null ? null : decodeURIComponent(url);
  } catch {
    return url;
  }
}

function hostOf(url: string | null): string | null {
  return url !== null && URL.canParse(url) ? new URL(url).hostname.replace(/^www\./, '') : null;
}

function clean(value: string | null): string | null {
  const text = value === null ? '' : cleanHeaderValue(value);
  return text === '' ? null : text;
}
