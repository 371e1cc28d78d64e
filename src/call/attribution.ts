import { configSchema, type GatewayConfig } from '../config/schema.js';
import { attribute, type AttributionRules } from '../numbers/verdict.js';
import type { Attribution } from './call.js';
import type { CallDeps } from './deps.js';
import type { AdmissionAnswer, KnownCaller } from './ports.js';

/**
 * The verdict on a call that came at `at`, by its site's rules and what is known of how its visitors call.
 * `known`: whose its caller was then.
 */
export function judge(
  answer: Pick<AdmissionAnswer, 'number' | 'lease' | 'holders'>,
  known: KnownCaller | null,
  at: number,
  deps: Pick<CallDeps, 'config' | 'callRates'>,
): Attribution {
  const number = answer.number?.enabled ? answer.number : null;
  const site = number?.site ?? '';
  const question = { number, lease: answer.lease, holders: answer.holders, known };
  return attribute(question, at, rulesOf(site, deps.config()), deps.callRates.of(site));
}

/** Numbers in Redis may name a site that the configuration has lost. */
const BY_DEFAULT = configSchema.shape.sites.element.shape.attribution.parse(undefined);

function rulesOf(site: string, { sites }: Pick<GatewayConfig, 'sites'>): AttributionRules {
  return sites.find(({ id }) => id === site)?.attribution ?? BY_DEFAULT;
}
