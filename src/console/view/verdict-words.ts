import type { Attribution } from '../../call/call.js';
import type { Visit } from '../visit.js';

/** Several may have called, and none of them more likely than not: booked on nobody. */
const isNobodyLikely = ({ verdict, rule }: Pick<Attribution, 'verdict' | 'rule'>): boolean =>
  verdict === 'ambiguous' && rule.startsWith('nobody-likely');

/** The verdict in a few words. */
export function verdictName(
  { t, format }: Visit,
  attribution: Pick<Attribution, 'verdict' | 'rule' | 'candidates'>,
): string {
  if (!isNobodyLikely(attribution)) return t(`verdict.${attribution.verdict}`);
  const [first] = attribution.candidates;
  if (!first) return t('verdict.nobody');
  return t('verdict.nobodyBut', { session: first.sessionId, weight: format.percent(first.weight) });
}

/** How sure, and why, for people who do not know our words. */
export function verdictWords(visit: Visit, attribution: Attribution) {
  const { t, format } = visit;
  const { verdict, rule, confidence, leaseAgeSeconds, candidates } = attribution;
  const age = format.span(leaseAgeSeconds ?? 0);
  return {
    verdict: verdictName(visit, attribution),
    certainty: format.percent(confidence),
    confidence,
    why:
      rule === 'operator'
        ? t('why.operator')
        : t(isNobodyLikely(attribution) ? 'why.nobody' : `why.${verdict}`, { age }),
    rule,
    facts: factsOf(visit, attribution),
    candidates: candidates.map((one) => ({
      session: one.sessionId,
      weight: format.percent(one.weight),
      since: t('call.before', { time: format.span(one.leaseAgeSeconds) }),
      until:
        one.leaseEndedSecondsAgo === null
          ? t('call.candidate.now')
          : t('call.before', { time: format.span(one.leaseEndedSecondsAgo) }),
    })),
  };
}

/** What is known of the visit or the ad, as pairs of name and value. */
function factsOf({ t }: Visit, { session, source }: Attribution): { name: string; value: string; link: boolean }[] {
  const facts: [string, string | null | undefined][] = [
    [t('call.source'), session?.utm.source],
    [t('call.medium'), session?.utm.medium],
    [t('call.campaign'), session?.utm.campaign],
    [t('call.content'), session?.utm.content],
    [t('call.keyword'), session?.keyword ?? session?.utm.term],
    [t('call.landing'), session?.landingPage],
    [t('call.referrer'), session?.referrer],
    [t('call.session'), session?.id],
    ...Object.entries(source ?? {}).map(([name, value]): [string, string] => [`${t('call.boundTo')}: ${name}`, value]),
  ];
  return facts.flatMap(([name, value]) =>
    // Only what leads to the web may become a link: the value comes from a visitor's browser.
    value ? [{ name, value, link: /^https?:\/\/[^\s]+$/i.test(value) }] : [],
  );
}
