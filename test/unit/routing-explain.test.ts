import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configSchema, type GatewayConfig } from '../../src/config/schema.js';
import { explainRoute, NOTHING_KNOWN, type PresentState } from '../../src/routing/explain.js';
import { nextStepIndex, type TriedStep } from '../../src/routing/plan.js';

const weekdays = Object.fromEntries(['mon', 'tue', 'wed', 'thu', 'fri'].map((day) => [day, ['09:00-20:00']]));
const STEPS = [
  { dial: ['office'], during: 'hours', for: '25s' },
  { dial: ['sales-1', 'sales-2'], when: ['overflow', 'busy'], strategy: 'all-at-once', for: '20s' },
  { announce: 'tone_stream://x' },
];

function configWith(steps: unknown[] = STEPS): GatewayConfig {
  return configSchema.parse({
    trunks: [{ id: 'carrier', inbound: { from: ['192.0.2.1'] }, outbound: { to: 'sip:192.0.2.1', channels: 3 } }],
    lines: [
      { id: 'sales-1', uri: 'sip:1@192.0.2.2', channels: 1 },
      { id: 'sales-2', register: { username: 's', password: 'p' }, channels: 1 },
    ],
    destinations: [{ id: 'office', trunk: 'carrier', number: '+74951230000', channels: 2 }],
    schedules: [{ id: 'hours', weekly: weekdays }],
    routes: [{ id: 'divan', steps }],
    sites: [{ id: 'divan', timezone: 'Europe/Moscow', defaultRoute: 'divan' }],
  });
}

const NUMBER = { number: '+74951111111', site: 'divan', kind: 'static', route: null, enabled: true } as const;
const MONDAY_NOON = Date.parse('2026-11-23T09:00:00Z');
const SUNDAY = Date.parse('2026-11-22T09:00:00Z');

const explain = (present: Partial<PresentState> = {}, at = MONDAY_NOON) =>
  explainRoute(configWith(), NUMBER.number, NUMBER, at, { ...NOTHING_KNOWN, ...present });
const use = (entries: Record<string, number>) => ({ inUse: new Map(Object.entries(entries)) });

describe('what would happen to a call', () => {
  it.for<[string, Partial<PresentState>, number, string[], string]>([
    ['free', {}, MONDAY_NOON, ['now', 'if', 'if'], 'step 1 rings office for 25 s.'],
    [
      'full by our count',
      use({ 'destination:office': 2 }),
      MONDAY_NOON,
      ['now', 'now', 'if'],
      'office is passed over, destination:office is full (2/2): step 2 rings sales-1, sales-2 all at once for 20 s.',
    ],
    [
      "full by the trunk's",
      use({ 'trunk-out:carrier': 3 }),
      MONDAY_NOON,
      ['now', 'now', 'if'],
      'office is passed over, trunk-out:carrier is full (3/3): step 2 rings sales-1, sales-2 all at once for 20 s.',
    ],
    [
      'one line left',
      { ...use({ 'destination:office': 2, 'line:sales-1': 1 }) },
      MONDAY_NOON,
      ['now', 'now', 'if'],
      'office is passed over, destination:office is full (2/2): step 2 rings sales-2 for 20 s.',
    ],
    [
      'nothing left',
      { ...use({ 'destination:office': 2, 'line:sales-1': 1 }), linesUnregistered: new Set(['sales-2']) },
      MONDAY_NOON,
      ['now', 'now', 'now'],
      'office is passed over, destination:office is full (2/2); sales-1 is passed over, line:sales-1 is full (1/1); ' +
        'sales-2 is passed over, no phone is registered: step 3 plays its announcement and the call is refused.',
    ],
    [
      'trunk down: no overflow, so not to the lines',
      { trunksDown: new Map([['carrier', { why: 'is down (draining)', full: false, silent: false }]]) },
      MONDAY_NOON,
      ['now', 'no', 'now'],
      'office is passed over, trunk carrier is down (draining): step 3 plays its announcement and the call is refused.',
    ],
    [
      'trunk held by its carrier for want of channels: overflow',
      { trunksDown: new Map([['carrier', { why: 'asked not to be dialled', full: true, silent: true }]]) },
      MONDAY_NOON,
      ['now', 'now', 'if'],
      'office is passed over, trunk carrier asked not to be dialled: step 2 rings sales-1, sales-2 all at once for 20 s.',
    ],
    [
      'full by our count, and the trunk down: the count comes first',
      {
        ...use({ 'destination:office': 2 }),
        trunksDown: new Map([['carrier', { why: 'is down (draining)', full: false, silent: false }]]),
      },
      MONDAY_NOON,
      ['now', 'now', 'if'],
      'office is passed over, destination:office is full (2/2): step 2 rings sales-1, sales-2 all at once for 20 s.',
    ],
    [
      'a line that does not answer, beside one that does',
      { ...use({ 'destination:office': 2 }), linesDown: new Set(['sales-1']) },
      MONDAY_NOON,
      ['now', 'now', 'if'],
      'office is passed over, destination:office is full (2/2): step 2 rings sales-2 for 20 s.',
    ],
    [
      'nothing left but a line that does not answer',
      {
        ...use({ 'destination:office': 2 }),
        linesUnregistered: new Set(['sales-2']),
        linesDown: new Set(['sales-1']),
      },
      MONDAY_NOON,
      ['now', 'now', 'now'],
      'office is passed over, destination:office is full (2/2); sales-1 is passed over, it does not answer OPTIONS; ' +
        'sales-2 is passed over, no phone is registered: nobody else can be rung now, so sales-1 is tried after all; ' +
        'where that is in vain, step 3 plays its announcement and the call is refused.',
    ],
    [
      'nothing left but a trunk that does not answer',
      { trunksDown: new Map([['carrier', { why: 'is down (no gateway of it answers)', full: false, silent: true }]]) },
      MONDAY_NOON,
      ['now', 'no', 'now'],
      'office is passed over, trunk carrier is down (no gateway of it answers): nobody else can be rung now, so office is ' +
        'tried after all; where that is in vain, step 3 plays its announcement and the call is refused.',
    ],
    ['closed', {}, SUNDAY, ['no', 'no', 'now'], 'step 3 plays its announcement and the call is refused.'],
  ])('%s', ([, present, at, tried, sentence]) => {
    const explanation = explain(present, at);
    expect(explanation.steps.map((step) => step.tried)).toEqual(tried);
    expect(explanation.sentence).toBe(sentence);
  });

  it('is a refusal for a number that leads nowhere', () => {
    const of = (number: Parameters<typeof explainRoute>[2]) =>
      explainRoute(configWith(), NUMBER.number, number, MONDAY_NOON).sentence;
    expect(of(null)).toContain('is no tracking number of ours');
    expect(of({ ...NUMBER, enabled: false })).toContain('is switched off');
    expect(of({ ...NUMBER, site: 'gone' })).toMatch(/^The site "gone".*rejected with 404/);
  });

  it("goes its site's way where the number's own route is gone, and says so", () => {
    const explanation = explainRoute(configWith(), NUMBER.number, { ...NUMBER, route: 'gone' }, MONDAY_NOON);
    expect(explanation).toMatchObject({
      route: 'divan',
      sentence: `The route "gone" of this number is not configured, its site's is taken: step 1 rings office for 25 s.`,
    });
  });

  it('sends no call over a trunk to where it may have come from', () => {
    const own = { ...NUMBER, number: '+74951230000' };
    expect(explainRoute(configWith(), own.number, own, MONDAY_NOON).sentence).toContain(
      'office is passed over, +74951230000 is a destination too',
    );
  });

  it('goes the way that the plan of routes goes', () => {
    const conditions = fc.uniqueArray(fc.constantFrom('always', 'overflow', 'no-answer', 'busy', 'unreachable'), {
      minLength: 1,
    });
    const step = fc.record({ dial: fc.constantFrom(['office'], ['sales-1'], ['sales-2']), when: conditions });
    const state = fc.record({ office: fc.nat(2), 'sales-1': fc.nat(1), registered: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 6 }), state, (steps, { registered, ...used }) => {
        const config = configWith(steps);
        const explanation = explainRoute(config, NUMBER.number, NUMBER, MONDAY_NOON, {
          ...NOTHING_KNOWN,
          ...use({ 'destination:office': used.office, 'line:sales-1': used['sales-1'] }),
          linesUnregistered: new Set(registered ? [] : ['sales-2']),
        });
        const [route] = config.routes;
        const tried: number[] = [];
        let last: TriedStep | null = null;
        let index = route ? nextStepIndex(route, -1, last) : null;
        while (route && index !== null) {
          tried.push(index + 1);
          const results = explanation.steps[index]?.targets.map(({ would }) => would) ?? [];
          if (results.includes('rings')) break;
          last = { results: results.filter((result) => result !== 'rings') };
          index = nextStepIndex(route, index, last);
        }
        expect(explanation.steps.filter((one) => one.tried === 'now').map(({ n }) => n)).toEqual(tried);
      }),
    );
  });
});
