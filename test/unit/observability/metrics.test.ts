import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { Call } from '../../../src/call/call.js';
import { LabelBound } from '../../../src/observability/label-bound.js';
import { GatewayMetrics } from '../../../src/observability/metrics.js';
import { RecordingMetrics } from '../../../src/observability/recording-metrics.js';

const ended = (trunk: string): Call =>
  ({ trunk, disposition: 'missed', lossReason: 'no_answer', attribution: { verdict: 'exact' } }) as unknown as Call;

describe('GatewayMetrics', () => {
  it('has every metric of the contract', async () => {
    const metrics = new GatewayMetrics();
    metrics.ended(ended('carrier-a'));
    metrics.setup(11);
    metrics.answered(4);
    metrics.overflowed({ from: 'main-office', reason: 'no_free_channel' });
    metrics.refused('unknown_source');
    metrics.recording('ready');
    metrics.unreadable('lease', 2);
    metrics.channels('trunk-in', 'carrier-a', 3, 30);
    metrics.channels('line', 'sales-1', 1, null);
    metrics.calls({ inProgress: 2, unwritten: 1 });
    metrics.eventDelivered(0.2);
    metrics.webhook('crm', { events: 7, oldestAt: null, dead: 2, disabled: true });
    metrics.eventsDropped('crm', 3);
    metrics.engineUp('drachtio', true);
    metrics.trunkUp('carrier-a', false);
    metrics.lineUp('pbx', false);
    metrics.lineUp('sales-1', true);
    metrics.lineDrained('pbx', true);
    metrics.lineDrained('sales-1', false);
    const page = await metrics.render();
    for (const line of [
      'calltrack_calls_total{trunk="carrier-a",disposition="missed",loss_reason="no_answer"} 1',
      'calltrack_attribution_total{verdict="exact"} 1',
      'calltrack_channels_in_use{kind="trunk-in",id="carrier-a"} 3',
      'calltrack_channel_limit{kind="trunk-in",id="carrier-a"} 30',
      'calltrack_overflow_total{from="main-office",reason="no_free_channel"} 1',
      'calltrack_setup_seconds_bucket{le="0.01"} 0',
      'calltrack_setup_seconds_bucket{le="0.02"} 1',
      'calltrack_answer_seconds_count 1',
      'calltrack_event_delivery_seconds_count 1',
      'calltrack_webhook_backlog{endpoint="crm"} 7',
      'calltrack_recordings_total{status="ready"} 1',
      'calltrack_unreadable_data_total{kind="lease"} 2',
      'calltrack_engine_up{engine="drachtio"} 1',
      'calltrack_trunk_up{trunk="carrier-a"} 0',
      'calltrack_line_up{line="pbx"} 0',
      'calltrack_line_up{line="sales-1"} 1',
      'calltrack_line_drained{line="pbx"} 1',
      'calltrack_line_drained{line="sales-1"} 0',
      'calltrack_invites_refused_total{reason="unknown_source"} 1',
      'calltrack_calls_in_progress 2',
      'calltrack_calls_unwritten 1',
    ]) {
      expect(page.split('\n')).toContain(line);
    }
    expect(page).not.toContain('calltrack_channel_limit{kind="line"');
    expect(page).toContain('process_cpu_seconds_total');
  });

  it('has what alerts look at before it happens, so that the first time is an increase', async () => {
    const alerts = await readFile('docker/alerts.yml', 'utf8');
    const metrics = new GatewayMetrics({ nodeDefaults: false });
    metrics.trunkUp('carrier-a', true);
    metrics.webhook('crm', { events: 0, oldestAt: null, dead: 0, disabled: false });
    const page = (await metrics.render()).split('\n');
    const counters = [...alerts.matchAll(/increase\(calltrack_(\w+_total)/g)].map(([, name]) => name);
    const recordings = ['recordings_total', 'calls_total'];
    expect(counters).toEqual(['calls_total', 'invites_refused_total', 'events_dropped_total', ...recordings]);
    for (const reason of ['destination_capacity', 'trunk_capacity', 'lines_busy', 'media_failure'])
      expect(page).toContain(`calltrack_calls_total{trunk="carrier-a",disposition="missed",loss_reason="${reason}"} 0`);
    expect(page).toContain('calltrack_recordings_total{status="failed"} 0');
    expect(page).toContain('calltrack_invites_refused_total{reason="overload"} 0');
    expect(page).toContain('calltrack_events_dropped_total{endpoint="crm"} 0');
  });

  it('are told in docs/metrics.md, with their types and labels', async () => {
    const { registry } = new GatewayMetrics({ nodeDefaults: false });
    new RecordingMetrics(registry);
    const told = [
      ...(await readFile('docs/metrics.md', 'utf8')).matchAll(/^\| `(calltrack_\w+)` \| (\w+) \| ([^|]*)\|/gm),
    ];
    const there = registry.getMetricsAsArray() as unknown as { name: string; type: string; labelNames: string[] }[];
    expect(told.map(([, name, type, labels = '']) => [name, type, labels.match(/\w+/g) ?? []]).sort()).toEqual(
      there.map(({ name, type, labelNames }) => [name, type, [...labelNames]]).sort(),
    );
  });

  it('makes no label of a number, of a call id, or without end', async () => {
    const metrics = new GatewayMetrics({ nodeDefaults: false });
    metrics.ended(ended('+79160000001'));
    metrics.ended(ended('0193a0b0-7b1e-7000-8000-000000000000'));
    metrics.ended(ended('"} evil'));
    for (let n = 0; n < 2000; n += 1)
      metrics.webhook(`hook-${n}`, { events: n, oldestAt: n, dead: 0, disabled: false });
    const page = await metrics.render();
    expect(page).toContain('calltrack_calls_total{trunk="other",disposition="missed",loss_reason="no_answer"} 3');
    expect(page.match(/calltrack_webhook_backlog\{/g)).toHaveLength(501);
  });

  it('tells apart what is named by digits: of two destinations under one label only the last would raise an alert', async () => {
    const metrics = new GatewayMetrics({ nodeDefaults: false });
    metrics.channels('destination', '74951230000', 4, 4);
    metrics.channels('destination', '74951230001', 0, 4);
    const page = await metrics.render();
    expect(page).toContain('calltrack_channels_in_use{kind="destination",id="74951230000"} 4');
    expect(page).toContain('calltrack_channels_in_use{kind="destination",id="74951230001"} 0');
  });

  it('asks before each scrape, and answers where that fails', async () => {
    const metrics = new GatewayMetrics({ nodeDefaults: false });
    let scrapes = 0;
    metrics.beforeScrape(() => metrics.calls({ inProgress: (scrapes += 1), unwritten: 0 }));
    metrics.beforeScrape(() => Promise.reject(new Error('Redis is away')));
    metrics.beforeScrape(() => {
      throw new Error('at once');
    });
    await metrics.render();
    const page = await metrics.render();
    expect(page).toContain('calltrack_calls_in_progress 2');
    expect(page).toContain('calltrack_metrics_collect_errors_total 4');
  });

  it('forgets gauges after a reload, and keeps counters', async () => {
    const metrics = new GatewayMetrics({ nodeDefaults: false });
    metrics.trunkUp('gone', true);
    metrics.lineUp('gone', true);
    metrics.lineDrained('gone', true);
    metrics.ended(ended('gone'));
    metrics.forgetGauges();
    const page = await metrics.render();
    expect(page).not.toContain('calltrack_trunk_up{');
    expect(page).not.toMatch(/^calltrack_line_\w+\{/m);
    expect(page).toContain('calltrack_calls_total{trunk="gone"');
  });
});

describe('LabelBound', () => {
  it('keeps those it knows when it is full', () => {
    const bound = new LabelBound(2);
    expect(['a', 'b', 'c', 'a'].map((id) => bound.id('x', id))).toEqual(['a', 'b', 'other', 'a']);
    expect(bound.id('y', 'c')).toBe('c');
  });
});
