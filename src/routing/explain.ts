import type { GatewayConfig, RouteConfig } from '../config/schema.js';
import { findRoute } from './find-route.js';
import { isOpen } from './schedule.js';
import { mayComeBack, resolveTarget } from './targets.js';

/** What is known of the moment beside the configuration; what is absent counts as free and in order. */
export interface PresentState {
  /** Channels in use by resource; null: not known. */
  inUse: ReadonlyMap<string, number> | null;
  /** Trunks that take no calls now. */
  trunksDown: ReadonlyMap<string, TrunkDown>;
  /** Lines and destinations that were taken out of service. */
  targetsDrained: ReadonlySet<string>;
  /** Lines for which no phone is registered now. */
  linesUnregistered: ReadonlySet<string>;
  /** Lines with a fixed address that does not answer OPTIONS. */
  linesDown: ReadonlySet<string>;
}

export interface TrunkDown {
  /** "is down (…)" */
  why: string;
  /** The carrier has no free channel: calls overflow. */
  full: boolean;
  /** A gateway of it does not answer OPTIONS, and has not asked to be left alone. */
  silent: boolean;
}

export const NOTHING_KNOWN: PresentState = {
  inUse: null,
  trunksDown: new Map(),
  targetsDrained: new Set(),
  linesUnregistered: new Set(),
  linesDown: new Set(),
};

/** A number as the caller dials it; `null` fields: as its site has it. */
export interface ExplainedNumber {
  number: string;
  site: string;
  kind: 'dynamic' | 'static';
  route: string | null;
  enabled: boolean;
}

interface LimitNow {
  resource: string;
  inUse: number | null;
  limit: number | null;
}

export interface ExplainedTarget {
  id: string;
  kind: 'destination' | 'line';
  limits: LimitNow[];
  /** What dialling it comes to: `rings`, or the result its leg would have at once. */
  would: 'rings' | 'no_channel' | 'unreachable' | 'not_registered';
  why: string;
  /** Passed over, but rung after all where nobody else takes the call. */
  lastResort: boolean;
}

export interface ExplainedStep {
  n: number;
  dial: string[] | null;
  announce: string | null;
  strategy: RouteConfig['steps'][number]['strategy'];
  when: RouteConfig['steps'][number]['when'];
  forSeconds: number;
  schedule: { id: string; open: boolean } | null;
  /** `now`: this is where the call would go. `if`: only if what comes before fails in one of the ways of `when`. */
  tried: 'now' | 'if' | 'no';
  why: string;
  targets: ExplainedTarget[];
}

export interface Explanation {
  number: string;
  at: string;
  site: string | null;
  timeZone: string | null;
  route: string | null;
  routeSeconds: number | null;
  steps: ExplainedStep[];
  /** The whole of it in one sentence. */
  sentence: string;
}

/**
 * What would happen to a call to `number` at `at` (ms since the epoch), and why; nothing is dialled or reserved.
 * @param number as found in the configuration or the store; null where it is nobody's
 */
export function explainRoute(
  config: GatewayConfig,
  dialled: string,
  number: ExplainedNumber | null,
  at: number,
  present: PresentState = NOTHING_KNOWN,
): Explanation {
  const { site, route } = (number && findRoute(config, number)) ?? {};
  const base = {
    number: dialled,
    at: new Date(at).toISOString(),
    site: site?.id ?? null,
    timeZone: site?.timezone ?? null,
    route: route?.id ?? null,
    routeSeconds: route ? route.for / 1000 : null,
  };
  if (!number?.enabled || !site || !route) return { ...base, steps: [], sentence: refusalOf(dialled, number) };
  const steps = explainSteps(config, { route, dialled, timeZone: site.timezone, at }, present);
  const strayed = number.route !== null && number.route !== route.id;
  const notice = strayed ? `The route "${number.route}" of this number is not configured, its site's is taken: ` : '';
  return { ...base, steps, sentence: notice + sentenceOf(steps) };
}

/** Why it leads nowhere. */
function refusalOf(dialled: string, number: ExplainedNumber | null): string {
  const rejected = 'the call is rejected with 404 (unknown_number).';
  if (!number) return `${dialled} is no tracking number of ours: ${rejected}`;
  if (!number.enabled) return `${dialled} is switched off: ${rejected}`;
  return `The site "${number.site}" of this number is not configured: ${rejected}`;
}

/** The steps in order; whether each is reached follows from what those before it come to at once. */
function explainSteps(
  config: GatewayConfig,
  { route, dialled, timeZone, at }: { route: RouteConfig; dialled: string; timeZone: string; at: number },
  present: PresentState,
): ExplainedStep[] {
  let reached: Reached = { kind: 'start' };
  return route.steps.map((step, index) => {
    const schedule = config.schedules.find(({ id }) => id === step.during);
    const open = schedule ? isOpen(schedule, timeZone, at) : true;
    const targets = (step.dial ?? []).map((id) => explainTarget(config, id, dialled, present));
    const verdict = judge(step, open, targets, reached, index === 0);
    reached = verdict.reached;
    return {
      n: index + 1,
      dial: step.dial ?? null,
      announce: step.announce ?? null,
      strategy: step.strategy,
      when: step.when,
      forSeconds: step.for / 1000,
      schedule: schedule ? { id: schedule.id, open } : null,
      tried: verdict.tried,
      why: verdict.why,
      targets,
    };
  });
}

type Condition = RouteConfig['steps'][number]['when'][number];

/** How the call comes to a step. */
type Reached =
  | { kind: 'start' }
  /** The steps before it were tried and failed at once, for these reasons. */
  | { kind: 'failed'; reasons: Condition[] }
  /** Something rings; how that ends is not known now. */
  | { kind: 'ringing' };

function judge(
  step: RouteConfig['steps'][number],
  open: boolean,
  targets: readonly ExplainedTarget[],
  reached: Reached,
  first: boolean,
): Pick<ExplainedStep, 'tried' | 'why'> & { reached: Reached } {
  if (!open) return { tried: 'no', why: `closed by ${step.during ?? ''}`, reached };
  const when = step.when.join(', ');
  if (reached.kind === 'ringing') {
    const condition = step.when.includes('always') ? 'is not answered' : `ends with ${when}`;
    return { tried: 'if', why: `if the call ${condition}`, reached };
  }
  const met = step.when.includes('always') || first;
  const reasons = reached.kind === 'failed' ? reached.reasons : [];
  if (!met && !step.when.some((condition) => reasons.includes(condition))) {
    const came = reasons.length > 0 ? `the call came by ${reasons.join(', ')}` : 'nothing has been tried';
    return { tried: 'no', why: `only on ${when}, and ${came}`, reached };
  }
  const why = reached.kind === 'start' ? 'the first that is open' : `after ${reasons.join(', ')}`;
  const rings = step.announce !== undefined || targets.some(({ would }) => would === 'rings');
  if (rings) return { tried: 'now', why, reached: { kind: 'ringing' } };
  const full = targets.some(({ would }) => would === 'no_channel');
  const away = targets.some(({ would }) => would !== 'no_channel');
  const next: Condition[] = [...(full ? (['overflow'] as const) : []), ...(away ? (['unreachable'] as const) : [])];
  return { tried: 'now', why, reached: { kind: 'failed', reasons: next } };
}

function explainTarget(config: GatewayConfig, id: string, dialled: string, present: PresentState): ExplainedTarget {
  const { kind, limits } = resolveTarget(config, id);
  // A trunk without a limit of both directions together has nothing to say beside that of its outbound side.
  const counted = limits.filter(({ resource, limit }) => limit !== null || !resource.startsWith('trunk:'));
  const now = counted.map(({ resource, limit }): LimitNow => {
    return { resource, inUse: present.inUse ? (present.inUse.get(resource) ?? 0) : null, limit };
  });
  const target = { id, kind, limits: now, lastResort: false };
  const full = now.find(({ inUse, limit }) => limit !== null && (limit === 0 || (inUse !== null && inUse >= limit)));
  const trunk = config.destinations.find((destination) => destination.id === id)?.trunk ?? '';
  const down = kind === 'destination' ? present.trunksDown.get(trunk) : undefined;
  // In the order in which a call meets it: what comes first decides whether the call overflows.
  if (present.targetsDrained.has(id)) return { ...target, would: 'unreachable', why: 'it is taken out of service' };
  if (full) return { ...target, would: 'no_channel', why: `${full.resource} is full (${useOf(full)})` };
  if (kind === 'destination' && mayComeBack(config, dialled)) {
    return { ...target, would: 'unreachable', why: `${dialled} is a destination too, the call would come back` };
  }
  if (down) {
    const would = down.full ? 'no_channel' : 'unreachable';
    return { ...target, would, why: `trunk ${trunk} ${down.why}`, lastResort: down.silent && !down.full };
  }
  if (kind === 'line' && present.linesUnregistered.has(id)) {
    return { ...target, would: 'not_registered', why: 'no phone is registered' };
  }
  if (kind === 'line' && present.linesDown.has(id)) {
    return { ...target, would: 'unreachable', why: 'it does not answer OPTIONS', lastResort: true };
  }
  return { ...target, would: 'rings', why: now.map((limit) => `${limit.resource} ${useOf(limit)}`).join(', ') };
}

const useOf = ({ inUse, limit }: LimitNow): string => `${inUse ?? '?'}/${limit ?? 'no limit'}`;

function sentenceOf(steps: readonly ExplainedStep[]): string {
  const passed = steps.filter(
    ({ tried, targets, announce }) => tried === 'now' && announce === null && !rings(targets),
  );
  const at = steps.find(({ tried, targets, announce }) => tried === 'now' && (announce !== null || rings(targets)));
  const before = passed.flatMap(({ targets }) => targets.map(({ id, why }) => `${id} is passed over, ${why}`));
  const prefix = before.length > 0 ? `${before.join('; ')}: ` : '';
  if (!at || at.announce !== null) {
    const end = at ? `step ${at.n} plays its announcement and the call is refused` : 'the call is lost';
    const silent = passed.flatMap(({ targets }) => targets.filter(({ lastResort }) => lastResort));
    if (silent.length === 0) return `${prefix}${at ? '' : 'nobody can be rung now: '}${end}.`;
    const last = [...new Set(silent.map(({ id }) => id))].join(', ');
    return `${prefix}nobody else can be rung now, so ${last} is tried after all; where that is in vain, ${end}.`;
  }
  const ringing = at.targets.filter(({ would }) => would === 'rings').map(({ id }) => id);
  const who = at.strategy === 'in-order' ? ringing.slice(0, 1) : ringing;
  const how = who.length < 2 ? '' : at.strategy === 'all-at-once' ? ' all at once' : ` by ${at.strategy}`;
  return `${prefix}step ${at.n} rings ${who.join(', ')}${how} for ${at.forSeconds} s.`;
}

const rings = (targets: readonly ExplainedTarget[]): boolean => targets.some(({ would }) => would === 'rings');
