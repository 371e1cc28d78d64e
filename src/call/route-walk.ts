import { randomUUID } from 'node:crypto';
import type { GatewayConfig, RouteConfig } from '../config/schema.js';
import { classifyFailure } from '../routing/outcome.js';
import { isFinalForTarget, nextStepIndex, reasonsOf, type TriedStep } from '../routing/plan.js';
import { resolveTarget, type Target } from '../routing/targets.js';
import { inBackground } from '../lib/background.js';
import type { HeldChannel, Leg, LegResult, Overflow } from './call.js';
import type { CallDeps } from './deps.js';
import { iso } from './document.js';
import type { ChannelGrant, ChannelRequest } from './ports.js';
import type { CallSession } from './session.js';
import type { DialogLeg, IncomingInvite } from './sip-ports.js';

export type WalkResult =
  | { kind: 'answered'; leg: DialogLeg; sdp: string }
  /** Every step was tried, or early media was heard and then refused. */
  | { kind: 'exhausted' }
  | { kind: 'call-ended' };

interface Reservation {
  target: Target;
  requests: ChannelRequest[];
  grants: ChannelGrant[];
}

/**
 * Walks a call's route on FreeSWITCH's dial-back: reserve a channel, dial, wait, next. One dial-back serves all the
 * targets, since each is offered the same SDP and only the winner's answer goes back.
 */
export class RouteWalk {
  #first: Promise<Reservation> | null = null;
  /** Targets that answered busy, declined or unknown: not rung again (RFC 3261 21.4.18, 21.6). */
  readonly #settledTargets = new Set<string>();
  #earlyMediaHeard = false;
  readonly #config: GatewayConfig;

  constructor(
    private readonly session: CallSession,
    private readonly route: RouteConfig,
    private readonly deps: CallDeps,
  ) {
    this.#config = deps.config();
  }

  /** Reserves the first target's channel while FreeSWITCH still sets up its side. */
  prepare(): void {
    const first = this.route.steps[0]?.dial?.[0];
    if (first === undefined) return;
    this.#first = this.#reserve(first);
    // Looked at when the dial-back is there; until then a rejection is nobody's.
    inBackground(this.#first.catch(() => undefined));
  }

  async run(dialBack: IncomingInvite): Promise<WalkResult> {
    let last: TriedStep | null = null;
    let index = nextStepIndex(this.route, -1, null);
    while (index !== null) {
      this.#noteOverflow(last);
      const tried = await this.#tryStep(index, dialBack);
      if ('kind' in tried) return tried;
      last = tried;
      index = nextStepIndex(this.route, index, last);
    }
    return { kind: 'exhausted' };
  }

  async #tryStep(index: number, dialBack: IncomingInvite): Promise<WalkResult | TriedStep> {
    const results: LegResult[] = [];
    for (const id of this.route.steps[index]?.dial ?? []) {
      if (this.session.ended) return { kind: 'call-ended' };
      if (this.#settledTargets.has(id)) continue;
      const tried = await this.#tryTarget(id, index, dialBack);
      if (typeof tried !== 'string') return tried;
      results.push(tried);
      if (isFinalForTarget(tried)) this.#settledTargets.add(id);
      // The caller heard the business's own announcement; what comes after it would sound like a fault.
      if (this.#earlyMediaHeard) return { kind: 'exhausted' };
    }
    return { results };
  }

  async #tryTarget(id: string, stepIndex: number, dialBack: IncomingInvite): Promise<WalkResult | LegResult> {
    const reservation = await (this.#first ?? this.#reserve(id));
    this.#first = null;
    const leg = this.#newLeg(reservation, stepIndex);
    const full = reservation.grants.findIndex((grant) => !grant.granted);
    if (full >= 0) return this.#full(leg, reservation, full);

    const held = reservation.requests.map(({ resource, token }) => ({ resource, token }));
    this.session.hold(held);
    if (this.session.ended) {
      await this.session.letGo(held);
      return { kind: 'call-ended' };
    }
    return this.#dial(leg, reservation.target, held, this.route.steps[stepIndex]?.for ?? 0, dialBack);
  }

  async #dial(
    leg: Leg,
    target: Target,
    held: HeldChannel[],
    ringMs: number,
    dialBack: IncomingInvite,
  ): Promise<WalkResult | LegResult> {
    const { call } = this.session;
    const attempt = this.session.own(
      this.deps.sip.invite({
        uri: target.gateways[0]?.uri ?? '',
        sdp: dialBack.sdp,
        from: {
          user: target.fixedCallerId ?? call.caller.number ?? 'anonymous',
          displayName: call.caller.name,
          ...(call.caller.withheld ? { host: 'anonymous.invalid' } : {}),
        },
        headers: {},
        ...(target.auth ? { auth: target.auth } : {}),
        timeoutMs: ringMs,
      }),
    );
    attempt.onProgress((status, sdp) => this.#progress(leg, status, sdp, dialBack));
    const outcome = await attempt.outcome;
    if (outcome.kind === 'answered') {
      leg.answeredAt = iso(Date.now());
      leg.result = 'answered';
      leg.sip = 200;
      this.session.adopt('business', outcome.leg);
      return { kind: 'answered', leg: outcome.leg, sdp: outcome.sdp };
    }
    // Cancelled or timed out, the far end's channel is taken until its last answer is in.
    inBackground(attempt.gone.then(() => this.session.letGo(held)));
    leg.endedAt = iso(Date.now());
    if (this.session.ended || outcome.kind !== 'failed') {
      leg.result = 'cancelled';
      return { kind: 'call-ended' };
    }
    leg.sip = outcome.failure.status;
    leg.q850 = outcome.failure.q850;
    leg.result = classifyFailure(outcome.failure, target.capacityCodes);
    if (leg.result === 'capacity') this.session.metLimit(leg.n, target.limits[0]?.resource ?? '');
    this.session.logger.info(
      { target: target.id, leg: leg.n, failure: outcome.failure, result: leg.result },
      'leg failed',
    );
    return leg.result;
  }

  /** 180 and early media reach the caller through FreeSWITCH as they come. */
  #progress(leg: Leg, status: number, sdp: string, dialBack: IncomingInvite): void {
    if (this.session.ended) return;
    leg.ringingAt ??= iso(Date.now());
    if (sdp) this.#earlyMediaHeard = true;
    dialBack.progress(sdp ? 183 : 180, sdp);
    if (!this.session.signalState('ring')) return;
    this.session.call.ringingAt = leg.ringingAt;
    this.session.record('call.ringing');
    this.session.logger.debug({ status, leg: leg.n }, 'ringing');
  }

  #full(leg: Leg, { requests, grants }: Reservation, full: number): LegResult {
    const grant = grants[full];
    leg.result = 'no_channel';
    leg.endedAt = leg.startedAt;
    leg.channelsInUse = grant?.inUse ?? null;
    leg.channelLimit = grant?.limit ?? null;
    this.session.metLimit(leg.n, requests[full]?.resource ?? '');
    return 'no_channel';
  }

  #newLeg({ target, grants }: Reservation, stepIndex: number): Leg {
    const leg: Leg = {
      n: this.session.call.legs.length + 1,
      kind: target.kind,
      target: target.id,
      step: stepIndex + 1,
      startedAt: iso(Date.now()),
      ringingAt: null,
      answeredAt: null,
      endedAt: null,
      result: null,
      sip: null,
      q850: null,
      channelsInUse: grants[0]?.inUse ?? null,
      channelLimit: grants[0]?.limit ?? null,
    };
    this.session.call.legs.push(leg);
    return leg;
  }

  async #reserve(id: string): Promise<Reservation> {
    const target = resolveTarget(this.#config, id);
    const requests = target.limits.map((limit) => ({
      ...limit,
      token: `${this.session.id}:${randomUUID().slice(0, 8)}`,
    }));
    return { target, requests, grants: await this.deps.channels.reserve(requests) };
  }

  /** Leaving a step for capacity is what the product is for: everybody is told, at once. */
  #noteOverflow(last: TriedStep | null): void {
    if (!last || !reasonsOf(last).has('overflow')) return;
    const { call } = this.session;
    const from = call.legs.findLast(({ result }) => result === 'no_channel' || result === 'capacity');
    if (!from || call.overflow) return;
    const overflow: Overflow = {
      from: from.target,
      reason: from.result === 'no_channel' ? 'no_free_channel' : 'far_end_capacity',
    };
    call.overflow = overflow;
    this.session.record('call.overflowed');
    this.deps.metrics.overflowed(overflow);
  }

  /** The call ended before the walk began: the channel reserved ahead goes back. */
  async discard(): Promise<void> {
    const first = await this.#first?.catch(() => null);
    this.#first = null;
    if (!first || first.grants.some((grant) => !grant.granted)) return;
    await this.deps.channels.release(first.requests);
  }
}
