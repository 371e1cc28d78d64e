import { randomUUID } from 'node:crypto';
import type { GatewayConfig, RouteConfig } from '../config/schema.js';
import { inBackground } from '../lib/background.js';
import { isOverTls } from '../lib/sip-transport.js';
import { isFinalForTarget, nextStepIndex, reasonsOf, type TriedStep } from '../routing/plan.js';
import { isOpen } from '../routing/schedule.js';
import { orderTargets, type Rotation } from '../routing/strategy.js';
import { mayComeBack, resolveTarget, type Target } from '../routing/targets.js';
import type { Leg, LegResult, LossReason, Overflow } from './call.js';
import type { CallDeps } from './deps.js';
import { iso } from './document.js';
import type { CallSession } from './session.js';
import type { LineContact } from './ports.js';
import type { DialogLeg, IncomingInvite } from './sip-ports.js';
import {
  firstAnswer,
  SHORTEST_RING_MS,
  TargetAttempt,
  type AttemptResult,
  type Obstacle,
  type Reservation,
} from './target-attempt.js';

export type WalkResult =
  /** `early`: what FreeSWITCH was told before the answer of where sound goes; '' where nothing was. */
  | { kind: 'answered'; leg: DialogLeg; sdp: string; told: string; early: string }
  /** Every step was tried, or early media was heard and then refused. */
  | { kind: 'exhausted'; announcement: string | null; loss: LossReason | null }
  | { kind: 'call-ended' };

type Step = RouteConfig['steps'][number];

/** A step's targets in the order of its strategy, with the channels that were asked for ahead. */
interface PreparedStep {
  targets: string[];
  ahead: Map<string, Promise<Reservation>>;
}

const WRITTEN_ORDER: Rotation = { turn: 0, lastUsed: new Map() };

/**
 * Walks a call's route on FreeSWITCH's dial-back: reserve a channel, dial, wait, next. One dial-back serves all the
 * targets, since each is offered the same SDP and only the winner's answer goes back.
 */
export class RouteWalk {
  #first: { index: number; step: Promise<PreparedStep> } | null = null;
  /** Targets that answered busy, declined or unknown: not rung again (RFC 3261 21.4.18, 21.6). */
  readonly #settledTargets = new Set<string>();
  /** Lines and destinations that were not dialled only because they, or their trunks, do not answer OPTIONS; in which step (index). */
  readonly #passedOver = new Map<string, number>();
  #earlyMediaHeard = false;
  #earlySdp = '';
  #taken = false;
  /** When the caller has heard ringing for as long as the route allows, ms of a steady clock: the wall's may be set meanwhile. */
  readonly #deadline: number;

  /** @param config that of `route`: a reload may have taken out whom it names */
  constructor(
    private readonly session: CallSession,
    private readonly route: RouteConfig,
    private readonly deps: CallDeps,
    private readonly config: GatewayConfig,
  ) {
    this.#deadline = performance.now() + route.for;
  }

  /** Reserves the first step's channels while FreeSWITCH still sets up its side. */
  prepare(): void {
    const index = this.#nextIndex(-1, null);
    const step = index === null ? undefined : this.route.steps[index];
    if (index === null || !step) return;
    this.#first = { index, step: this.#prepareStep(index, step) };
    // Looked at when the dial-back is there; until then a rejection is nobody's.
    inBackground(this.#first.step.catch(() => undefined));
  }

  async run(dialBack: IncomingInvite): Promise<WalkResult> {
    let last: TriedStep | null = null;
    let announcement = this.route.announcement ?? null;
    let index = this.#nextIndex(-1, null);
    while (index !== null) {
      const step = this.route.steps[index];
      if (!step || this.session.ended) break;
      if (step.announce !== undefined) {
        announcement = step.announce;
        break;
      }
      this.#noteOverflow(last);
      const tried = await this.#tryStep(index, step, dialBack);
      if ('kind' in tried) return tried;
      last = tried;
      if (this.#isOver) break;
      index = this.#nextIndex(index, last);
    }
    const taken = await this.#tryPassedOver(last, dialBack);
    if (taken) return taken;
    if (this.session.ended) return { kind: 'call-ended' };
    // Who has heard the business's own sound hears no second one.
    if (this.#earlyMediaHeard) announcement = null;
    return { kind: 'exhausted', announcement, loss: this.#closedLoss(last) };
  }

  /** Nobody more is to be dialled. */
  get #isOver(): boolean {
    return this.session.ended || this.#earlyMediaHeard || performance.now() >= this.#deadline - SHORTEST_RING_MS;
  }

  #nextIndex(lastIndex: number, last: TriedStep | null): number | null {
    return nextStepIndex(
      this.route,
      lastIndex,
      last,
      (index) => this.#isOpen(this.route.steps[index]) && !this.#isSettled(this.route.steps[index]),
    );
  }

  /** Whoever it would ring has refused already: the step is passed over, and what the one before failed for still counts. */
  #isSettled(step: Step | undefined): boolean {
    return step?.dial?.every((id) => this.#settledTargets.has(id)) ?? false;
  }

  /** Nobody was dialled, because whoever would have been is closed. */
  #closedLoss(last: TriedStep | null): LossReason | null {
    const closed = this.route.steps.some((step) => step.dial !== undefined && !this.#isOpen(step));
    return last === null && closed ? 'schedule' : null;
  }

  #isOpen(step: Step | undefined): boolean {
    const schedule = this.config.schedules.find(({ id }) => id === step?.during);
    if (!schedule) return true;
    const site = this.config.sites.find(({ id }) => id === this.session.call.site);
    return isOpen(schedule, site?.timezone ?? 'UTC', Date.parse(this.session.call.startedAt));
  }

  async #prepareStep(index: number, step: Step): Promise<PreparedStep> {
    const dial = (step.dial ?? []).filter((id) => !this.#settledTargets.has(id));
    const turning = step.strategy === 'round-robin' || step.strategy === 'least-recent';
    const rotation = turning ? await this.deps.rotations.take(`${this.route.id}:${index}`, dial) : WRITTEN_ORDER;
    const targets = orderTargets(dial, step.strategy, rotation);
    const ahead = step.strategy === 'all-at-once' ? targets : targets.slice(0, 1);
    return { targets, ahead: new Map(ahead.map((id) => [id, this.#reserve(id)])) };
  }

  async #tryStep(index: number, step: Step, dialBack: IncomingInvite): Promise<WalkResult | TriedStep> {
    const prepared = await (this.#first?.index === index ? this.#first.step : this.#prepareStep(index, step));
    this.#first = null;
    const together = step.strategy === 'all-at-once';
    const attemptOn = async (id: string): Promise<TargetAttempt> => {
      const reservation = await (prepared.ahead.get(id) ?? this.#reserve(id));
      if (this.#onlyLooksDown(reservation)) this.#passedOver.set(id, index);
      else this.#passedOver.delete(id);
      return this.#attemptOn(reservation, index, together, dialBack);
    };
    return together ? this.#tryTogether(prepared.targets, attemptOn) : this.#tryInTurn(prepared.targets, attemptOn);
  }

  /**
   * At the end of the route, before the caller is lost: who was wrongly taken for dead shall not cost the call. All of
   * them at once, since each that is dead indeed costs seconds. Null where nobody took it.
   */
  async #tryPassedOver(last: TriedStep | null, dialBack: IncomingInvite): Promise<WalkResult | null> {
    const targets = [...this.#passedOver.keys()];
    if (targets.length === 0 || this.#isOver) return null;
    this.#noteOverflow(last);
    const attemptOn = async (id: string): Promise<TargetAttempt> => {
      const reservation = await this.#reserve(id, true);
      return this.#attemptOn(reservation, this.#passedOver.get(id) ?? 0, targets.length > 1, dialBack);
    };
    const tried = await this.#tryTogether(targets, attemptOn);
    return 'kind' in tried ? tried : null;
  }

  #attemptOn(reservation: Reservation, index: number, together: boolean, dialBack: IncomingInvite): TargetAttempt {
    const forMs = this.route.steps[index]?.for ?? 0;
    return new TargetAttempt(reservation, {
      session: this.session,
      deps: this.deps,
      sdp: dialBack.sdp,
      step: index + 1,
      until: Math.min(performance.now() + forMs, this.#deadline),
      claim: () => this.#claim(),
      heard: () => this.#earlyMediaHeard,
      onProgress: (leg, status, sdp) => this.#progress(leg, status, together ? '' : sdp, dialBack),
    });
  }

  async #tryInTurn(
    targets: string[],
    attemptOn: (id: string) => Promise<TargetAttempt>,
  ): Promise<WalkResult | TriedStep> {
    const results: LegResult[] = [];
    for (const id of targets) {
      if (this.session.ended) return { kind: 'call-ended' };
      const attempt = await attemptOn(id);
      const result = await attempt.run();
      if (result.kind === 'answered') return this.#won(result);
      this.#note(id, result.result, results);
      if (this.#isOver) break;
    }
    return this.session.ended ? { kind: 'call-ended' } : { results };
  }

  /** All ring; who picks up first has the call, the others are told that it was answered elsewhere. */
  async #tryTogether(
    targets: string[],
    attemptOn: (id: string) => Promise<TargetAttempt>,
  ): Promise<WalkResult | TriedStep> {
    const attempts = await Promise.all(targets.map(attemptOn));
    const running = attempts.map((attempt) => attempt.run());
    const won = await firstAnswer(running);
    if (won) {
      for (const attempt of attempts) attempt.cancel();
      return this.#won(won);
    }
    if (this.session.ended) return { kind: 'call-ended' };
    const results: LegResult[] = [];
    for (const [i, result] of (await Promise.all(running)).entries()) {
      if (result.kind === 'failed') this.#note(targets[i] ?? '', result.result, results);
    }
    return { results };
  }

  /** Two phones may answer in one and the same moment: the call is the first one's, said before anybody else is asked. */
  #claim(): boolean {
    const first = !this.#taken;
    this.#taken = true;
    return first;
  }

  #won({ leg, sdp, told }: Extract<AttemptResult, { kind: 'answered' }>): WalkResult {
    this.session.adopt('business', leg);
    return { kind: 'answered', leg, sdp, told, early: this.#earlySdp };
  }

  #note(id: string, result: LegResult, results: LegResult[]): void {
    results.push(result);
    if (isFinalForTarget(result) && !this.route.retryRefused) this.#settledTargets.add(id);
  }

  /** 180 and early media reach the caller through FreeSWITCH as they come. */
  #progress(leg: Leg, status: number, sdp: string, dialBack: IncomingInvite): void {
    if (this.session.ended) return;
    leg.ringingAt ??= iso(this.session.clock());
    if (sdp && this.session.hearsEarlyMedia) this.#earlyMediaHeard = true;
    // FreeSWITCH follows each of them, as another of a carrier's forks brings it.
    if (sdp) this.#earlySdp = sdp;
    dialBack.progress(sdp ? 183 : 180, sdp);
    this.session.ring();
    if (!this.session.signalState('ring')) return;
    this.session.call.ringingAt = leg.ringingAt;
    this.session.record('call.ringing');
    this.session.logger.debug({ status, leg: leg.n }, 'ringing');
  }

  /** @param evenDown whether somebody is dialled who does not answer OPTIONS */
  async #reserve(id: string, evenDown = false): Promise<Reservation> {
    const target = resolveTarget(this.config, id);
    const registered = target.line?.register ? await this.deps.lineContacts.contactsOf(id) : [];
    // By UDP or TCP everybody on the way could read the key.
    const contacts = target.srtp ? registered.filter(({ uri, proxy }) => isOverTls(proxy ?? uri)) : registered;
    const requests = target.limits.map((limit) => ({
      ...limit,
      token: `${this.session.id}:${randomUUID().slice(0, 8)}`,
    }));
    const asked = { target, contacts, requests, evenDown };
    if (this.deps.drains.has(target.kind, id)) return { ...asked, obstacle: 'drained', grants: [], held: null };
    const obstacle = this.#obstacleTo(target, contacts, evenDown);
    // Held for the moment until that is noticed, its channel would be missing to the next call, which would overflow where
    // this one goes on as `unreachable`.
    const grants = await (obstacle ? this.deps.channels.look(requests) : this.deps.channels.reserve(requests));
    if (!grants.every(({ granted }) => granted)) return { ...asked, obstacle: null, grants, held: null };
    if (obstacle) return { ...asked, obstacle, grants, held: null };
    const held = requests.map(({ resource, token }) => ({ resource, token }));
    // From now on, be it before FreeSWITCH has dialled back: what the call does not hold is not renewed.
    this.session.channels.hold(held);
    return { ...asked, obstacle, grants, held };
  }

  /** Who was drained, is full, or asked not to be dialled has said so himself: he is not dialled in any case. */
  #onlyLooksDown({ obstacle, target, contacts }: Reservation): boolean {
    return obstacle === 'down' && this.#obstacleTo(target, contacts, true) === null;
  }

  /** Why there is nothing to dial; null where there is. */
  #obstacleTo(
    { id, line, trunk, gateways }: Target,
    contacts: readonly LineContact[],
    evenDown: boolean,
  ): Obstacle | null {
    if (line?.register && contacts.length === 0) return 'not_registered';
    if (!trunk) return !evenDown && this.deps.lineHealth.isDown(id) ? 'down' : null;
    if (mayComeBack(this.config, this.session.call.trackingNumber)) {
      this.session.logger.warn({ target: id }, 'the number called is a destination: not dialled over a trunk');
      return 'loop';
    }
    // One that is full by its carrier's word is asked for a channel: the reports count it among those that wanted one.
    const choice = this.deps.carriers.order(trunk.id, gateways, evenDown);
    if (choice.gateways.length > 0 || choice.full) return null;
    return this.deps.drains.has('trunk', trunk.id) ? 'drained' : 'down';
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
}
