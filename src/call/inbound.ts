import type { TrunkConfig } from '../config/schema.js';
import { inBackground } from '../lib/background.js';
import { toError, withDeadline } from '../lib/deadline.js';
import { newCallId } from '../lib/ids.js';
import { DEFERRED } from '../numbers/verdict.js';
import { findRoute } from '../routing/find-route.js';
import { accountUser } from '../trunks/account.js';
import { takes } from '../trunks/gate.js';
import { readCalled, readCaller } from '../trunks/number-reading.js';
import { judge } from './attribution.js';
import { mediaFailure } from './call-end.js';
import { describeCaller } from './callers.js';
import { connect } from './connect.js';
import type { CallDeps } from './deps.js';
import type { NewCall } from './document.js';
import type { LoadGate } from './load.js';
import type { AdmissionAnswer, AdmissionQuery, ChannelGrant, TrackingNumber } from './ports.js';
import { hopsLeft } from './outgoing-request.js';
import type { CallRegistry } from './registry.js';
import { CallSession } from './session.js';
import type { IncomingInvite } from './sip-ports.js';
import { callerSrtp } from './srtp.js';

/** Header by which FreeSWITCH's dial-back names the call it belongs to. */
const CALL_KEY_HEADER = 'X-CT-Call-Key';
/** Redis answers in about a millisecond; longer than this the caller waits for it, and the call goes on without. */
const ADMISSION_TIMEOUT_MS = 400;
const RETRY_AFTER_SECONDS = '5';
/** The longest body that is read. No phone sends more. */
const MAX_BODY_CHARACTERS = 16_384;
/** The longest SDP that is passed on: drachtio-server takes messages of up to 4,000 bytes, headers included. */
const MAX_SDP_CHARACTERS = 2500;
/** Extensions that a caller may insist on: refreshes of RFC 4028 are answered. */
const SUPPORTED = new Set(['timer']);

/** What this gateway has in hand, and how much more it takes. */
export interface CallsInHand {
  registry: CallRegistry;
  load: LoadGate;
}

/**
 * The way of an inbound call, in reading order: gate, read, admit, attribute, connect. Talk and finish are the
 * session's. Every INVITE outside a dialog comes in here, FreeSWITCH's dial-backs too.
 */
export function handleInvite(invite: IncomingInvite, inHand: CallsInHand, deps: CallDeps): void {
  const key = invite.header(CALL_KEY_HEADER);
  if (key !== undefined && deps.media.owns(invite.source.address)) {
    // 481: the call it belongs to has ended meanwhile; FreeSWITCH drops its side.
    if (!inHand.registry.dialBack(key, invite)) invite.refuse(481);
    return;
  }
  const trunk = passGate(invite, inHand, deps);
  if (!trunk?.inbound) return;

  const call = { id: newCallId(), ...readInvite(invite, trunk, trunk.inbound, deps) };
  const request = admissionRequest(call, trunk);
  // Sent first: while Redis works the rest of the call is set up.
  const answer = withDeadline(deps.admissions.admit(request), ADMISSION_TIMEOUT_MS, 'admission');
  const session = new CallSession(invite, call, deps, inHand.registry);
  inHand.registry.add(session);
  const story = admitAndConnect(session, invite, { request, answer }, deps).catch((error: unknown) => {
    session.logger.error({ err: toError(error) }, 'call failed by a fault of ours');
    session.introduce();
    session.end(mediaFailure(500));
  });
  inBackground(story);
}

/** 1. Who sends this, and can we take it: nothing here costs more than a look into memory. */
function passGate(invite: IncomingInvite, { registry, load }: CallsInHand, deps: CallDeps): TrunkConfig | null {
  const trunk = deps.gate(invite.source.address);
  if (!trunk?.inbound) {
    deps.metrics.refused('unknown_source');
    deps.logger.debug({ source: invite.source.address }, 'INVITE from an unknown source');
    invite.refuse(403);
    return null;
  }
  if (!takes(trunk, invite.source.protocol)) {
    deps.metrics.refused('transport');
    const { protocol } = invite.source;
    deps.logger.warn({ sipCallId: invite.sipCallId, trunk: trunk.id, protocol }, 'INVITE not over TLS');
    invite.refuse(403);
    return null;
  }
  deps.trunks.heard(trunk.id);
  invite.auth = trunk.outbound?.auth ?? trunk.register;
  const srtp = callerSrtp(trunk.inbound.srtp, invite.sdp);
  if (srtp !== 'mandatory') invite.dropKeys();
  const malformed = findMalformed(invite) ?? (srtp === null ? { status: 488 } : null);
  if (malformed) {
    const { status, headers } = malformed;
    deps.metrics.refused('malformed');
    deps.logger.warn({ sipCallId: invite.sipCallId, trunk: trunk.id, status }, 'INVITE that makes no call');
    invite.refuse(status, headers);
    return null;
  }
  const accepting = deps.accepting() && !deps.drains.has('trunk', trunk.id);
  if (!accepting || !load.admit(registry.inProgress, deps.config().engines, performance.now())) {
    deps.metrics.refused(accepting ? 'overload' : 'draining');
    invite.refuse(503, { 'Retry-After': RETRY_AFTER_SECONDS });
    return null;
  }
  return trunk;
}

/**
 * SIP that cannot become a call, and the answer that says so (RFC 3261 8.1.1.8, 8.2.2.3, 21.4.11, 21.4.13, 21.4.26; RFC
 * 7332 4: who is between two sides ends a loop as a proxy does).
 */
function findMalformed(invite: IncomingInvite): { status: number; headers?: Record<string, string> } | null {
  if (!invite.namesContact) return { status: 400 };
  if (hopsLeft(invite) === 0) return { status: 483 };
  const required = (invite.header('Require') ?? '').split(',').map((tag) => tag.trim());
  const unsupported = required.filter((tag) => tag && !SUPPORTED.has(tag.toLowerCase()));
  if (unsupported.length > 0) return { status: 420, headers: { Unsupported: unsupported.join(', ').slice(0, 256) } };
  if (invite.bodyLength > MAX_BODY_CHARACTERS || invite.sdp.length > MAX_SDP_CHARACTERS) return { status: 413 };
  if (invite.bodyLength > 0 && !invite.sdp) return { status: 415, headers: { Accept: 'application/sdp' } };
  if (invite.sdp && !(/^m=audio [1-9]\d* /m.test(invite.sdp) && /^c=IN /m.test(invite.sdp))) return { status: 488 };
  return null;
}

/** 2. Called and calling number, by this trunk's rules. */
function readInvite(
  invite: IncomingInvite,
  trunk: TrunkConfig,
  inbound: NonNullable<TrunkConfig['inbound']>,
  deps: CallDeps,
) {
  const { country } = inbound.numbers;
  return {
    sipCallId: invite.sipCallId,
    gateway: deps.config().gateway.id,
    trunk: trunk.id,
    receivedAt: invite.receivedAt,
    trackingNumber:
      readCalled({
        requestUri: invite.requestUri,
        calledParty: () => invite.header('P-Called-Party-ID'),
        to: () => invite.header('To'),
        account: trunk.register && accountUser(trunk.register),
        country,
      }) ?? userPart(invite.requestUri),
    caller: readCaller({
      from: invite.header('From'),
      pAssertedIdentity: invite.header('P-Asserted-Identity'),
      remotePartyId: invite.header('Remote-Party-ID'),
      pPreferred: invite.header('P-Preferred-Identity'),
      privacy: invite.header('Privacy'),
      trusted: inbound.trustAssertedIdentity,
      country,
    }),
  };
}

/** What was dialled where that is no number: shown in `call.rejected`, so it is cleaned and short. */
function userPart(uri: string): string {
  const user = /^(?:sips?|tel):([^@;]*)/i.exec(uri)?.[1] ?? '';
  return user.replace(/[^\w+.*#-]/g, '').slice(0, 32);
}

/** 3. The one question that Redis is asked before the call goes on: everything in one round trip. */
function admissionRequest(call: NewCall, trunk: TrunkConfig): AdmissionQuery {
  const { id: token, trackingNumber } = call;
  return {
    callId: token,
    trackingNumber,
    callerNumber: call.caller.number,
    at: call.receivedAt,
    inbound: [
      { resource: `trunk-in:${trunk.id}`, token, limit: trunk.inbound?.channels ?? null },
      { resource: `trunk:${trunk.id}`, token, limit: trunk.channels },
      // No limit: while the call is up, its number is not lent to the next visitor.
      { resource: `number:${trackingNumber}`, token, limit: null },
    ],
  };
}

/** 4. and 5. Name the visitor, find the route, connect. */
async function admitAndConnect(
  session: CallSession,
  invite: IncomingInvite,
  asked: Admission,
  deps: CallDeps,
): Promise<void> {
  const { number, channel, answer } = await admit(session, asked, deps);
  const way = number && findRoute(deps.config(), number);
  if (!way) {
    session.introduce();
    session.end({ by: 'gateway', reason: 'normal', loss: 'unknown_number', rejected: true });
    return;
  }
  const { route } = way;
  session.call.route = route.id;
  refuseScreened(session, deps);
  if (!channel) session.end({ by: 'gateway', reason: 'normal', loss: 'trunk_capacity' });
  // The INVITE to FreeSWITCH leaves first; `call.received` is told after it.
  const connected = session.ending ? Promise.resolve() : connect(session, invite, route, deps);
  session.introduce();
  if (answer) {
    deps.callRates.learn(answer, asked.request.at);
    deps.lastKnown.remember(number);
    deps.callers.judged(session.call, answer.history?.known ?? null);
  }
  inBackground(deps.callers.arrived(session.call));
  await connected;
}

/** Blocked callers cost the business nothing: no target rings, no media server but for an announcement. */
function refuseScreened(session: CallSession, deps: CallDeps): void {
  const { screening, site } = session.call;
  if (!screening) return;
  deps.metrics.screened(screening);
  if (screening.action === 'tag') return;
  const announcement = deps.config().sites.find(({ id }) => id === site)?.screening.announcement;
  const server = screening.action === 'announce' && announcement !== undefined ? deps.media.pick() : null;
  if (server) session.media.use(server);
  session.end({
    by: 'gateway',
    reason: 'normal',
    loss: 'blocked',
    rejected: true,
    ...(server && announcement !== undefined ? { announcement } : {}),
  });
}

/** What was asked, and the answer on its way. */
interface Admission {
  request: AdmissionQuery;
  answer: Promise<AdmissionAnswer>;
}

interface Admitted {
  /** null: no such tracking number, switched off, or of a site that is none of ours. */
  number: TrackingNumber | null;
  /** Whether every limit of the trunk had a channel for this call. */
  channel: boolean;
  /** null: Redis did not answer in time. */
  answer: AdmissionAnswer | null;
}

/** Applies the answer; where none comes in time the call goes on by what this process knows. */
async function admit(session: CallSession, { request, answer }: Admission, deps: CallDeps): Promise<Admitted> {
  const { inbound, at } = request;
  let admitted: Admitted;
  try {
    const found = await answer;
    admitted = { number: applyAnswer(session, found, at, deps), channel: all(found.channels), answer: found };
  } catch (error) {
    session.logger.warn({ err: toError(error) }, 'admission without Redis, by the last known route');
    const grants = await deps.channels.reserve(inbound);
    admitted = { number: deferAttribution(session, deps), channel: all(grants), answer: null };
  }
  if (admitted.channel) session.holdForCaller(inbound);
  return admitted;
}

const all = (grants: readonly ChannelGrant[]): boolean => grants.every(({ granted }) => granted);

/** 4. The verdict, frozen into the call. */
function applyAnswer(session: CallSession, answer: AdmissionAnswer, at: number, deps: CallDeps): TrackingNumber | null {
  const { call } = session;
  const number = ours(answer.number, session, deps);
  call.attribution = judge({ ...answer, number }, answer.history?.known ?? null, at, deps);
  if (!number) {
    call.site = siteOfDisabled(answer.number, deps);
    return null;
  }
  call.site = number.site;
  call.numberKind = number.kind;
  describeCaller(call, answer, at, deps);
  return number;
}

/** The site of a number that is switched off: its owner wants to know who still calls it. */
function siteOfDisabled(number: TrackingNumber | null, deps: CallDeps): string | null {
  const isOurs = number !== null && !number.enabled && findRoute(deps.config(), number) !== null;
  return isOurs ? number.site : null;
}

function ours(number: TrackingNumber | null, session: CallSession, deps: CallDeps): TrackingNumber | null {
  if (!number?.enabled) return null;
  if (findRoute(deps.config(), number)) return number;
  session.logger.warn({ site: number.site }, 'the number is of a site that is not configured');
  return null;
}

/** Redis is away: the verdict follows when it is back. */
function deferAttribution(session: CallSession, deps: CallDeps): TrackingNumber | null {
  const { call } = session;
  const number = ours(deps.lastKnown.find(call.trackingNumber), session, deps);
  call.attribution = DEFERRED;
  call.site = number?.site ?? null;
  call.numberKind = number?.kind ?? null;
  describeCaller(call, { history: null, rangeCalls: new Map() }, Date.parse(call.startedAt), deps);
  return number;
}
