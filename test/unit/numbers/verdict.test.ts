import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Holder, KnownCaller, TrackingNumber } from '../../../src/call/ports.js';
import { DEFAULT_RATES } from '../../../src/numbers/call-rates.js';
import { judgedByCode, attribute, type AttributionRules, type VerdictQuestion } from '../../../src/numbers/verdict.js';
import { exampleHolder } from '../../redis/examples.js';

const AT = 100_000_000;
const RULES: AttributionRules = { graceSeconds: 900, returningDays: 30, sureFrom: 0.95 };
const NUMBER: TrackingNumber = {
  number: '+74951111111',
  site: 'divan',
  kind: 'dynamic',
  route: null,
  source: null,
  enabled: true,
};

/** Somebody who had the number from `from` to `to` seconds before the call. */
function holder(name: string, from: number, to: number): Holder {
  const session = { ...exampleHolder().session, id: `session-${name}`, visitorId: `visitor-${name}` };
  const times = { leasedAt: AT - from * 1000, expiresAt: AT - to * 1000 };
  return exampleHolder({ leaseId: `lease-${name}`, sessionId: session.id, session, ...times });
}

const known = (name: string, fields: Partial<KnownCaller> = {}): KnownCaller => ({
  session: holder(name, 0, 0).session,
  leaseId: `lease-${name}`,
  confidence: 1,
  at: AT - 600_000,
  ...fields,
});

const judge = (question: Partial<VerdictQuestion>, rules: Partial<AttributionRules> = {}) =>
  attribute({ number: NUMBER, lease: null, holders: [], ...question }, AT, { ...RULES, ...rules });

const lentTo = (present: Holder, ...former: Holder[]) => ({ lease: present, holders: [present, ...former] });

describe('whose call is it', () => {
  it('nobody knows of an unknown number', () => {
    expect(judge({ number: null, holders: [holder('a', 60, 10)] })).toMatchObject({ verdict: 'none', confidence: 0 });
  });

  it('exact: a lease covers the arrival and nobody else has seen the number lately', () => {
    expect(judge(lentTo(holder('a', 64, -600)))).toMatchObject({
      verdict: 'exact',
      confidence: 1,
      rule: 'active-lease',
      leaseId: 'lease-a',
      leaseAgeSeconds: 64,
      session: { id: 'session-a' },
      candidates: [],
    });
    // From a day on a former holder is a stranger.
    expect(judge(lentTo(holder('b', 1000, -600), holder('a', 90_000, 86_400))).confidence).toBe(1);
    // He came back and got the same number again.
    const [again, before] = [holder('a', 64, -600), { ...holder('a', 900, 200), leaseId: 'lease-before' }];
    expect(judge(lentTo(again, before))).toMatchObject({ verdict: 'exact', confidence: 1, leaseId: 'lease-a' });
  });

  it('exact, with the share of a holder whose grace time is over taken off, who is not named', () => {
    // 0.8 / 600 against 0.2 (4^-1.5 - 7^-1.5) / 1800 and 5e-6 of strangers: 1.33333e-3 of 1.34622e-3.
    expect(judge(lentTo(holder('b', 1000, -600), holder('a', 2600, 2000)))).toMatchObject({
      verdict: 'exact',
      leaseId: 'lease-b',
      confidence: 0.99,
      candidates: [],
    });
  });

  it('one candidate is not ambiguous, however unsure', () => {
    // 0.02 × 0.8 / 600 against 0.2 (4^-1.5 - 7^-1.5) / 1800 and 5e-6: 2.667e-5 of 3.955e-5.
    expect(judge(lentTo(holder('b', 1, -600), holder('a', 2600, 2000)))).toMatchObject({
      verdict: 'exact',
      leaseId: 'lease-b',
      confidence: 0.674,
      candidates: [],
    });
  });

  it('nobody is booked where even the likeliest has less than an even chance', () => {
    // 0.02 × 0.8 / 600 against 0.2 (2.5^-1.5 - 4^-1.5) / 900 and 5e-6: 2.667e-5 of 6.011e-5.
    expect(judge(lentTo(holder('b', 1, -600), holder('a', 2000, 1000)))).toMatchObject({
      verdict: 'ambiguous',
      rule: 'nobody-likely',
      confidence: 0,
      leaseId: null,
      session: null,
      candidates: [{ leaseId: 'lease-b', weight: 0.444 }],
    });
  });

  it('a phone is no surer than the call by which it is known', () => {
    const verdict = judge({ holders: [holder('a', 900, 60)], known: known('a', { confidence: 0.6 }) });
    expect(verdict).toMatchObject({ leaseId: 'lease-a', confidence: 0.6 });
  });

  it('static: the number itself says where the caller comes from', () => {
    const number = { ...NUMBER, kind: 'static' as const, source: { label: 'MKAD 32 km' } };
    const verdict = judge({ number, ...lentTo(holder('a', 64, -600)) });
    expect(verdict).toMatchObject({ verdict: 'static', confidence: 1, source: { label: 'MKAD 32 km' }, session: null });
  });

  it('tells what a dynamic number is bound to as well, whoever calls it', () => {
    const question = { number: { ...NUMBER, source: { label: 'the blog' } }, known: known('a') };
    const told = [lentTo(holder('a', 64, -600)), { holders: [holder('a', 400, 100)] }, {}, { known: null }].map(
      (more) => judge({ ...question, ...more }),
    );
    expect(told.map(({ verdict }) => verdict)).toEqual(['exact', 'grace', 'returning', 'none']);
    expect(told.map(({ source }) => source?.['label'])).toEqual(told.map(() => 'the blog'));
  });

  it.each([
    [0, 'grace'],
    [899, 'grace'],
    [900, 'grace'],
    [901, 'none'],
  ])('%d s after the last lease ended: %s', (ago, verdict) => {
    const found = judge({ holders: [holder('a', ago + 300, ago)] });
    expect(found.verdict).toBe(verdict);
    expect(found.session?.id ?? null).toBe(verdict === 'grace' ? 'session-a' : null);
  });

  it('grace is the surer the sooner after the lease', () => {
    const confidences = [5, 200, 400, 800].map((ago) => judge({ holders: [holder('a', ago + 300, ago)] }).confidence);
    expect(confidences).toEqual([...confidences].sort((a, b) => b - a));
    expect(confidences[0]).toBeGreaterThan(0.95);
    expect(confidences[3]).toBeLessThan(0.95);
  });

  it('no grace at all where the site gives none', () => {
    expect(judge({ holders: [holder('a', 300, 0)] }, { graceSeconds: 0 }).verdict).toBe('none');
    const relent = judge(lentTo(holder('b', 5, -600), holder('a', 300, 5)), { graceSeconds: 0 });
    expect(relent).toMatchObject({ verdict: 'ambiguous', candidates: [{ leaseId: 'lease-b' }] });
  });

  it('ambiguous: re-lent minutes ago, the present holder is the first candidate', () => {
    const verdict = judge(lentTo(holder('b', 120, -600), holder('a', 600, 180)));
    expect(verdict).toMatchObject({ verdict: 'ambiguous', rule: 're-lent-number', leaseId: 'lease-b' });
    expect(verdict.candidates).toMatchObject([
      { leaseId: 'lease-b', sessionId: 'session-b', leaseAgeSeconds: 120, leaseEndedSecondsAgo: null },
      { leaseId: 'lease-a', sessionId: 'session-a', leaseAgeSeconds: 600, leaseEndedSecondsAgo: 180 },
    ]);
    expect(verdict.confidence).toBe(verdict.candidates[0]?.weight);
  });

  it('ambiguous: re-lent a second ago, nobody reads and dials that fast', () => {
    const verdict = judge(lentTo(holder('b', 1, -600), holder('a', 300, 1)));
    expect(verdict).toMatchObject({ verdict: 'ambiguous', leaseId: 'lease-a', session: { id: 'session-a' } });
    expect(verdict.candidates.map(({ leaseId }) => leaseId)).toEqual(['lease-a', 'lease-b']);
  });

  it('exact, if less than certain, where an earlier holder hardly calls any more', () => {
    const verdict = judge(lentTo(holder('b', 300, -600), holder('a', 1200, 850)));
    expect(verdict).toMatchObject({ verdict: 'exact', leaseId: 'lease-b' });
    expect(verdict.confidence).toBeLessThan(1);
    expect(verdict.candidates).toHaveLength(2);
  });

  it('ambiguous between two former holders', () => {
    const verdict = judge({ holders: [holder('b', 200, 100), holder('a', 600, 210)] });
    expect(verdict).toMatchObject({ verdict: 'ambiguous', leaseId: 'lease-b' });
  });

  it('a lease ended at the latest when the next one began', () => {
    // The outsider who lent the number again never shortened the first lease.
    const verdict = judge(lentTo(holder('b', 120, -600), holder('a', 600, -300)));
    expect(verdict.candidates[1]).toMatchObject({ leaseId: 'lease-a', leaseEndedSecondsAgo: 120 });
  });

  it('a lease that was taken back before its time ended just now', () => {
    expect(judge({ holders: [holder('a', 60, -600)] })).toMatchObject({ verdict: 'grace', leaseId: 'lease-a' });
  });

  it('a caller who has called as one of the candidates is hardly another one', () => {
    const number = lentTo(holder('b', 120, -600), holder('a', 600, 180));
    expect(judge({ ...number, known: known('a') })).toMatchObject({ verdict: 'ambiguous', leaseId: 'lease-a' });
    const sure = judge({ ...number, known: known('b') });
    expect(sure).toMatchObject({ verdict: 'exact', leaseId: 'lease-b' });
    expect(sure.confidence).toBeGreaterThan(judge(number).confidence);
    // Another session of the same visitor.
    const again = known('c', { session: { ...holder('c', 0, 0).session, visitorId: 'visitor-b' } });
    expect(judge({ ...number, known: again }).verdict).toBe('exact');
  });

  it('a phone that calls the number again is its earlier holder, long after his grace time', () => {
    const number = lentTo(holder('b', 120, -600), holder('a', 9000, 7200));
    expect(judge(number)).toMatchObject({ verdict: 'exact', leaseId: 'lease-b', confidence: 0.996 });
    const again = judge({ ...number, known: known('a', { at: AT - 7_200_000 }) });
    expect(again).toMatchObject({ verdict: 'ambiguous', leaseId: 'lease-a' });
    expect(again.candidates).toHaveLength(2);
    // He has had another visit since.
    const own = lentTo(holder('a2', 120, -600), holder('a', 9000, 7200));
    own.lease.session.visitorId = 'visitor-a';
    expect(judge({ ...own, known: known('a', { at: AT - 7_200_000 }) })).toMatchObject({ leaseId: 'lease-a2' });
    // In somebody's grace time.
    const late = [holder('b', 300, 60), holder('a', 9000, 7200)];
    expect(judge({ holders: late, known: known('a') })).toMatchObject({ verdict: 'returning', leaseId: 'lease-a' });
    expect(judge({ holders: late, known: known('a', { at: AT - 31 * 86_400_000 }) }).verdict).toBe('grace');
  });

  it('returning: nobody has the number, but the caller is known', () => {
    expect(judge({ known: known('a') })).toMatchObject({
      verdict: 'returning',
      rule: 'earlier-call',
      confidence: 1,
      leaseId: 'lease-a',
      leaseAgeSeconds: null,
      session: { id: 'session-a' },
    });
    const daysAgo = (days: number) => judge({ known: known('a', { at: AT - days * 86_400_000 }) });
    expect(daysAgo(15).confidence).toBe(0.75);
    expect(daysAgo(30).confidence).toBe(0.5);
    expect(daysAgo(30.1).verdict).toBe('none');
    expect(judge({ known: known('a') }, { returningDays: 0 }).verdict).toBe('none');
  });

  it('a lease of his own counts more than an earlier call', () => {
    expect(judge({ ...lentTo(holder('b', 20, -600)), known: known('a') })).toMatchObject({
      verdict: 'exact',
      leaseId: 'lease-b',
      confidence: 1,
    });
  });

  it('promo: the code says who he is, whatever the number says', () => {
    expect(judgedByCode(holder('p', 3000, -600), AT)).toMatchObject({
      verdict: 'promo',
      confidence: 1,
      rule: 'promo-code',
      leaseId: 'lease-p',
      session: { id: 'session-p' },
    });
  });

  it('rates measured at the site say so in the rule', () => {
    const number = lentTo(holder('b', 120, -600), holder('a', 600, 180));
    const rates = { ...DEFAULT_RATES, measured: true };
    expect(attribute({ number: NUMBER, ...number }, AT, RULES, rates).rule).toBe('re-lent-number-measured');
  });

  it('holds for any holders: weights add up to 1 at most, the first is the likeliest, nobody old is named', () => {
    const span = fc.tuple(fc.integer({ min: -2000, max: 5000 }), fc.integer({ min: 0, max: 3000 }));
    fc.assert(
      fc.property(fc.array(span, { maxLength: 20 }), fc.boolean(), fc.boolean(), (spans, lent, repeat) => {
        const holders = spans
          .map(([to, length], i) => holder(String(i), Math.max(0, to + length), Math.min(to, to + length)))
          .sort((a, b) => b.leasedAt - a.leasedAt);
        const lease = lent ? (holders.find(({ expiresAt }) => expiresAt > AT) ?? null) : null;
        const verdict = judge({ lease, holders, known: repeat ? known('0') : null });
        const weights = verdict.candidates.map(({ weight }) => weight);
        expect(weights.reduce((a, b) => a + b, 0)).toBeLessThan(1.02);
        expect([...weights].sort((a, b) => b - a)).toEqual(weights);
        expect(verdict.confidence).toBeGreaterThanOrEqual(0);
        expect(verdict.confidence).toBeLessThanOrEqual(1);
        if (verdict.verdict === 'exact') expect(verdict.leaseId).toBe(lease?.leaseId);
        if (verdict.verdict === 'grace') expect(lease).toBeNull();
        for (const { leaseId, leaseEndedSecondsAgo } of verdict.candidates)
          if (leaseId !== 'lease-0') expect(leaseEndedSecondsAgo ?? 0).toBeLessThanOrEqual(RULES.graceSeconds);
      }),
    );
  });
});
