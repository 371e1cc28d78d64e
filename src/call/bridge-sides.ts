import type { Logger } from 'pino';
import { inBackground } from '../lib/background.js';
import { asNewOffer, familyOf, fitting } from './sdp.js';
import type { DialogLeg, ReinviteAnswer } from './sip-ports.js';
import { isSecured, NEW_KEY_TRIES, sameKey, underNewKey, underSameKeys, withoutKeys } from './srtp.js';

interface Sides {
  near: DialogLeg;
  far: DialogLeg;
  /** What `near` was told of FreeSWITCH's sound, where that is not all that FreeSWITCH said. */
  told?: string;
  /**
   * What FreeSWITCH took for `near`'s answer, where that was said while it rang, and is not what he answered (RFC 3261 12.1.2: another
   * of a carrier's forks), `now`. In a dialog FreeSWITCH passes over every later answer (13.2.1), so it is made an offer of.
   */
  moved?: { before: string; now: string };
  logger: Pick<Logger, 'warn'>;
  /**
   * Told before FreeSWITCH gets an offer by which `near` holds the call (and may fall silent), or takes it up again; told back
   * where FreeSWITCH refuses it. `offerAgain` has it read anew what it was told too late; rejects where it refuses.
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
    // He asks for an offer as of a new call (RFC 3261 14.2): by our answer to his hold, or to his music, he could not take up the talk.
    if (!sdp) answer = following(answer, asNewOffer(answer));
    // What FreeSWITCH last said stands; where it is our offer, his answer comes in the ACK.
    if (!sdp || sdp === offered) return { sdp: answer };
    if (!suits(sdp, answer)) return { status: 488 };
    try {
      return { sdp: await offer(sdp) };
    } catch {
      // RFC 3261 14.2: the session stays as it was.
      return { status: 488 };
    }
  });
  // FreeSWITCH changes nothing by itself; where it asks all the same, what `near` last said stands.
  far.onReinvite(() => Promise.resolve({ sdp: offered }));
  /** Where it takes him for one who brings another key, FreeSWITCH makes another too; who is not told it hears nothing. */
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

/** Whether FreeSWITCH, which would say yes to either, can send where `sdp` wants its sound; and what is encrypted stays so. */
function suits(sdp: string, told: string): boolean {
  const [wanted, there] = [familyOf(sdp), familyOf(told)];
  return (wanted === null || there === null || wanted === there) && (isSecured(sdp) || !isSecured(told));
}

/** A phone may bring another key with each answer of its own: so often he is told FreeSWITCH's anew. */
const TELLINGS_MAX = 3;

/**
 * Makes offers to FreeSWITCH in such a way that it sends by the key that it tells; gives its answer as who offers is to get it.
 *
 * @param first what brought it the other side's key
 */
function offersTo(far: DialogLeg, first: string): (sdp: string, told: string) => Promise<string> {
  /** The last that did, as FreeSWITCH got it. */
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
 * `next` as what follows `last`: the same version where it says the same, else the next one (RFC 3264 8). FreeSWITCH's own
 * may stay as it was (seen), and some peers pass over what bears an old one.
 */
function following(last: string, next: string): string {
  const origin = /^o=\S+ \S+ (\d+)/m;
  if (last.replace(origin, '') === next.replace(origin, '')) return last;
  const version = Number(origin.exec(last)?.[1] ?? 0) + 1;
  return next.replace(/^(o=\S+ \S+ )\d+/m, (_, start: string) => start + String(version));
}

/** DTMF of phones that send INFO in place of RFC 4733: FreeSWITCH keeps it to itself, so it goes around. */
export function passInfo(from: DialogLeg, to: DialogLeg): void {
  from.onInfo((contentType, body) => {
    inBackground(to.info(contentType, body).catch(() => undefined));
  });
}
