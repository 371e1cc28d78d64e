import { CALL_EVENT_TYPES, OPERATIONAL_EVENT_TYPES, type EventType } from '../call/event-types.js';

const ALL_TYPES: readonly EventType[] = [...CALL_EVENT_TYPES, ...OPERATIONAL_EVENT_TYPES];

/** Everything that may stand in `webhooks[].events`: `*`, `call.*` and the like, and every type by its name. */
export const SUBSCRIPTION_PATTERNS: readonly string[] = [
  '*',
  ...new Set(ALL_TYPES.map((type) => `${type.slice(0, type.indexOf('.'))}.*`)),
  ...ALL_TYPES,
];

/** The patterns that name no event: a configuration error, since the endpoint would wait for ever. */
export const unknownPatterns = (patterns: readonly string[]): string[] =>
  patterns.filter((pattern) => !SUBSCRIPTION_PATTERNS.includes(pattern));

/** `call.*` means everything below, `call.attribution.corrected` too. */
export function matches(patterns: readonly string[], type: EventType): boolean {
  return patterns.some(
    (pattern) =>
      pattern === '*' || pattern === type || (pattern.endsWith('.*') && type.startsWith(pattern.slice(0, -1))),
  );
}

/** Whether nothing but events of calls and their recordings fits. */
export const onlyOfCalls = (patterns: readonly string[]): boolean =>
  !OPERATIONAL_EVENT_TYPES.some((type) => matches(patterns, type));

interface SubscribedEndpoint {
  id: string;
  events: readonly string[];
}

interface NamingSite {
  id: string;
  webhooks: readonly string[];
}

/**
 * Ids of the endpoints that want an event of a call: those that its site names. A call whose site is unknown (an
 * unknown number) goes to endpoints that no site names, for a site's callers are not told to another's systems; with
 * one site only, to all.
 */
export function endpointsForCall(
  type: EventType,
  site: string | null,
  endpoints: readonly SubscribedEndpoint[],
  sites: readonly NamingSite[],
): string[] {
  const owners = site === null ? (sites.length > 1 ? sites : []) : sites.filter(({ id }) => id === site);
  const named = new Set(owners.flatMap(({ webhooks }) => webhooks));
  const entitled = (id: string): boolean => (site === null ? !named.has(id) : named.has(id));
  return endpoints.filter(({ id, events }) => entitled(id) && matches(events, type)).map(({ id }) => id);
}

/**
 * Ids of the endpoints that want an event of the gateway itself: whoever subscribed to it; but of a site's pool not those
 * that other sites alone name.
 */
export function endpointsForOperational(
  type: EventType,
  endpoints: readonly SubscribedEndpoint[],
  site: string | null = null,
  sites: readonly NamingSite[] = [],
): string[] {
  const own = sites.find(({ id }) => id === site)?.webhooks ?? [];
  const others = new Set(site === null ? [] : sites.flatMap(({ webhooks }) => webhooks));
  const entitled = (id: string): boolean => own.includes(id) || !others.has(id);
  return endpoints.filter(({ id, events }) => entitled(id) && matches(events, type)).map(({ id }) => id);
}

/**
 * Ids of the endpoints that subscribe to calls and hear of those to unknown numbers at most, since no site names them. Mostly
 * somebody forgot to.
 */
export function unnamedEndpoints(endpoints: readonly SubscribedEndpoint[], sites: readonly NamingSite[]): string[] {
  const named = new Set(sites.flatMap(({ webhooks }) => webhooks));
  const wantsCalls = (events: readonly string[]): boolean => CALL_EVENT_TYPES.some((type) => matches(events, type));
  return endpoints.filter(({ id, events }) => !named.has(id) && wantsCalls(events)).map(({ id }) => id);
}
