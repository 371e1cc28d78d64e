const SECRET_KEYS = /secret|password|passphrase|token|hash|credential|api_?key/i;
export const REDACTED = '[redacted]';

/**
 * A copy fit for logs: every secret by its key, passwords in URLs, and query strings of URLs (receivers take tokens
 * there). Works on the parsed configuration and on any part of it.
 */
export function redact(value: unknown, key = ''): unknown {
  if (SECRET_KEYS.test(key) && (typeof value === 'string' || typeof value === 'number')) return REDACTED;
  if (typeof value === 'string') return redactUrl(value);
  if (Array.isArray(value)) return value.map((item) => redact(item, key));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, redact(inner, name)]));
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
