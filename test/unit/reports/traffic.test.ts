import { describe, expect, it } from 'vitest';
import { capacityReport, withFarEnd } from '../../../src/reports/capacity.js';
import { offeredTraffic, sumTraffic, type TrafficHour } from '../../../src/reports/traffic.js';

const hour = (fields: Partial<TrafficHour>): TrafficHour => ({
  at: Date.parse('2026-11-21T07:00:00Z'),
  attempts: 0,
  refusedHere: 0,
  refusedThere: 0,
  carriedSeconds: 0,
  limit: 4,
  ...fields,
});

describe('offered traffic', () => {
  // attempts, refused here, refused there, carried s, holding s known → Erlang carried, blocking, holding, offered, rule
  const CARRIED = 'carried / (1 - blocking)';
  const HOLDING = 'attempts x mean holding time';
  it.for([
    [0, 0, 0, 0, null, 0, 0, null, 0, CARRIED],
    [10, 0, 0, 1800, null, 0.5, 0, 180, 0.5, CARRIED],
    [20, 10, 0, 1800, null, 0.5, 0.5, 180, 1, CARRIED],
    [20, 5, 5, 1800, null, 0.5, 0.5, 180, 1, CARRIED],
    [40, 10, 0, 7200, null, 2, 0.25, 240, 2 / 0.75, CARRIED],
    // Talks from the hour before, and nobody new.
    [0, 0, 0, 3600, null, 1, 0, null, 1, CARRIED],
    // All refused: by the holding time of a longer period, or three minutes.
    [12, 12, 0, 0, 300, 0, 1, null, 1, HOLDING],
    [20, 20, 0, 0, null, 0, 1, null, 1, HOLDING],
    [20, 0, 20, 60, null, 1 / 60, 1, null, 1, HOLDING],
    // The far end's count and ours may fall into different hours.
    [2, 1, 3, 0, null, 0, 1, null, 0.1, HOLDING],
  ] as const)('%s attempts, %s and %s refused, %s s carried', (row) => {
    const [attempts, refusedHere, refusedThere, carriedSeconds, known, ...wanted] = row;
    const { carriedErlang, blocking, meanHoldingSeconds, offeredErlang, rule } = offeredTraffic(
      { attempts, refusedHere, refusedThere, carriedSeconds },
      3600,
      known,
    );
    const [carried, share, holding, offered, by] = wanted;
    expect(carriedErlang).toBeCloseTo(carried);
    expect(blocking).toBeCloseTo(share);
    if (holding === null) expect(meanHoldingSeconds).toBeNull();
    else expect(meanHoldingSeconds).toBeCloseTo(holding);
    expect(offeredErlang).toBeCloseTo(offered);
    expect(rule).toBe(by);
  });

  it('of several hours is that of their sum, with the latest limit', () => {
    expect(
      sumTraffic([
        hour({ attempts: 2, limit: 3 }),
        hour({ attempts: 1, refusedHere: 1, carriedSeconds: 5, limit: null }),
      ]),
    ).toEqual({ attempts: 3, refusedHere: 1, refusedThere: 0, carriedSeconds: 5 });
  });
});

describe('the need of channels', () => {
  const about = {
    kind: 'destination',
    id: 'office',
    limit: 4,
    from: Date.parse('2026-11-21T00:00:00Z'),
    to: Date.parse('2026-11-22T00:00:00Z'),
    timeZone: 'Europe/Moscow',
  };

  // By the tables of Erlang B: offered traffic, channels at 1 %.
  it.for([
    [0.01, 1],
    [0.15, 2],
    [0.45, 3],
    [1.36, 5],
    [4.46, 10],
    [12, 20],
    [84, 100],
  ] as const)('%s Erlang need %s channels', ([erlang, channels]) => {
    const report = capacityReport([hour({ attempts: 100, carriedSeconds: erlang * 3600 })], about);
    expect(report.channelsNeeded).toBe(channels);
    expect(report.expectedLoss.needed).toBeLessThanOrEqual(0.01);
  });

  it('is that of the busiest hour, in the words of people', () => {
    const busy = hour({ at: Date.parse('2026-11-21T10:00:00Z'), attempts: 37, refusedHere: 9, carriedSeconds: 5040 });
    const report = capacityReport([hour({ attempts: 3, carriedSeconds: 600 }), busy], about);
    expect(report.busyHour).toMatchObject({ at: '2026-11-21T13:00:00+03:00', attempts: 37, offeredErlang: 1.85 });
    expect(report.measured).toMatchObject({ attempts: 40, refusedHere: 9, blocking: 0.225 });
    expect(report.sentence).toBe(
      'In its busiest hour (2026-11-21 13:00) 37 calls wanted a channel of number office and 9 (24.3 %) found none: ' +
        '1.85 Erlang offered. Instead of 4 it needs 6 channels to keep the loss under 1 %.',
    );
  });

  it.for([
    ['ten minutes of one hour', '2026-11-21T07:20:00Z', '2026-11-21T07:30:00Z', 2],
    ['parts of two hours', '2026-11-21T06:59:00Z', '2026-11-21T07:01:00Z', 1],
    ['a moment', '2026-11-21T07:00:00Z', '2026-11-21T07:00:00Z', 2],
    ['two whole hours', '2026-11-21T06:00:00Z', '2026-11-21T08:00:00Z', 1],
  ] as const)('is measured over whole hours, as its figures are: %s', ([, from, to, erlang]) => {
    const period = { from: Date.parse(from), to: Date.parse(to) };
    const report = capacityReport([hour({ attempts: 2, carriedSeconds: 7200 })], { ...about, ...period });
    expect(report.measured).toMatchObject({ carriedErlang: erlang, offeredErlang: erlang });
  });

  it.for([
    ['nothing', {}, { limit: 4 }, 'Nothing was asked of number office in this time.'],
    ['enough', { attempts: 1, carriedSeconds: 60 }, { limit: 4 }, 'Its 4 channels are enough (2 would do).'],
    [
      'no limit',
      { attempts: 1, carriedSeconds: 60 },
      { limit: null },
      'It has no limit here; 2 channels would keep the loss under 1 %.',
    ],
    [
      'a burst',
      { attempts: 4, refusedHere: 2, carriedSeconds: 10 },
      { limit: 2 },
      'Its 2 channels are enough on the average; the refusals came in a burst (1 would do).',
    ],
    [
      'the far end',
      { attempts: 4, refusedThere: 1, carriedSeconds: 30 },
      { limit: 9 },
      '2 channels would do and 9 are counted here: the far end has fewer than we believe.',
    ],
    ['one', { attempts: 1, carriedSeconds: 1 }, { limit: 1 }, 'Its 1 channel is enough.'],
  ] as const)('says what is to be done: %s', ([, measured, limit, sentence]) => {
    const report = capacityReport([hour(measured)], { ...about, ...limit });
    expect(report.sentence.endsWith(sentence)).toBe(true);
  });

  it('counts the far ends\u2019 refusals in the hour in which they were told', () => {
    const at = Date.parse('2026-11-21T07:00:00Z');
    const counts = [
      { hour: at / 3_600_000, key: ['farEnd', 'destination:office'] as ['farEnd', string], count: 3 },
      { hour: at / 3_600_000, key: ['farEnd', 'line:other'] as ['farEnd', string], count: 5 },
    ];
    expect(withFarEnd([hour({})], counts, 'destination:office')[0]?.refusedThere).toBe(3);
  });
});
