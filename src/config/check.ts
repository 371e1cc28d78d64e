import { isSupportedCountry } from 'libphonenumber-js/min';
import { isOverTls } from '../lib/sip-transport.js';
import { checkWebhook } from './check-webhook.js';
import type { Finding } from './describe.js';
import { type Draft, readDraft } from './draft.js';
import type { KeyPath } from './errors.js';
import { checkDoubles, checkReference, type Named, namesOf } from './findings.js';
import { rangeKey, readAddressRange } from './ranges.js';
import { SITE_SCOPES } from './schema.js';

/**
 * What a schema cannot see: names that name nothing, things given twice, parts that do not fit together.
 * Pure; takes the configuration as written (variables replaced) or as parsed, and never throws.
 */
export function checkConfig(config: unknown): Finding[] {
  const draft = readDraft(config);
  return [
    ...checkNames(draft),
    ...checkRedis(draft),
    ...checkEngines(draft),
    ...checkTrunks(draft),
    ...checkLines(draft),
    ...checkDestinations(draft),
    ...checkSchedules(draft),
    ...checkRoutes(draft),
    ...checkSites(draft),
    ...checkAnnouncements(draft),
    ...checkNumbers(draft),
    ...checkUsers(draft),
    ...draft.webhooks.flatMap(checkWebhook),
    ...checkRecordings(draft),
    ...checkKeys(draft),
  ];
}

function checkRecordings({ recordings }: Draft): Finding[] {
  const keys = recordings.encryption?.keys ?? [];
  const findings = checkDoubles(
    keys.map((key, at) => ({ value: key.id, path: ['recordings', 'encryption', 'keys', at, 'id'] })),
    'encryption key',
  );
  if (recordings.store === 's3' && (recordings.s3 === undefined || recordings.s3 === null))
    findings.push({ path: ['recordings', 's3'], message: 'is needed with "recordings.store: s3"' });
  return findings;
}

function checkKeys({ access, sites }: Draft): Finding[] {
  const keys = access.keys ?? [];
  const hashes = keys.map((key, at) => ({ value: key.hash?.toLowerCase(), path: keyPath('hash', at) }));
  const siteNames = namesOf(sites);
  return [
    ...checkDoubles(hashes, 'key'),
    ...keys.flatMap((key, at) =>
      (key.sites ?? []).flatMap((site, n) => checkReference(site, [...keyPath('sites', at), n], siteNames, 'site')),
    ),
    ...keys.flatMap((key, at) => (key.sites ? checkSiteScopes(key.scopes ?? [], at) : [])),
  ];
}

/** A key that is meant for one site must not see the others' through a scope that knows no sites. */
function checkSiteScopes(scopes: readonly (string | undefined)[], at: number): Finding[] {
  const known: readonly string[] = SITE_SCOPES;
  return scopes.flatMap((scope, n) => {
    if (scope === undefined || known.includes(scope)) return [];
    const message = `"${scope}" cannot be cut to "sites"; a key with "sites" may have: ${known.join(', ')}`;
    return [{ path: [...keyPath('scopes', at), n], message }];
  });
}

const keyPath = (key: string, at: number): KeyPath => ['access', 'keys', at, key];
const userPath = (at: number, ...key: KeyPath): KeyPath => ['access', 'users', at, ...key];

const ids = (section: keyof Draft, items: { id?: string | undefined }[]): Named[] =>
  items.map((item, index) => ({ value: item.id, path: [section, index, 'id'] }));

function checkNames(draft: Draft): Finding[] {
  const { trunks, lines, destinations, routes, sites, webhooks, access } = draft;
  return [
    ...checkDoubles(ids('trunks', trunks), 'trunk'),
    // A step names lines and destinations alike, so they share one set of names.
    ...checkDoubles([...ids('lines', lines), ...ids('destinations', destinations)], 'line or destination'),
    ...checkDoubles(ids('schedules', draft.schedules), 'schedule'),
    ...checkDoubles(ids('routes', routes), 'route'),
    ...checkDoubles(ids('sites', sites), 'site'),
    ...checkDoubles(ids('webhooks', webhooks), 'webhook'),
    ...checkDoubles(access.keys?.map((key, at) => ({ value: key.name, path: keyPath('name', at) })) ?? [], 'key name'),
    ...checkDoubles(access.users?.map(({ name }, at) => ({ value: name, path: userPath(at, 'name') })) ?? [], 'user'),
  ];
}

function checkRedis({ redis }: Draft): Finding[] {
  if (!redis.cluster?.length) return [];
  const findings: Finding[] = [];
  const path = ['redis', 'cluster'];
  if (redis.sentinel !== undefined && redis.sentinel !== null)
    findings.push({ path, message: 'a cluster looks after itself: leave out either this or "redis.sentinel"' });
  if (/^[^?#]*\/\/[^/]*\/0*[1-9]/.test(redis.url ?? ''))
    findings.push({ path: ['redis', 'url'], message: 'names a database, and a cluster has but number 0' });
  return findings;
}

function checkEngines({ engines }: Draft): Finding[] {
  const findings: Finding[] = checkDoubles(
    (engines.freeswitch ?? []).map((server, index) => ({
      value: `${server.host ?? '127.0.0.1'}:${server.port ?? 8021}`,
      path: ['engines', 'freeswitch', index],
    })),
    'event socket',
  );
  if ((engines.mode ?? 'real') !== 'real') return findings;
  const hint = 'with "engines.mode: real", the default; or choose "engines.mode: sandbox"';
  if (engines.drachtio === undefined || engines.drachtio === null)
    findings.push({ path: ['engines', 'drachtio'], message: `is needed ${hint}` });
  if (!engines.freeswitch?.length)
    findings.push({ path: ['engines', 'freeswitch'], message: `needs at least one server ${hint}` });
  return findings;
}

function checkTrunks({ trunks, schedules }: Draft): Finding[] {
  const ranges: Named[] = [];
  const scheduleNames = namesOf(schedules);
  const findings = trunks.flatMap((trunk, at) => {
    const found: Finding[] = [];
    if (!trunk.inbound && !trunk.outbound) {
      found.push({ path: ['trunks', at], message: 'does nothing; needs "inbound", "outbound" or both' });
    }
    if (trunk.inbound && !trunk.outbound && trunk.health !== undefined) {
      const message =
        'watches the gateways of "outbound", and there is none; for calls that stop coming: inbound.silence';
      found.push({ path: ['trunks', at, 'health'], message });
    }
    const during = trunk.inbound?.silence?.during;
    found.push(...checkReference(during, ['trunks', at, 'inbound', 'silence', 'during'], scheduleNames, 'schedule'));
    for (const side of ['inbound', 'outbound'] as const) {
      const path = ['trunks', at, side, 'numbers', 'country'];
      found.push(...checkCountry(trunk[side]?.numbers?.country, path));
    }
    const gateways = (trunk.outbound?.to ?? []).map(({ uri }, n) => ({
      value: uri,
      path: ['trunks', at, 'outbound', 'to', n, 'uri'],
    }));
    found.push(...checkDoubles(gateways, 'gateway'));
    found.push(...checkTrunkSrtp(trunk, at));
    trunk.inbound?.from?.forEach((source, index) => {
      const path = ['trunks', at, 'inbound', 'from', index];
      const range = source === undefined ? null : readAddressRange(source);
      if (range) ranges.push({ value: rangeKey(range), path });
      else if (source !== undefined) found.push({ path, message: 'must be an address or CIDR range' });
    });
    return found;
  });
  // A range inside another one is fine: the longer prefix wins. The same one twice has no winner.
  return [...findings, ...checkDoubles(ranges, 'source range')];
}

const IN_THE_CLEAR = 'needs TLS: the keys for the sound stand in SIP, and without it everybody can read them';

function checkTrunkSrtp({ inbound, outbound }: Draft['trunks'][number], at: number): Finding[] {
  const found: Finding[] = [];
  const { srtp = 'off', transport } = inbound ?? {};
  if (srtp !== 'off' && transport !== 'tls')
    found.push({ path: ['trunks', at, 'inbound', 'srtp'], message: `${IN_THE_CLEAR}; add "transport: tls"` });
  if (outbound?.srtp === 'required' && outbound.to?.some(({ uri }) => uri !== undefined && !isOverTls(uri)))
    found.push({
      path: ['trunks', at, 'outbound', 'srtp'],
      message: `${IN_THE_CLEAR}; write ";transport=tls" behind each address of "to"`,
    });
  return found;
}

function checkCountry(code: string | undefined, path: KeyPath): Finding[] {
  const country = code?.toUpperCase();
  if (country === undefined || !/^[A-Z]{2}$/.test(country) || isSupportedCountry(country)) return [];
  return [{ path, message: `"${country}" is no country with a numbering plan; must be like "RU", "UZ" or "DE"` }];
}

function checkLines({ lines }: Draft): Finding[] {
  const unsafe = lines.flatMap(({ uri, srtp }, at): Finding[] =>
    srtp === 'required' && uri !== undefined && !isOverTls(uri)
      ? [{ path: ['lines', at, 'srtp'], message: `${IN_THE_CLEAR}; write ";transport=tls" behind "uri"` }]
      : [],
  );
  const findings = lines.flatMap((line, at): Finding[] => {
    if ((line.uri === undefined) === (line.register === undefined))
      return [
        { path: ['lines', at], message: 'needs either "uri" (a fixed address) or "register" (it registers with us)' },
      ];
    if (line.uri !== undefined || line.health === undefined) return [];
    const message = 'asks the fixed address of "uri", and there is none; of a phone that registers it is known without';
    return [{ path: ['lines', at, 'health'], message }];
  });
  const users = lines.map((line, at) => ({
    value: line.register?.username,
    path: ['lines', at, 'register', 'username'],
  }));
  return [...findings, ...unsafe, ...checkDoubles(users, 'user name')];
}

/** A schedule that never opens is a route that never answers: nobody means that. */
function checkSchedules({ schedules }: Draft): Finding[] {
  return schedules.flatMap((schedule, at): Finding[] => {
    const hours = [schedule.weekly, schedule.exceptions].flatMap(
      (days) => Object.values(days ?? {}).flat() as unknown[],
    );
    if (hours.length > 0) return [];
    return [{ path: ['schedules', at, 'weekly'], message: 'never opens; give at least one day its hours' }];
  });
}

function checkDestinations({ destinations, trunks, numbers }: Draft): Finding[] {
  const tracking = new Map(numbers.flatMap(({ number }, at) => (number === undefined ? [] : [[number, at] as const])));
  const loops = destinations.flatMap(({ number }, at): Finding[] => {
    const same = number === undefined ? undefined : tracking.get(number);
    if (same === undefined) return [];
    const message = `is a tracking number too (numbers[${same}]): the carrier would send the call back to us; for a PBX that has this number itself, use a line`;
    return [{ path: ['destinations', at, 'number'], message }];
  });
  const unusable = destinations.flatMap((destination, at) => {
    const path = ['destinations', at, 'trunk'];
    const unknown = checkReference(destination.trunk, path, namesOf(trunks), 'trunk');
    if (unknown.length > 0) return unknown;
    const trunk = trunks.find((one) => one.id !== undefined && one.id === destination.trunk);
    if (!trunk || trunk.outbound) return [];
    const message = `trunk "${trunk.id ?? ''}" has no "outbound"; nothing can be dialled through it`;
    return [{ path, message }];
  });
  return [...loops, ...unusable];
}

function checkRoutes({ routes, lines, destinations, schedules }: Draft): Finding[] {
  const targets = namesOf([...destinations, ...lines]);
  const scheduleNames = namesOf(schedules);
  return routes.flatMap((route, at) =>
    (route.steps ?? []).flatMap((step, index) => {
      const path = ['routes', at, 'steps', index];
      const found: Finding[] = [];
      const when: unknown[] = [step.when ?? 'always'].flat();
      if (index === 0 && !when.includes('always')) {
        found.push({ path: [...path, 'when'], message: 'the first step is always tried; leave "when" out' });
      }
      if ((step.dial === undefined) === (step.announce === undefined)) {
        found.push({ path, message: 'needs either "dial" or "announce"' });
      }
      if (step.announce !== undefined && index < (route.steps?.length ?? 0) - 1) {
        found.push({ path: [...path, 'announce'], message: 'ends the route; steps after it are never reached' });
      }
      found.push(...checkReference(step.during, [...path, 'during'], scheduleNames, 'schedule'));
      // A later step may dial a target again: it is full no longer, or the route says `retryRefused`.
      const dialled = (step.dial ?? []).map((value, n): Named => ({ value, path: [...path, 'dial', n] }));
      found.push(...dialled.flatMap(({ value, path }) => checkReference(value, path, targets, 'destination or line')));
      found.push(...checkDoubles(dialled, 'target of this step'));
      return found;
    }),
  );
}

function checkSites({ sites, routes, webhooks, numbers }: Draft): Finding[] {
  // A page that comes with it would be the first site's, whichever it is of.
  const snippets = sites.map(({ snippet }, at) => ({ value: snippet?.key, path: ['sites', at, 'snippet', 'key'] }));
  const eachSite = sites.flatMap((site, at) => {
    const hooks = (site.webhooks ?? []).map((value, n) => ({ value, path: ['sites', at, 'webhooks', n] }));
    return [
      ...checkReference(site.defaultRoute, ['sites', at, 'defaultRoute'], namesOf(routes), 'route'),
      ...hooks.flatMap(({ value, path }) => checkReference(value, path, namesOf(webhooks), 'webhook')),
      ...checkDoubles(hooks, 'webhook'),
      ...checkFallback(site.pool?.fallback, ['sites', at, 'pool', 'fallback'], numbers),
    ];
  });
  return [...eachSite, ...checkDoubles(snippets, 'snippet key')];
}

/** What everybody sees must not be lent to one of them: whoever calls it would be that one. */
function checkFallback(fallback: string | undefined, path: KeyPath, numbers: Draft['numbers']): Finding[] {
  const lent = numbers.findIndex(({ number, kind }) => number === fallback && kind === 'dynamic');
  if (fallback === undefined || lent < 0) return [];
  return [{ path, message: `is lent to visitors (numbers[${lent}].kind): what all others see must be static` }];
}

/** Who says that callers are told of the recording shall not find out later that nothing was played. */
function checkAnnouncements({ routes, sites, numbers }: Draft): Finding[] {
  const message = 'announces nothing: "announcement" is missing';
  const silent = ({ recording }: Draft['sites'][number] | Draft['routes'][number]): boolean =>
    recording?.announce === true && recording.announcement === undefined;
  const sitesOf = (route: Draft['routes'][number]) =>
    sites.filter(
      ({ id, defaultRoute }) =>
        defaultRoute === route.id || numbers.some((number) => number.site === id && number.route === route.id),
    );
  return [
    ...sites.flatMap((site, at) => (silent(site) ? [{ path: ['sites', at, 'recording', 'announce'], message }] : [])),
    ...routes.flatMap((route, at) => {
      const without = silent(route) ? sitesOf(route).filter((site) => site.recording?.announcement === undefined) : [];
      if (without.length === 0) return [];
      const where = `here, or for site ${without.map(({ id }) => `"${id ?? ''}"`).join(', ')}`;
      return [{ path: ['routes', at, 'recording', 'announce'], message: `${message} ${where}` }];
    }),
  ];
}

function checkNumbers({ numbers, sites, routes }: Draft): Finding[] {
  const [siteNames, routeNames] = [namesOf(sites), namesOf(routes)];
  return [
    ...checkDoubles(
      numbers.map(({ number }, at) => ({ value: number, path: ['numbers', at, 'number'] })),
      'number',
    ),
    ...numbers.flatMap((number, at) => [
      ...checkReference(number.site, ['numbers', at, 'site'], siteNames, 'site'),
      ...checkReference(number.route, ['numbers', at, 'route'], routeNames, 'route'),
    ]),
  ];
}

function checkUsers({ access, sites }: Draft): Finding[] {
  const siteNames = namesOf(sites);
  return (access.users ?? []).flatMap((user, at) =>
    (user.sites ?? []).flatMap((site, n) => checkReference(site, userPath(at, 'sites', n), siteNames, 'site')),
  );
}
