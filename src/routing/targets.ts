import type { ChannelRequest } from '../call/ports.js';
import type { SrtpMode } from '../call/srtp.js';
import type { CarrierGateway, GatewayConfig, LineConfig, RouteConfig, TrunkConfig } from '../config/schema.js';
import { GatewayError } from '../lib/errors.js';
import { formatNumber, outboundCountry } from '../trunks/outbound-identity.js';

/** `country`: by whose habits its numbers are written. */
export type OutboundTrunk = NonNullable<TrunkConfig['outbound']> & { id: string; country: string };

/** Something a step may dial, with everything that dialling it needs. */
export interface Target {
  kind: 'destination' | 'line';
  id: string;
  /** Where to send the INVITE: a line has one address, a trunk may have several gateways. */
  gateways: readonly CarrierGateway[];
  auth: { username: string; password: string } | null;
  /** Its sound goes by SRTP, or not at all. */
  srtp: boolean;
  /** The trunk it is dialled through; null for a line. */
  trunk: OutboundTrunk | null;
  /** null for a destination. */
  line: LineConfig | null;
  capacityCodes: readonly string[];
  /** Limits that one call to this target counts against, the narrowest first. */
  limits: readonly Omit<ChannelRequest, 'token'>[];
}

/** What the id in a step's `dial` stands for. The configuration check has made sure that it stands for something. */
export function resolveTarget(config: GatewayConfig, id: string): Target {
  const line = config.lines.find((candidate) => candidate.id === id);
  if (line) {
    return {
      kind: 'line',
      id,
      gateways: line.uri ? [{ uri: line.uri, priority: 1, weight: 1 }] : [],
      auth: line.auth ?? null,
      srtp: line.srtp === 'required',
      trunk: null,
      line,
      capacityCodes: [],
      limits: [{ resource: `line:${id}`, limit: line.channels }],
    };
  }
  const destination = config.destinations.find((candidate) => candidate.id === id);
  const trunk = config.trunks.find((candidate) => candidate.id === destination?.trunk);
  if (!destination || !trunk?.outbound) {
    throw new GatewayError('GW_ERR_SIP_TARGET', `"${id}" names no line and no destination with an outbound trunk`);
  }
  const country = outboundCountry(trunk);
  const dialled = formatNumber(destination.number, { ...trunk.outbound.numbers, country });
  return {
    kind: 'destination',
    id,
    gateways: trunk.outbound.to.map((gateway) => ({ ...gateway, uri: withUser(gateway.uri, dialled) })),
    auth: trunk.outbound.auth ?? null,
    srtp: trunk.outbound.srtp === 'required',
    trunk: { id: trunk.id, country, ...trunk.outbound },
    line: null,
    capacityCodes: trunk.capacityCodes,
    limits: [
      { resource: `destination:${id}`, limit: destination.channels },
      { resource: `trunk-out:${trunk.id}`, limit: trunk.outbound.channels },
      { resource: `trunk:${trunk.id}`, limit: trunk.channels },
    ],
  };
}

/** How FreeSWITCH is to offer its sound to those whom a route dials: one offer serves them all. */
export function routeSrtp(config: GatewayConfig, { steps }: Pick<RouteConfig, 'steps'>): SrtpMode {
  const secured = steps.flatMap(({ dial = [] }) => dial.map((id) => resolveTarget(config, id).srtp));
  if (!secured.includes(true)) return 'forbidden';
  return secured.includes(false) ? 'optional' : 'mandatory';
}

/**
 * Whether a call to `number` may be one that we have sent out ourselves. Over a trunk it would go round, a new call each
 * time, until no channel is left; so only lines are rung for it. The file cannot name such a number, Redis can.
 */
export function mayComeBack(config: GatewayConfig, number: string): boolean {
  return config.destinations.some((destination) => destination.number === number);
}

/** `sip:carrier.example:5060;transport=tcp` + number → `sip:+7495…@carrier.example:5060;transport=tcp`. */
function withUser(uri: string, user: string): string {
  const [, scheme = 'sip', rest = ''] = /^(sips?):(?:[^@]*@)?(.*)$/i.exec(uri) ?? [];
  // "#" of a dialled prefix has a meaning of its own in a URI (RFC 3261 25.1).
  return `${scheme}:${user.replaceAll('#', '%23')}@${rest}`;
}
