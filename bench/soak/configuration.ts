import type { Redis } from 'ioredis';
import { lend, visitor, writeNumber } from '../../test/support/lender.js';
import { CONTROLS_ACCESS } from '../../test/support/recording-controls.js';
import { behaviourOf, KINDS, NO_ANSWER_SECONDS, type Kind } from './behaviours.js';
import { nextWay, soundOf, uriOf, WAYS, type Sound, type Way } from './ways.js';

/** Where everybody is who calls or is called. */
export interface Places {
  carrierRange: string;
  callers: Record<Sound | 'lossy', string>;
  business: Record<Sound | 'lossy', string>;
  /** Of the phones that register. */
  extensions: Record<Way, string>;
  /** Of the line that is watched. */
  pbx: string;
  nobody: string;
}

interface Outside {
  redis: { url: string };
  receiver: { url: string };
  secret: string;
}

type Raw = Record<string, unknown>;

export const PREFIX = 'ct:';
const OFFICE_CHANNELS = 1;
const DAY_MS = 86_400_000;
const PBX = 'pbx-tls';
/** Found out within seconds: by two silences, and by one answer. */
const HEALTH = { options: '1s', down: 2, up: 1 };

const PLAYED = KINDS.filter((kind) => kind !== 'unknown-number');
const SIDES = PLAYED.flatMap((kind) => WAYS.map((way) => ({ kind, way })));
/** Of their own steps: see `stepsOf`. */
const WITHOUT_LINE: Kind[] = ['overflow', 'watched', 'last-resort'];

export const trackingNumber = (kind: Kind, way: Way): string =>
  `+7495210${String(KINDS.indexOf(kind) * 10 + WAYS.indexOf(way)).padStart(4, '0')}`;

/** The trunk that a caller's calls come over. */
export const trunkOf = (way: Way): string => (way === 'srtp' ? 'secured' : 'carrier');

/** What both gateways have in common: a number and a route, mostly a line, for each kind of call and each way to the business. */
export function configuration(places: Places, { redis, receiver, secret }: Outside): Raw {
  return {
    redis: { url: redis.url, keyPrefix: PREFIX },
    trunks: trunks(places),
    destinations: WAYS.map((way, at) => ({
      id: `office-${way}`,
      trunk: `outward-${way}`,
      number: `+7495320000${at}`,
      channels: OFFICE_CHANNELS,
    })),
    lines: lines(places),
    routes: SIDES.map(({ kind, way }) => ({ id: `${kind}-${way}`, steps: stepsOf(kind, way) })),
    sites: [{ id: 'shop', defaultRoute: 'talk-udp', webhooks: ['crm'] }],
    webhooks: [{ id: 'crm', url: receiver.url, secret, allowPrivate: true }],
    access: CONTROLS_ACCESS,
    log: { level: 'info' },
  };
}

function trunks({ carrierRange, callers, business }: Places): Raw[] {
  const secured = { from: [callers.secured], transport: 'tls', srtp: 'required', trustAssertedIdentity: true };
  return [
    { id: trunkOf('udp'), inbound: { from: [carrierRange], trustAssertedIdentity: true } },
    { id: trunkOf('srtp'), inbound: secured },
    ...WAYS.map((way) => {
      const to = uriOf(way, '', business[soundOf(way)]).replace('@', '');
      return { id: `outward-${way}`, outbound: { to, ...srtpOf(way) } };
    }),
  ];
}

function lines({ business, pbx, nobody }: Places): Raw[] {
  const own = SIDES.filter(({ kind }) => !WITHOUT_LINE.includes(kind));
  const spare = WAYS.map((way) => ({ kind: 'spare' as const, way }));
  return [
    ...[...own, ...spare].map(({ kind, way }) => {
      const id = `${kind}-${way}`;
      if (kind === 'registered') return { id, register: credentialsOf(way), ...srtpOf(way) };
      const host = kind === 'unreachable' ? nobody : business[hostsOf(kind, way)];
      return { id, uri: uriOf(way, kind, host), ...srtpOf(way) };
    }),
    { id: PBX, uri: uriOf('tls', 'pbx', pbx), health: HEALTH },
  ];
}

/** By which a phone registers; it is told from the others by its way. */
export const credentialsOf = (way: Way): { username: string; password: string } => ({
  username: `registered-${way}`,
  password: `secret-of-${way}`,
});

const hostsOf = (kind: Kind | 'spare', way: Way): Sound | 'lossy' =>
  kind !== 'spare' && behaviourOf(kind).lossy === 'business' && way === 'udp' ? 'lossy' : soundOf(way);

const srtpOf = (way: Way): Raw => (way === 'srtp' ? { srtp: 'required' } : {});

function stepsOf(kind: Kind, way: Way): Raw[] {
  const dialled = (id: string, more: Raw = {}): Raw => ({ dial: [id], for: '20s', ...more });
  switch (kind) {
    case 'overflow':
      // By another way than the first step, so both are offered to the caller's side at once.
      return [dialled(`office-${way}`), dialled(`spare-${nextWay(way)}`, { when: 'overflow' })];
    case 'watched':
      return [dialled(PBX), dialled(`spare-${way}`, { when: 'unreachable' })];
    case 'registered':
      return [dialled(`registered-${way}`), dialled(`spare-${way}`, { when: 'unreachable' })];
    case 'early-refused':
      return [dialled(`${kind}-${way}`), dialled(`spare-${nextWay(way)}`, { when: 'always' })];
    case 'steps':
      return [
        dialled(`${kind}-${way}`, { for: `${NO_ANSWER_SECONDS}s` }),
        dialled(`spare-${nextWay(way)}`, { when: ['busy', 'no-answer', 'unreachable'] }),
      ];
    case 'both-answer':
      return [{ dial: [`${kind}-${way}`, `spare-${nextWay(way)}`], for: '20s', strategy: 'all-at-once' }];
    case 'last-resort':
      return [dialled(PBX)];
    case 'no-answer':
      return [dialled(`${kind}-${way}`, { for: `${NO_ANSWER_SECONDS}s` })];
    default:
      return [dialled(`${kind}-${way}`)];
  }
}

export async function lendNumbers(client: Redis): Promise<void> {
  const times = { leasedAt: Date.now() - 60_000, expiresAt: Date.now() + DAY_MS };
  for (const { kind, way } of SIDES) {
    const number = trackingNumber(kind, way);
    await writeNumber(client, PREFIX, number, { site: 'shop', kind: 'dynamic', route: `${kind}-${way}` });
    await lend(client, PREFIX, number, 'shop', visitor(`visit-${kind}-${way}`), times);
  }
}
