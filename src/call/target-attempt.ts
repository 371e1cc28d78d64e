import { inBackground } from '../lib/background.js';
import { mostTelling } from '../routing/loss.js';
import { classifyFailure } from '../routing/outcome.js';
import { usesLastUsed } from '../routing/strategy.js';
import type { Target } from '../routing/targets.js';
import type { HeldChannel, Leg, LegObstacle, LegResult } from './call.js';
import type { CallDeps } from './deps.js';
import { iso } from './document.js';
import type { ChannelGrant, ChannelRequest, LineContact } from './ports.js';
import { outgoingRequest } from './outgoing-request.js';
import { familyOf, hears } from './sdp.js';
import { answerTo, isSecured, offersOurCodecs, offerTo } from './srtp.js';
import type { CallSession } from './session.js';
import type { DialogLeg, InviteOutcome, OutgoingInvite } from './sip-ports.js';

/** What keeps a target from being dialled, beside its limits. */
export type Obstacle = LegObstacle | 'not_registered';

/** A target with its channels asked for: granted all, or told which was full. */
export interface Reservation {
  target: Target;
  /** Where there is one, no channel is held. */
  obstacle: Obstacle | null;
  /** Phones of a line that registers; empty for everybody else. */
  contacts: LineContact[];
  requests: ChannelRequest[];
  grants: ChannelGrant[];
  /** Dialled though it does not answer OPTIONS. */
  evenDown: boolean;
  /** What the call holds of it; null where one of them was full, or there is an obstacle. */
  held: HeldChannel[] | null;
}

export type AttemptResult =
  /** `sdp`: his answer as FreeSWITCH gets it; `told`: FreeSWITCH's offer as he got it. */
  { kind: 'answered'; leg: DialogLeg; sdp: string; told: string } | { kind: 'failed'; result: LegResult };

/** Where one INVITE of a target goes. */
interface Address {
  uri: string;
  proxy: string | null;
  /** Shown in the leg where the target has several. */
  via: string | null;
}

export interface AttemptContext {
  session: CallSession;
  deps: CallDeps;
  /** FreeSWITCH's offer, the same for everybody: each gets what of it is for him. */
  sdp: string;
  /** 1-based. */
  step: number;
  /** When the target is given up, whatever of it has been tried by then, ms of a steady clock. */
  until: number;
  onProgress: (leg: Leg, status: number, sdp: string) => void;
  /** Whether the caller has heard early media: then nobody else is dialled for him. */
  heard: () => boolean;
  /** True for the first one that answers, of all phones that the call rings. */
  claim: () => boolean;
}

/**
 * Nobody picks up within less; his phone would show a missed call, and the call be told lost as unreachable. A timer comes early by as
 * much as the turn of the event loop had taken in which it was set.
 */
export const SHORTEST_RING_MS = 100;

/** RFC 3326: the other phones of a group shall not show a missed call. */
const ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"';

/**
 * One target of a step, from its channels to its outcome: a carrier's gateways one after the other, the phones of a
 * line all at once. Each INVITE is a leg of the call; all of them hold the one channel of the target.
 */
export class TargetAttempt {
  readonly #target: Target;
  readonly #invites = new Set<OutgoingInvite>();
  /** What must be off the wire before the target's channels are free again. */
  readonly #gone: Promise<void>[] = [];
  #cancelled = false;

  constructor(
    private readonly reservation: Reservation,
    private readonly context: AttemptContext,
  ) {
    this.#target = reservation.target;
  }

  async run(): Promise<AttemptResult> {
    const { obstacle, held, grants } = this.reservation;
    if (obstacle) return this.#obstructed(obstacle);
    if (!held) return this.#full(grants.findIndex((grant) => !grant.granted));
    const dialled = this.#dialAll();
    this.context.session.channels.occupy(
      held,
      dialled.then(() => Promise.all(this.#gone)),
    );
    return dialled;
  }

  /** Somebody else answered. */
  cancel(): void {
    this.#cancelled = true;
    for (const invite of this.#invites) invite.cancel(ELSEWHERE);
  }

  async #dialAll(): Promise<AttemptResult> {
    const { trunk, line } = this.#target;
    if (trunk) return this.#dialGateways(trunk.id);
    if (!line?.register) return this.#dial({ uri: this.#target.gateways[0]?.uri ?? '', proxy: null, via: null });
    const { contacts } = this.reservation;
    return this.#dialTogether(contacts.map(({ uri, proxy }) => ({ uri, proxy, via: hostOf(uri) })));
  }

  /** The next gateway is tried only for the carrier's own trouble: who answered busy is busy behind every gateway. */
  async #dialGateways(trunkId: string): Promise<AttemptResult> {
    const { deps } = this.context;
    const { gateways, full } = deps.carriers.order(trunkId, this.#target.gateways, this.reservation.evenDown);
    const several = this.#target.gateways.length > 1;
    const results: LegResult[] = [];
    for (const { uri } of gateways) {
      if (this.#over()) return { kind: 'failed', result: 'cancelled' };
      const waitMs = this.#msLeft - SHORTEST_RING_MS;
      if (waitMs <= 0) break;
      if (!(await deps.carriers.turn(trunkId, waitMs))) return this.#unreached('no_channel');
      const dialled = await this.#dial({ uri, proxy: null, via: several ? hostOf(uri) : null });
      if (dialled.kind === 'answered') return dialled;
      if (dialled.result !== 'unreachable' && dialled.result !== 'capacity') return dialled;
      if (this.context.heard()) return dialled;
      results.push(dialled.result);
    }
    // One full gateway among dead ones: whoever overflows from this target must hear of it.
    if (results.includes('capacity')) return { kind: 'failed', result: 'capacity' };
    if (full) return this.#unreached('capacity');
    return gateways.length === 0 ? this.#obstructed('down') : { kind: 'failed', result: 'unreachable' };
  }

  async #dialTogether(addresses: Address[]): Promise<AttemptResult> {
    const attempts = addresses.map((address) => this.#dial(address));
    const won = await firstAnswer(attempts);
    if (!won) return { kind: 'failed', result: await mostTellingOf(attempts) };
    for (const invite of this.#invites) invite.cancel(ELSEWHERE);
    return won;
  }

  /** One INVITE, one leg. */
  async #dial(address: Address): Promise<AttemptResult> {
    const { session, deps } = this.context;
    const leg = this.#newLeg(address.via);
    if (this.#over()) return this.#closed(leg, 'cancelled');
    const sdp = offerTo(this.context.sdp, this.#target.srtp);
    // Who is to be rung so has changed since FreeSWITCH was asked for its offer.
    if (sdp === null) return this.#closed(leg, 'incompatible');
    const ringMs = Math.max(1, this.#msLeft);
    const request = outgoingRequest(session.call, this.#target, address, sdp, ringMs, session.hopsLeft);
    const invite = session.invites.own(deps.sip.invite(request));
    this.#invites.add(invite);
    this.#gone.push(invite.gone);
    const ringing = this.#target.trunk?.earlyMedia === 'ring';
    invite.onProgress((status, progressSdp) => {
      const passed = ringing || !this.#suits(progressSdp) ? '' : answerTo(this.context.sdp, progressSdp);
      this.context.onProgress(leg, status, passed);
    });
    const outcome = await invite.outcome;
    this.#invites.delete(invite);
    if (outcome.kind === 'answered') return this.#answered(leg, outcome, sdp);
    if (this.#over()) return this.#closed(leg, 'cancelled');
    if (outcome.kind === 'unanswered') return this.#closed(leg, 'no_answer');
    if (outcome.kind !== 'failed') return this.#closed(leg, 'cancelled');
    const { failure } = outcome;
    leg.sip = failure.status;
    leg.q850 = failure.q850;
    const result = classifyFailure(failure, this.#target.capacityCodes);
    if (this.#target.trunk) deps.carriers.failed(this.#target.trunk.id, address.uri, failure, result);
    if (result === 'capacity') session.metLimit(leg.n, this.#target.limits[0]?.resource ?? '');
    session.logger.info({ target: this.#target.id, leg: leg.n, failure, result }, 'leg failed');
    return this.#closed(leg, result);
  }

  /** One time for all of it: what a silent gateway or the wait for a turn has cost, the next one does not ring. */
  get #msLeft(): number {
    return this.context.until - performance.now();
  }

  /** Somebody else answered, or the call has ended: asked anew after every wait. */
  #over(): boolean {
    return this.#cancelled || this.context.session.ended;
  }

  /** Sound that FreeSWITCH can send there, in a codec of ours and encrypted as it was offered. */
  #suits(answer: string): boolean {
    const { srtp } = this.#target;
    return hears(this.context.sdp, answer) && isSecured(answer) === srtp && offersOurCodecs(answer, srtp);
  }

  #answered(leg: Leg, outcome: Extract<InviteOutcome, { kind: 'answered' }>, told: string): AttemptResult {
    this.#gone.push(outcome.leg.gone);
    if (!this.#over() && !this.#suits(outcome.sdp)) return this.#unheard(leg, outcome);
    // Two phones picked up in the same moment, or one when the call ended: the second one, or that one, is hung up.
    if (this.#over() || !this.context.claim()) {
      inBackground(outcome.leg.bye());
      return this.#closed(leg, 'cancelled');
    }
    leg.answeredAt = iso(this.context.session.clock());
    leg.result = 'answered';
    leg.sip = 200;
    const { rotations, config } = this.context.deps;
    if (usesLastUsed(config().routes)) inBackground(rotations.used(this.#target.id));
    return { kind: 'answered', leg: outcome.leg, sdp: answerTo(this.context.sdp, outcome.sdp), told };
  }

  /**
   * Answered with no address that FreeSWITCH can reach, without the key that was offered, or with a codec that was not: the
   * next target may be heard.
   */
  #unheard(leg: Leg, outcome: Extract<InviteOutcome, { kind: 'answered' }>): AttemptResult {
    const { id } = this.#target;
    const wants = familyOf(outcome.sdp);
    this.context.session.logger.warn({ target: id, leg: leg.n, wants }, 'answered where FreeSWITCH cannot send sound');
    inBackground(outcome.leg.bye());
    leg.sip = 200;
    return this.#closed(leg, 'incompatible');
  }

  #full(index: number): AttemptResult {
    const grant = this.reservation.grants[index];
    const leg = this.#newLeg(null);
    leg.channelsInUse = grant?.inUse ?? null;
    leg.channelLimit = grant?.limit ?? null;
    this.context.session.metLimit(leg.n, this.reservation.requests[index]?.resource ?? '');
    return this.#closed(leg, 'no_channel');
  }

  #obstructed(obstacle: Obstacle): AttemptResult {
    const leg = this.#newLeg(null);
    if (obstacle === 'not_registered') return this.#closed(leg, obstacle);
    leg.obstacle = obstacle;
    return this.#closed(leg, 'unreachable');
  }

  /** Nothing was dialled: a gateway that said that it is full, or no turn. */
  #unreached(result: 'no_channel' | 'capacity'): AttemptResult {
    const leg = this.#newLeg(null);
    if (result === 'no_channel') this.context.session.metLimit(leg.n, `trunk-out:${this.#target.trunk?.id ?? ''}`);
    if (result === 'capacity') this.context.session.metLimit(leg.n, this.#target.limits[0]?.resource ?? '');
    return this.#closed(leg, result);
  }

  #closed(leg: Leg, result: LegResult): AttemptResult {
    // The end of the call has closed it, and was told so.
    leg.result ??= result;
    leg.endedAt ??= iso(this.context.session.clock());
    return { kind: 'failed', result };
  }

  #newLeg(via: string | null): Leg {
    const [grant] = this.reservation.grants;
    const leg: Leg = {
      n: this.context.session.call.legs.length + 1,
      kind: this.#target.kind,
      target: this.#target.id,
      step: this.context.step,
      via,
      startedAt: iso(this.context.session.clock()),
      ringingAt: null,
      answeredAt: null,
      endedAt: null,
      result: null,
      obstacle: null,
      sip: null,
      q850: null,
      channelsInUse: grant?.inUse ?? null,
      channelLimit: grant?.limit ?? null,
    };
    // Behind its end a call gets no more: what is kept of it is what was told.
    if (!this.context.session.ended) this.context.session.call.legs.push(leg);
    return leg;
  }
}

/** The first of `attempts` that is answered, as soon as it is; null when all have failed. */
export function firstAnswer(
  attempts: readonly Promise<AttemptResult>[],
): Promise<Extract<AttemptResult, { kind: 'answered' }> | null> {
  const answers = attempts.map(async (attempt) => {
    const result = await attempt;
    if (result.kind === 'answered') return result;
    throw new Error(result.result);
  });
  return Promise.any(answers).catch(() => null);
}

/** A contact that is gone says nothing of the line when another of its phones rang. */
async function mostTellingOf(attempts: readonly Promise<AttemptResult>[]): Promise<LegResult> {
  const results = await Promise.all(attempts);
  return mostTelling(results.map((attempt) => (attempt.kind === 'failed' ? attempt.result : 'answered')));
}

function hostOf(uri: string): string {
  return /^sips?:(?:[^@]*@)?([^;>]+)/i.exec(uri)?.[1] ?? uri;
}
