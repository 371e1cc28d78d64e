import { maskNumber } from '../observability/logger.js';
import { formatPath, type KeyPath } from './errors.js';

const SECRET_KEYS = /secret|password|passphrase|token|hash|credential|api_?key/i;
/** Bitrix24 and chat services take their key in the path: of these only the place is shown. */
const KEYED_URL = /^webhooks\[\d+\]\.url$/;
const REDACTED = '[redacted]';

/** A start-up line with ten thousand numbers in it helps nobody. */
const MAX_ITEMS = 50;

/**
 * A copy fit for logs: without secrets (by their keys, and whatever came from a variable), of URLs no password, no query
 * and where they take a key no path; telephone numbers masked and long lists cut. Works on the configuration and on any
 * part of it.
 *
 * @param variables keys whose texts came from `${...}`
 */
export function redact(value: unknown, variables: readonly KeyPath[] = []): unknown {
  const fromVariables = new Set(variables.map(formatPath));
  const copy = (part: unknown, path: KeyPath, hidden: boolean): unknown => {
    const written = formatPath(path);
    const secret = hidden || fromVariables.has(written);
    if (typeof part === 'string' && (secret || KEYED_URL.test(written))) return placeOf(part);
    if (Array.isArray(part)) {
      const shown: unknown[] = part.slice(0, MAX_ITEMS).map((item, index) => copy(item, [...path, index], secret));
      return part.length > MAX_ITEMS ? [...shown, `and ${part.length - MAX_ITEMS} more`] : shown;
    }
    if (typeof part !== 'object' || part === null) return redactLeaf(part, nameOf(path));
    return Object.fromEntries(
      Object.entries(part).map(([name, inner]) => [name, copy(inner, [...path, name], secret)]),
    );
  };
  return copy(value, [], false);
}

/** The key that a value stands under, be it in a list; of a header it is `headers`, since its name says nothing. */
function nameOf(path: KeyPath): string {
  const names = path.filter((part) => typeof part === 'string');
  return names.includes('headers') ? 'headers' : (names.at(-1) ?? '');
}

function redactLeaf(value: unknown, key: string): unknown {
  if (SECRET_KEYS.test(key) && (typeof value === 'string' || typeof value === 'number')) return REDACTED;
  if (typeof value !== 'string') return value;
  // Static headers of webhooks mostly hold a key; PEM may.
  if (value.includes('-----BEGIN ') || key === 'headers') return REDACTED;
  // Also one with an asterisk behind it, as in the lists of screening.
  return redactUrl(value.replace(/^\+\d{8,15}(?=\*?$)/, maskNumber));
}

/** Of a URL where it leads, since that is what an operator looks for; of anything else nothing. */
function placeOf(text: string): string {
  const url = readUrl(text);
  if (!url?.host) return REDACTED;
  const more = url.pathname.length > 1 || url.search !== '';
  return `${url.protocol}//${url.host}${more ? `/${REDACTED}` : ''}`;
}

function redactUrl(text: string): string {
  const url = readUrl(text);
  if (!url || (!url.username && !url.password && !url.search)) return text;
  if (url.password || url.username) {
    url.password = 'redacted';
    url.username = url.username && 'redacted';
  }
  if (url.search) url.search = '?redacted';
  return url.href;
}

function readUrl(text: string): URL | null {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : null;
}
