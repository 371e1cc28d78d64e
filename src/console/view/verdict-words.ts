import type { Attribution } from '../../call/call.js';
import type { Visit } from '../visit.js';

/** How sure, and why, for people who do not know our words. */
export function verdictWords(visit: Visit, attribution: Attribution) {
  const { t, format } = visit;
  const { verdict, rule, confidence, leaseAgeSeconds, candidates } = attribution;
  const age = format.span(leaseAgeSeconds ?? 0);
  return {
    verdict: t(`verdict.${verdict}`),
    certainty: format.percent(confidence),
    confidence,
    why: rule === 'operator' ? t('why.operator') : t(`why.${verdict}`, { age }),
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
