import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { tempFolder } from '../support/temp-folder.js';

const promtool = spawnSync('promtool', ['--version']).status === 0;

/** Each gateway scrapes for itself; a value for every minute. */
const series = (metric: string, line: string, instance: string, values: string) => ({
  series: `calltrack_${metric}{line="${line}",instance="${instance}"}`,
  values,
});

it.skipIf(!promtool)(
  'of lines that are down those alert that nobody has taken out of service, until he puts them back',
  async () => {
    const file = join(await tempFolder(), 'alerts.test.yml');
    const alert = (line: string) => ({
      exp_labels: { line, severity: 'warning' },
      exp_annotations: { summary: `Line ${line} does not answer`, runbook: 'docs/runbook.md#calltracklinedown' },
    });
    const at = (eval_time: string, ...lines: string[]) => ({
      eval_time,
      alertname: 'CalltrackLineDown',
      exp_alerts: lines.map(alert),
    });
    const test = {
      interval: '1m',
      input_series: [
        series('line_up', 'answers', 'gw-1', '1x9'),
        series('line_drained', 'answers', 'gw-1', '0x9'),
        series('line_up', 'dead', 'gw-1', '1x9'),
        series('line_up', 'dead', 'gw-2', '0x9'),
        series('line_drained', 'dead', 'gw-1', '0x9'),
        series('line_drained', 'dead', 'gw-2', '0x9'),
        series('line_up', 'drained', 'gw-1', '0x9'),
        // The other one has heard of it a second later, and of its end.
        series('line_drained', 'drained', 'gw-1', '1 1 1 1 1 1 0 0 0 0'),
        series('line_drained', 'drained', 'gw-2', '0 1 1 1 1 1 0 0 0 0'),
      ],
      alert_rule_test: [at('5m', 'dead'), at('6m', 'dead'), at('8m', 'dead', 'drained')],
    };
    await writeFile(file, stringify({ rule_files: [resolve('docker/alerts.yml')], tests: [test] }));
    const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' });
    expect(`${stdout}${stderr}`).toContain('SUCCESS');
    expect(status).toBe(0);
  },
);
