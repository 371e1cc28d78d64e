import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

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
