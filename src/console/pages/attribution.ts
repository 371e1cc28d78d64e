import { callerErased, correctionReason, MAX_REASON } from '../../call/amendments.js';
import type { Call } from '../../call/call.js';
import type { Holder } from '../../call/ports.js';
import { promoBody } from '../../http/call-edits.js';
import { withDeadline } from '../../lib/deadline.js';
import { GatewayError } from '../../lib/errors.js';
import type { ConsoleOptions } from '../ports.js';
import type { Route } from '../route.js';
import { callerWords } from '../view/call-row.js';
import { verdictWords } from '../view/verdict-words.js';
import type { Visit } from '../visit.js';
import { callOf } from './one-call.js';

const TIMEOUT_MS = 5_000;
/** In the form, beside `lease:<id>`. */
const NOBODY = 'nobody';

type Options = Pick<ConsoleOptions, 'calls' | 'callEditor'>;

/** Whose call it really was: an operator asks the caller for his code, or picks the visit that fits what he says. */
export function attributionRoutes(options: Options): Route[] {
  const needs = 'calls:edit';
  return [
    { method: 'get', path: '/calls/:id/attribution', needs, handle: (visit) => showChoice(visit, options) },
    { method: 'post', path: '/calls/:id/attribution', needs, handle: (visit) => correct(visit, options) },
    { method: 'post', path: '/calls/:id/promo', needs, handle: (visit) => correctByCode(visit, options) },
  ];
}

async function showChoice(visit: Visit, options: Options): Promise<void> {
  const call = await callOf(visit, options);
  if (call.caller.erased) throw callerErased();
  const holders = await withDeadline(options.callEditor.holders(call), TIMEOUT_MS, "reading a number's holders");
  visit.page('attribution', {
    call,
    title: visit.t('correct.title'),
    caller: callerWords(visit, call.caller),
    time: visit.format.time(call.startedAt, visit.zoneOf(call.site)),
    verdict: verdictWords(visit, call.attribution),
    nobody: NOBODY,
    nobodyNow: call.attribution.leaseId === null && call.attribution.rule === 'operator',
    choices: holders.map((holder) => choiceOf(visit, call, holder)),
  });
}

/** A visit to which the number was lent. */
function choiceOf(visit: Visit, call: Call, { leaseId, session, leasedAt, expiresAt }: Holder) {
  const { t, format } = visit;
  const at = Date.parse(call.startedAt);
  const { utm, keyword, landingPage } = session;
  const weight = call.attribution.candidates.find((one) => one.leaseId === leaseId)?.weight;
  const before = (ms: number): string => t('call.before', { time: format.span((at - ms) / 1000) });
  return {
    value: `lease:${leaseId}`,
    session: session.id,
    ad: [utm.source, utm.campaign, keyword ?? utm.term].filter((text) => text !== null).join(' · '),
    landing: landingPage ?? '',
    since: before(leasedAt),
    until: expiresAt >= at ? t('call.candidate.now') : before(expiresAt),
    weight: weight === undefined ? '' : format.percent(weight),
    chosen: call.attribution.leaseId === leaseId,
  };
}

async function correct(visit: Visit, options: Options): Promise<void> {
  const call = await callOf(visit, options);
  const chosen = visit.field('visit');
  const leaseId = /^lease:(.{1,256})$/s.exec(chosen)?.[1] ?? null;
  if (leaseId === null && chosen !== NOBODY)
    throw new GatewayError('GW_ERR_BAD_REQUEST', 'choose a visit, or nobody', { refusal: { reason: 'visit' } });
  const reason = correctionReason.safeParse(visit.field('reason'));
  if (!reason.success)
    throw new GatewayError('GW_ERR_BAD_REQUEST', 'say why, in at most 200 characters', {
      refusal: { reason: 'reason', values: { most: MAX_REASON } },
    });
  await done(visit, call, options.callEditor.correct(call.id, leaseId, reason.data, visit.user.name));
}

async function correctByCode(visit: Visit, options: Options): Promise<void> {
  const call = await callOf(visit, options);
  const body = promoBody.safeParse({ code: visit.field('code').replaceAll(/[\s-]/g, '') });
  if (!body.success)
    throw new GatewayError('GW_ERR_BAD_REQUEST', 'a code has three to nine digits', { refusal: { reason: 'code' } });
  await done(visit, call, options.callEditor.correctByCode(call.id, body.data.code, visit.user.name));
}

async function done(visit: Visit, call: Call, correcting: Promise<Call | null>): Promise<void> {
  const corrected = await withDeadline(correcting, TIMEOUT_MS, 'correcting a call');
  visit.go(`/calls/${call.id}${corrected === null ? '?queued=yes' : ''}`);
}
