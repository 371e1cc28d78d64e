import { shownOnPhone } from '../lines/display.js';
import type { Target } from '../routing/targets.js';
import { offerCodecs } from '../trunks/codecs.js';
import { outboundIdentity } from '../trunks/outbound-identity.js';
import type { Call } from './call.js';
import type { IncomingInvite, InviteRequest } from './sip-ports.js';

/**
 * A far end that is alive answers an INVITE within 200 ms, if only by 100 Trying (RFC 3261 17.2.1). drachtio-server
 * 0.9.10 sends it at 0, 1 and 3 s (it waits twice T1 before it repeats one). After three unheard ones nobody is there,
 * and the caller is taken elsewhere.
 */
const RESPONSE_TIMEOUT_MS = 5000;

/** RFC 3261 8.1.1.6. */
const USUAL_HOPS = 70;

/** How many more hops the caller's INVITE may take: its Max-Forwards, or the usual value where it has none. */
export function hopsLeft(invite: Pick<IncomingInvite, 'header'>): number {
  const hops = /^\s*(\d{1,3})\s*$/.exec(invite.header('Max-Forwards') ?? '')?.[1];
  return hops === undefined ? USUAL_HOPS : Number(hops);
}

/** The INVITE to one address of a target: who calls is told by the trunk's policy, or as the line's phone wants it. */
export function outgoingRequest(
  call: Call,
  target: Target,
  address: { uri: string; proxy: string | null },
  sdp: string,
  ringMs: number,
  hops: number,
): InviteRequest {
  const { trunk, line, auth } = target;
  const caller = { ...call.caller, trackingNumber: call.trackingNumber };
  const identity = trunk ? outboundIdentity(caller, trunk, trunk.country) : lineIdentity(call, line);
  return {
    uri: address.uri,
    ...(address.proxy === null ? {} : { proxy: address.proxy }),
    ...identity,
    // Counted down, or a number that its carrier forwards back to us would go round for ever (RFC 7332 4).
    headers: { ...identity.headers, 'Max-Forwards': String(hops - 1) },
    sdp: trunk ? offerCodecs(sdp, trunk.codecs) : sdp,
    ...(auth ? { auth } : {}),
    timeoutMs: ringMs,
    responseTimeoutMs: RESPONSE_TIMEOUT_MS,
  };
}

/** On a phone of the business: the caller's number, and beside it what the line's configuration wants shown. */
function lineIdentity(call: Call, line: Target['line']): Pick<InviteRequest, 'from' | 'headers'> {
  const shown = line ? shownOnPhone(call, line) : { displayName: call.caller.name, headers: {} };
  const { number } = call.caller;
  const from = { user: number ?? 'anonymous', displayName: shown.displayName };
  return { from: number === null ? { ...from, host: 'anonymous.invalid' } : from, headers: shown.headers };
}
