import { SUBSCRIPTION_PATTERNS, unknownPatterns } from '../events/subscriptions.js';
import type { Finding } from './describe.js';
import type { Draft } from './draft.js';
import { isClosedHost, isPrivateHost } from './ranges.js';

/** What makes of an endpoint something else than a receiver of signed events. */
const VENDORS = ['ga4', 'metrica', 'amocrm', 'bitrix24'] as const;
const SINKS = ['template', ...VENDORS] as const;

/** What a schema cannot see of one endpoint of `webhooks`, number `at` in the file. */
export function checkWebhook(webhook: Draft['webhooks'][number], at: number): Finding[] {
  const findings: Finding[] = [];
  webhook.events?.forEach((pattern, n) => {
    if (pattern === undefined || unknownPatterns([pattern]).length === 0) return;
    const message = `"${pattern}" names no event; allowed: ${SUBSCRIPTION_PATTERNS.join(', ')}`;
    findings.push({ path: ['webhooks', at, 'events', n], message });
  });
  const host = webhook.url === undefined ? null : hostOf(webhook.url);
  if (host && isClosedHost(host)) {
    const message = 'leads to a link-local or reserved address, where nothing is sent to';
    findings.push({ path: ['webhooks', at, 'url'], message });
  } else if (host && isPrivateHost(host) && webhook.allowPrivate !== true) {
    const message = 'leads to a private or loopback address; where that is meant, add "allowPrivate: true"';
    findings.push({ path: ['webhooks', at, 'url'], message });
  }
  const secrets = Array.isArray(webhook.secret) ? webhook.secret : [webhook.secret];
  secrets.forEach((secret, n) => {
    if (!secret?.startsWith('whsec_') || isStandardSecret(secret)) return;
    const message = 'must be "whsec_" and the base64 of 24 to 64 bytes, or any other text of 24 characters and more';
    const path = ['webhooks', at, 'secret', ...(Array.isArray(webhook.secret) ? [n] : [])];
    findings.push({ path, message });
  });
  const sinks = SINKS.filter((name) => webhook[name] !== undefined);
  if (sinks.length > 1) {
    const message = `"${sinks.join('" and "')}" exclude each other: one endpoint each`;
    findings.push({ path: ['webhooks', at, sinks[1] ?? ''], message });
  }
  if (sinks.length === 0 && webhook.secret === undefined) {
    const message = `is missing; only an endpoint with ${SINKS.join(', ')} goes without`;
    findings.push({ path: ['webhooks', at, 'secret'], message });
  }
  if (webhook.template !== undefined && webhook.secret !== undefined) {
    const message = 'is of no use: a template is not signed; put a key into "headers"';
    findings.push({ path: ['webhooks', at, 'secret'], message });
  }
  const authorization = Object.keys(webhook.headers ?? {}).find((name) => name.toLowerCase() === 'authorization');
  if (authorization !== undefined && hasUser(webhook.url)) {
    const message = 'comes from the user and password of "url" already: leave out one of them';
    findings.push({ path: ['webhooks', at, 'headers', authorization], message });
  }
  findings.push(...checkVendor(webhook, at));
  const { cert, key } = (webhook.tls ?? {}) as { cert?: unknown; key?: unknown };
  if (Boolean(cert) !== Boolean(key)) {
    findings.push({ path: ['webhooks', at, 'tls'], message: '"cert" and "key" are of use together only' });
  }
  return findings;
}

/** A vendor knows us by a token or by the address; what else is sent with it would be of no use, or in its way. */
function checkVendor(webhook: Draft['webhooks'][number], at: number): Finding[] {
  const vendor = VENDORS.find((name) => webhook[name] !== undefined);
  if (vendor === undefined) return [];
  const findings: Finding[] = [];
  if (hasUser(webhook.url))
    findings.push({ path: ['webhooks', at, 'url'], message: `"${vendor}" takes no user and password` });
  if (webhook.secret !== undefined)
    findings.push({ path: ['webhooks', at, 'secret'], message: `is of no use: "${vendor}" takes no signature` });
  if (Object.keys(webhook.headers ?? {}).length > 0)
    findings.push({ path: ['webhooks', at, 'headers'], message: `are not sent to "${vendor}"` });
  return findings;
}

const hasUser = (url: string | undefined): boolean => /^https?:\/\/[^/?#]*@/i.test(url ?? '');

function isStandardSecret(secret: string): boolean {
  const encoded = secret.slice('whsec_'.length);
  const bytes = Buffer.from(encoded, 'base64').length;
  // Node reads more than that; receivers' libraries refuse a secret that is not padded, or cut short.
  return /^([A-Z\d+/]{4})*([A-Z\d+/]{2}==|[A-Z\d+/]{3}=)?$/i.test(encoded) && bytes >= 24 && bytes <= 64;
}

function hostOf(url: string): string | null {
  try {
    return new URL(url).hostname;
  } catch {
    return null;
  }
}
