import { withDeadline } from '../lib/deadline.js';
import type { RouteConfig } from '../config/schema.js';
import { bridgeSides, passInfo } from './bridge-sides.js';
import type { CallMedia } from './call-media.js';
import { mediaFailure } from './call-end.js';
import type { CallDeps } from './deps.js';
import { iso } from './document.js';
import {
  DECLINED_HEADER,
  GREETING_LIMIT_MS,
  greetingFor,
  KEYS_HEADER,
  SAID_HEADER,
  wasAnnounced,
  type Greeting,
} from './greeting.js';
import { attributeByCode } from './promo.js';
import { hasNoCodecOfOurs, MediaServers } from './media-servers.js';
import type { MediaServer } from './media-ports.js';
import { policyOf } from './recording-policy.js';
import { routeSrtp } from '../routing/targets.js';
import { RouteWalk, type WalkResult } from './route-walk.js';
import { familyOf, hears, sameMedia } from './sdp.js';
import type { CallSession } from './session.js';
import type { DialogLeg, IncomingInvite, InviteOutcome, OutgoingInvite } from './sip-ports.js';
import { isSecured, offersOurCodecs, offerTo, type SrtpMode } from './srtp.js';

/** FreeSWITCH confirms a bridge within some 20 ms; without it nobody hears anybody. */
const BRIDGE_TIMEOUT_MS = 3000;
/** How much later than our own timer FreeSWITCH ends a talk that is too long: it steps in only where we failed to. */
const MEDIA_LIMIT_MARGIN_SECONDS = 15;
/**
 * How much longer than the route's ring time FreeSWITCH waits. The walk ends in time by itself, but may then still wait
 * for Redis.
 */
const RING_MARGIN_MS = 5000;

/**
 * FreeSWITCH in the middle: the caller's INVITE goes on to FreeSWITCH, whose dialplan dials back to us for the
 * business's side; the route is walked on that second INVITE. Ringing, early media and the answer travel end to end,
 * the caller is answered only when somebody answers, and no ESL command lies on the way.
 */
export async function connect(
  session: CallSession,
  invite: IncomingInvite,
  route: RouteConfig,
  deps: CallDeps,
): Promise<void> {
  const secured = isSecured(invite.sdp);
  if (invite.sdp && !offersOurCodecs(invite.sdp, secured)) {
    // Checked here: FreeSWITCH negotiates codecs only when somebody has answered, and would then hang up on the caller.
    session.end(mediaFailure(488));
    return;
  }
  const server = deps.media.pick();
  if (!server) {
    session.end({ ...mediaFailure(503), headers: { 'Retry-After': '10' } });
    return;
  }
  if (refuseUnreachable(session, invite, server)) return;
  session.signalState('connect');
  const config = deps.config();
  const site = config.sites.find(({ id }) => id === session.call.site);
  const recording = policyOf(route, site);
  const occasion = { call: session.call, lateOffer: !invite.sdp, askPromo: route.askPromo, recording };
  const greeting = greetingFor(occasion, site);
  session.recording.plan(recording, greeting?.answers ?? false);
  const business = routeSrtp(config, route);
  const request = mediaInvite(session, invite, route, greeting, [secured ? 'mandatory' : 'forbidden', business]);
  const servers = new MediaServers(session, invite, request, deps);
  const toMedia = servers.ask(server);
  session.call.durations.addedSetupMs = session.clock() - invite.receivedAt;
  deps.metrics.setup(session.call.durations.addedSetupMs);
  // No channel is reserved while a greeting is played: it would be kept from other calls.
  const walk = () => new RouteWalk(session, route, deps, config);
  const prepared = greeting ? null : walk();
  prepared?.prepare();
  const callerSide = followCallerSide(session, toMedia, servers);
  const engaged = greeting?.answers ? engage(session, invite, callerSide, false) : null;

  const timeoutMs = config.engines.setupTimeout + (greeting ? GREETING_LIMIT_MS : 0);
  const dialBack = await untilDialBack(session, callerSide, timeoutMs);
  if (!dialBack) return;
  if (greeting) await heed(session, greeting, dialBack, deps);
  const result = await (prepared ?? walk()).run(dialBack);
  if (result.kind === 'exhausted') lose(session, result);
  if (result.kind !== 'answered' || session.ended) return;
  const toBusiness = session.adopt('media-business', await dialBack.answer(result.sdp));
  const caller = await (engaged ?? engage(session, invite, callerSide, true));
  if (!caller || (engaged && !session.answered(iso(session.clock()))) || session.signal.aborted) return;
  const { logger } = session;
  const elsewhere = result.early !== '' && !sameMedia(result.early, result.sdp);
  // Cut down as every later offer of his: of FreeSWITCH's offer he was shown one kind of audio only.
  const now = offerTo(result.sdp, isSecured(result.told)) ?? result.sdp;
  const moved = elsewhere ? { moved: { before: result.early, now } } : {};
  bridgeSides({ near: result.leg, far: toBusiness, told: result.told, ...moved, logger });
  passInfo(caller.leg, result.leg);
  passInfo(result.leg, caller.leg);
  talk(session, route, deps);
}

/**
 * Refuses a caller whose IP family is not FreeSWITCH's; true where it has. He would be answered, hear nothing and pay.
 */
function refuseUnreachable(session: CallSession, invite: IncomingInvite, server: MediaServer): boolean {
  const [wants, media] = [familyOf(invite.sdp), familyOfMedia(server)];
  if (!invite.sdp || wants === media) return false;
  session.logger.warn({ wants, media }, 'the caller wants sound where FreeSWITCH cannot send any');
  session.end(mediaFailure(488));
  return true;
}

/** FreeSWITCH's profile has one address, for SIP and for sound. */
const familyOfMedia = ({ sipAddress }: MediaServer): string => (sipAddress.startsWith('[') ? 'IP6' : 'IP4');

/**
 * Takes up what the caller answered to the greeting, before anybody is dialled: the phones shall show whose call it is.
 */
async function heed(session: CallSession, greeting: Greeting, dialBack: IncomingInvite, deps: CallDeps): Promise<void> {
  const said = dialBack.header(SAID_HEADER);
  if (dialBack.header(DECLINED_HEADER)) session.recording.forbid('caller_declined');
  else if (!wasAnnounced(greeting, said)) {
    session.logger.error({ said }, 'the recording announcement was not played: the call is not recorded');
    session.recording.forbid('not_announced');
  }
  const keys = dialBack.header(KEYS_HEADER);
  if (keys) await attributeByCode(session, keys, deps);
}

function lose(session: CallSession, { loss, announcement }: Extract<WalkResult, { kind: 'exhausted' }>): void {
  session.end({
    by: 'gateway',
    reason: 'normal',
    ...(loss ? { loss } : {}),
    ...(announcement ? { announcement } : {}),
  });
}

type CallerSide =
  /** FreeSWITCH answered with what the caller is to get. */
  | { kind: 'answered'; leg: DialogLeg; sdp: string }
  /** Late offer: FreeSWITCH's offer goes to the caller in our 200; his answer comes in his ACK and goes on in ours. */
  | Extract<InviteOutcome, { kind: 'offered' }>
  | { kind: 'failed'; outcome: InviteOutcome };

/** Follows our INVITE to FreeSWITCH to its outcome, whether or not anybody still wants it by then. */
async function followCallerSide(
  session: CallSession,
  toMedia: OutgoingInvite,
  servers: MediaServers,
): Promise<CallerSide> {
  let outcome = await toMedia.outcome;
  for (let next = servers.askNext(outcome); next; next = servers.askNext(outcome)) outcome = await next.outcome;
  if (outcome.kind === 'answered') session.adopt('media-caller', outcome.leg);
  if (outcome.kind === 'offered' && session.ended) await outcome.abandon();
  return outcome.kind === 'answered' || outcome.kind === 'offered' ? outcome : { kind: 'failed', outcome };
}

/** FreeSWITCH's dial-back; null where the call has ended, also because FreeSWITCH refused or stayed silent. */
async function untilDialBack(
  session: CallSession,
  callerSide: Promise<CallerSide>,
  timeoutMs: number,
): Promise<IncomingInvite | null> {
  const ended = new Promise<null>((resolve) => session.signal.addEventListener('abort', () => resolve(null)));
  const refused = callerSide.then((side) => (side.kind === 'failed' ? mediaRefused(session, side.outcome) : ended));
  try {
    const dialBack = await withDeadline(
      Promise.race([session.invites.awaitDialBack(), refused, ended]),
      timeoutMs,
      'dial-back',
    );
    return session.ended ? null : dialBack;
  } catch (error) {
    session.logger.error({ err: error }, 'FreeSWITCH did not dial back');
    session.end(mediaFailure(503));
    return null;
  }
}

/**
 * 503 has the caller's carrier try another way. 488 does not: a caller without a codec of ours fares no better there.
 */
function mediaRefused(session: CallSession, outcome: InviteOutcome): null {
  if (session.ended) return null; // by us: FreeSWITCH only passes on our own refusal
  const status = outcome.kind === 'failed' ? outcome.failure.status : null;
  session.logger.warn({ status }, 'FreeSWITCH refused the caller');
  const sip = hasNoCodecOfOurs(status) ? 488 : 503;
  session.end(mediaFailure(sip));
  return null;
}

interface AnsweredCaller {
  leg: DialogLeg;
  media: DialogLeg;
}

/**
 * Answers the caller when FreeSWITCH answers his INVITE: once the business has answered, or earlier, to ask him
 * something.
 */
async function engage(
  session: CallSession,
  invite: IncomingInvite,
  callerSide: Promise<CallerSide>,
  businessAnswered: boolean,
): Promise<AnsweredCaller | null> {
  const caller = await answerCaller(session, invite, await callerSide, businessAnswered);
  const onHold: CallMedia['callerHolds'] = (...hold) => session.media.callerHolds(...hold);
  if (caller) bridgeSides({ near: caller.leg, far: caller.media, onHold, logger: session.logger });
  return caller;
}

/** 200 to the caller with FreeSWITCH's SDP; from here on he pays. */
async function answerCaller(
  session: CallSession,
  invite: IncomingInvite,
  side: CallerSide,
  businessAnswered: boolean,
): Promise<AnsweredCaller | null> {
  if (side.kind === 'failed') {
    if (!session.ended) mediaRefused(session, side.outcome);
    return null;
  }
  const leg = session.ended ? null : await session.answering(answerOrEnd(session, invite, side.sdp, businessAnswered));
  if (leg && side.kind === 'answered') return { leg, media: side.leg };
  if (leg && side.kind === 'offered') return passAnswerOn(session, leg, side);
  if (side.kind === 'offered') await side.abandon();
  return null;
}

async function answerOrEnd(
  session: CallSession,
  invite: IncomingInvite,
  sdp: string,
  businessAnswered: boolean,
): Promise<DialogLeg | null> {
  try {
    const leg = await invite.answer(sdp);
    const now = iso(session.clock());
    session.engaged(now);
    // Told before the dialog's end is listened for: a BYE may have come with the answer, and the call was answered all
    // the same.
    if (businessAnswered) session.answered(now);
    return session.adopt('caller', leg);
  } catch (error) {
    // Usually because his CANCEL came first, and has ended the session already.
    if (session.ended) session.logger.info({ err: error }, 'caller left while being answered');
    else {
      session.logger.error({ err: error }, 'the caller could not be answered');
      session.end(mediaFailure(500));
    }
    return null;
  }
}

/**
 * Passes a late offer's answer on, from the caller's ACK into ours: only now does FreeSWITCH learn where his sound
 * goes.
 */
async function passAnswerOn(
  session: CallSession,
  leg: DialogLeg,
  side: Extract<CallerSide, { kind: 'offered' }>,
): Promise<AnsweredCaller | null> {
  try {
    const answer = await leg.answerInAck();
    if (hears(side.sdp, answer)) return { leg, media: session.adopt('media-caller', await side.accept(answer)) };
    session.logger.warn({ wants: familyOf(answer) }, 'the caller wants sound where FreeSWITCH cannot send any');
    await side.abandon();
    session.end({ by: 'gateway', reason: 'media_failure' });
    return null;
  } catch (error) {
    session.logger.warn({ err: error }, 'no ACK with an answer to a late offer');
    await side.abandon();
    session.end({ by: 'gateway', reason: 'ack_timeout' });
    return null;
  }
}

/** The two sides talk. FreeSWITCH's events tell the rest: the bridge must come, the end may. */
function talk(session: CallSession, route: RouteConfig, deps: CallDeps): void {
  const { call } = session;
  deps.metrics.answered((session.clock() - Date.parse(call.startedAt)) / 1000);
  session.after(route.maxDuration, () => session.end({ by: 'gateway', reason: 'max_duration' }));
  session.after(BRIDGE_TIMEOUT_MS, () => {
    if (session.media.bridged || !session.media.server?.eventsUp) return;
    session.logger.error({}, 'FreeSWITCH never bridged the two sides');
    session.end({ by: 'gateway', reason: 'media_failure' });
  });
}

/** @param srtp of the caller's leg and of the business's */
function mediaInvite(
  session: CallSession,
  invite: IncomingInvite,
  route: RouteConfig,
  greeting: Greeting | null,
  srtp: readonly [SrtpMode, SrtpMode],
) {
  const { caller } = session.call;
  const greetingMs = greeting ? GREETING_LIMIT_MS : 0;
  return {
    sdp: invite.sdp,
    from: { user: caller.number ?? 'anonymous', displayName: caller.name },
    headers: {
      'X-CT-Call-Key': session.mediaKey,
      'X-CT-Call-Id': session.id,
      'X-CT-Record': session.recording.onAnswer ? 'yes' : 'no',
      'X-CT-Ring-Seconds': String(Math.ceil((route.for + RING_MARGIN_MS) / 1000)),
      'X-CT-Max-Seconds': String(Math.ceil((route.maxDuration + greetingMs) / 1000) + MEDIA_LIMIT_MARGIN_SECONDS),
      ...(invite.sdp ? {} : { 'X-CT-Late-Offer': 'yes' }),
      ...(srtp.every((mode) => mode === 'forbidden') ? {} : { 'X-CT-Srtp': srtp.join(' ') }),
      ...(session.recording.controls === null ? {} : { 'X-CT-Controls': session.recording.controls }),
      ...greeting?.headers,
    },
    timeoutMs: route.for + greetingMs + RING_MARGIN_MS,
  };
}
