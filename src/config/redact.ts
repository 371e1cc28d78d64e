const SECRET_KEYS = /secret|password|passphrase|token|hash|credential|api_?key/i;
const REDACTED = '[redacted]';

/** A start-up line with ten thousand numbers in it helps nobody. */
const MAX_ITEMS = 50;

/**
 * A copy fit for logs: without secrets (by their keys), passwords in URLs and query strings of URLs (receivers take
 * tokens there), with telephone numbers masked and long lists cut. Works on the configuration and on any part of it.
 */
export function redact(value: unknown, key = ''): unknown {
  if (SECRET_KEYS.test(key) && (typeof value === 'string' || typeof value === 'number')) return REDACTED;
  // Static headers of webhooks mostly hold a key; PEM may.
  if (typeof value === 'string' && (value.includes('-----BEGIN ') || key === 'headers')) return REDACTED;
  if (typeof value === 'string') return redactUrl(value.replace(/^(\+\d{4})\d+(\d{4})$/, '$1***$2'));
  if (Array.isArray(value)) {
    const shown: unknown[] = value.slice(0, MAX_ITEMS).map((item) => redact(item, key));
    return value.length > MAX_ITEMS ? [...shown, `and ${value.length - MAX_ITEMS} more`] : shown;
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, redact(inner, key === 'headers' ? key : name)]),
  );
}

function redactUrl(text: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text) || !URL.canParse(text)) return text;
  const url = new URL(text);
  if (!url.username && !url.password && !url.search) return text;
  if (url.password || url.username) {
    url.password = 'redacted';
    url.username = url.username && 'redacted';
  }
  if (url.search) url.search = '?redacted';
  return url.href;
}
