import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { en } from '../../src/console/i18n/en.js';

interface Rules {
  groups: { rules: { alert: string; annotations: { runbook: string } }[] }[];
}

it('every alert has its section in the runbook, and no section is left over', async () => {
  const rules = (parse(await readFile('docker/alerts.yml', 'utf8')) as Rules).groups.flatMap((group) => group.rules);
  const sections = [...(await readFile('docs/runbook.md', 'utf8')).matchAll(/^## (\w+)$/gm)].map(([, name]) => name);
  expect(rules.map(({ alert }) => alert)).toEqual(sections);
  for (const { alert, annotations } of rules)
    expect(annotations.runbook).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
});

it('every reason for which there is no recording is explained', async () => {
  const explained = await readFile('docs/recordings.md', 'utf8');
  const reasons = Object.keys(en).flatMap((key) => (key.startsWith('reason.') ? [key.slice('reason.'.length)] : []));
  expect(reasons).toContain('no_file');
  // `io_…`: one word of ours for all that a file system may say
  for (const reason of reasons) expect(explained).toMatch(new RegExp(`^\\| .*\`${reason}(_…)?\``, 'm'));
});
