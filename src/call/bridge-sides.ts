import type { Logger } from 'pino';
import { inBackground } from '../lib/background.js';
import { asNewOffer, familyOf, fitting } from './sdp.js';
import type { DialogLeg, ReinviteAnswer } from './sip-ports.js';
import { isSecured, NEW_KEY_TRIES, offersOurCodecs, sameKey, underNewKey, underSameKeys, withoutKeys } from './srtp.js';

interface Sides {
  near: DialogLeg;
  far: DialogLeg;
  /** The SDP that `near` was given, where it was not the whole of what FreeSWITCH said. */
  told?: string;
  /**
   * Given where the SDP of a 183 (`before`) differs from that of the answer (`now`), as with several forks of a carrier
   * (RFC 3261 12.1.2). FreeSWITCH has taken `before` for the answer and passes over every later one in the dialog
   * (13.2.1), so `now` is sent to it as a new offer.
   */
  moved?: { before: string; now: string };
  logger: Pick<Logger, 'warn'>;
  /**
   * Called before FreeSWITCH is offered a hold (`near` may fall silent) or its end, and once more, undone, where
   * FreeSWITCH refuses the offer. `offerAgain` repeats the offer, for a FreeSWITCH that could not be told in time; it
   * rejects where FreeSWITCH refuses.
   */
  onHold?: (held: boolean, offerAgain: () => Promise<unknown>) => Promise<void>;
}

/**
 * Passes on what one side of the talk changes about it. `near` is the caller or the business, `far` FreeSWITCH's leg
 * for him: hold, resume and a new media address are a new offer to FreeSWITCH, whose answer goes back; a refresh that
 * changes nothing is answered at once (RFC 4028 7.4). Nothing of it reaches the other party: FreeSWITCH stands between.
 */
export function bridgeSides({ near, far, told, moved, logger, onHold }: Sides): void {
  let offered = moved?.before ?? near.remoteSdp;
  /** What `near` was told last. */
  let answer = told ?? far.remoteSdp;
  const secured = isSecured(answer);
  const ask = offersTo(far, offered);

  const offer = async (sdp: string): Promise<string> => {
    const [held, wasHeld] = [isHeld(sdp), isHeld(offered)];
    const tell = async (holds: boolean): Promise<void> => {
      if (held !== wasHeld) await onHold?.(holds, () => offer(offered));
    };
    await tell(held);
    try {
      answer = following(answer, fitting(sdp, await ask(sdp, answer)));
    } catch (error) {
      await tell(wasHeld);
      throw error;
    }
    offered = sdp;
    return answer;
  };

  near.onReinvite(async (asked): Promise<ReinviteAnswer> => {
    const sdp = secured ? asked : withoutKeys(asked);
    // A re-INVITE without SDP asks for an offer as in a new call (RFC 3261 14.2). Our last answer will not do: given to
    // a hold, or to music on hold, it would keep the talk on hold.
    if (!sdp) answer = following(answer, asNewOffer(answer));
    // FreeSWITCH's last word still holds. Where it is sent as our offer, his answer comes in the ACK.
    if (!sdp || sdp === offered) return { sdp: answer };
    if (!suits(sdp, answer)) return { status: 488 };
    try {
      return { sdp: await offer(sdp) };
    } catch {
      // RFC 3261 14.2: the session stays as it was.
      return { status: 488 };
    }
  });
  // FreeSWITCH does not change a session by itself. Should it ask all the same, it gets what `near` last said.
  far.onReinvite(() => Promise.resolve({ sdp: offered }));
  /**
   * Where FreeSWITCH thinks that `near` has brought a new key, it makes a new one itself, and `near` hears nothing
   * until he is told that key.
   */
  const offerAndTell = async (sdp: string): Promise<void> => {
    for (let theirs = sdp, tellings = 0; ; tellings++) {
      const known = answer;
      await offer(theirs);
      if (sameKey(known, answer)) return;
      if (tellings === TELLINGS_MAX) throw new Error('he brings another key each time');
      theirs = await near.reinvite(answer);
      if (sameKey(theirs, offered)) return;
    }
  };
  const follow = (sdp: string): void =>
    inBackground(
      offerAndTell(sdp).catch((error: unknown) => {
        logger.warn({ err: error }, 'FreeSWITCH and who talks by it could not agree on where the sound goes');
      }),
    );
  near.onAckSdp((acknowledged) => {
    const sdp = secured ? acknowledged : withoutKeys(acknowledged);
    if (sdp === offered) return;
    if (suits(sdp, answer)) follow(sdp);
    else logger.warn({}, 'an answer to our offer that FreeSWITCH cannot follow');
  });
  if (moved) follow(moved.now);
}

/**
 * Whether FreeSWITCH can send sound where `sdp` wants it (it would accept in any case), and an encrypted talk stays
 * encrypted. It is not asked for what it has no codec for, such as a carrier's change to G.729 or an audio stream that is
 * switched off: it refuses that, and hears nothing of this side any more (seen).
 */
function suits(sdp: string, told: string): boolean {
  const [wanted, there] = [familyOf(sdp), familyOf(told)];
  const secured = isSecured(sdp);
  const reachable = wanted === null || there === null || wanted === there;
  return reachable && offersOurCodecs(sdp, secured) && (secured || !isSecured(told));
}

/** A phone may answer each of our offers with yet another key: after so many it is given up. */
const TELLINGS_MAX = 3;

/**
 * Offers to FreeSWITCH so that it sends by the very key that it names. The result is its answer as the offering side is
 * to get it.
 * | @param first the SDP that brought FreeSWITCH the other side's key
 */
function offersTo(far: DialogLeg, first: string): (sdp: string, told: string) => Promise<string> {
  /** The last SDP that brought FreeSWITCH a key, as FreeSWITCH got it. */
  let keyed = first;
  return async (sdp, told) => {
    const same = underSameKeys(keyed, sdp, told);
    if (same) return same.answerTo(await far.reinvite(same.offer));
    for (let attempt = 1; ; attempt++) {
      const brought = underNewKey(sdp, attempt);
      const reply = await far.reinvite(brought?.offer ?? sdp);
      keyed = brought?.offer ?? sdp;
      if (!brought) return reply;
      if (brought.sends(reply) || attempt === NEW_KEY_TRIES) return brought.answerTo(reply);
    }
  };
}

/** RFC 3264 8.4, and the older way of RFC 2543 (0.0.0.0). */
function isHeld(sdp: string): boolean {
  return /^a=(sendonly|inactive)\s*$/m.test(sdp) || /^c=IN IP4 0\.0\.0\.0\s*$/m.test(sdp);
}

/**
 * `next` with the version number that follows `last`'s, or `last` itself where nothing else differs (RFC 3264 8).
 * FreeSWITCH may repeat a version (seen), and some peers ignore an SDP whose version is not new.
 */
function following(last: string, next: string): string {
  const origin = /^o=\S+ \S+ (\d+)/m;
  if (last.replace(origin, '') === next.replace(origin, '')) return last;
  const version = Number(origin.exec(last)?.[1] ?? 0) + 1;
  return next.replace(/^(o=\S+ \S+ )\d+/m, (_, start: string) => start + String(version));
}

/** DTMF that phones send by INFO instead of RFC 4733. FreeSWITCH would not pass it on, so it goes past FreeSWITCH. */
export function passInfo(from: DialogLeg, to: DialogLeg): void {
  from.onInfo((contentType, body) => {
    inBackground(to.info(contentType, body).catch(() => undefined));
  });
}
