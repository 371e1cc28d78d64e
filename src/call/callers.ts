import type { ScreeningConfig } from '../screening/rules.js';
import { screen } from '../screening/rules.js';
import type { GatewayConfig } from '../config/schema.js';
import type { Call } from './call.js';
import type { CallDeps } from './deps.js';
import { addTag, iso } from './document.js';
import type { AdmissionAnswer, CallerHistory } from './ports.js';

/** What is known of the caller goes into the call: his history, the tag `repeat`, and what screening makes of him. */
export function describeCaller(
  call: Call,
  answer: Pick<AdmissionAnswer, 'history' | 'rangeCalls'>,
  at: number,
  deps: Pick<CallDeps, 'config' | 'callers'>,
): void {
  describeHistory(call, answer.history, at, deps);
  const site = deps.config().sites.find(({ id }) => id === call.site);
  if (site) screenCaller(call, answer, at, site.id, site.screening, deps);
}

/** Only his history, and the tag: for a call that has been let in already. */
export function describeHistory(
  call: Call,
  history: CallerHistory | null,
  at: number,
  deps: Pick<CallDeps, 'config'>,
): void {
  if (!history) return;
  call.caller.firstCall = history.previousCalls === 0;
  call.caller.previousCalls = history.previousCalls;
  call.caller.lastCallAt = history.lastCallAt === null ? null : iso(history.lastCallAt);
  call.caller.lastDisposition = history.lastDisposition;
  const site = deps.config().sites.find(({ id }) => id === call.site);
  if (site && isRepeat(history, at, site.repeat)) addTag(call, { name: 'repeat', by: 'gateway', at: iso(at) });
}

function isRepeat(
  { lastCallAt, lastAnsweredAt }: CallerHistory,
  at: number,
  { tag, within, after }: GatewayConfig['sites'][number]['repeat'],
): boolean {
  const last = after === 'answered' ? lastAnsweredAt : lastCallAt;
  return tag && last !== null && at - last <= within;
}

function screenCaller(
  call: Call,
  { history, rangeCalls }: Pick<AdmissionAnswer, 'history' | 'rangeCalls'>,
  at: number,
  site: string,
  config: ScreeningConfig,
  { callers }: Pick<CallDeps, 'callers'>,
): void {
  const question = { caller: call.caller.number, trackingNumber: call.trackingNumber, at, history, rangeCalls };
  call.screening = screen(question, config, callers.lists(site));
  if (call.screening) addTag(call, { name: 'suspicious', by: 'gateway', at: iso(at) });
}
