import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../../src/lib/errors.js';

describe('docs/errors.md', () => {
  it('lists the same codes as the code, with the same status, each with cause and remedy', () => {
    const rows = readFileSync('docs/errors.md', 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| `GW_ERR_'));
    const documented = rows.map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
    for (const [code, , , cause, remedy] of documented) expect(cause && remedy, code).toBeTruthy();
    expect(Object.fromEntries(documented.map(([code, http, retry]) => [code, `${http ?? ''} ${retry ?? ''}`]))).toEqual(
      Object.fromEntries(
        Object.entries(ERROR_CODES).map(([code, { http, retryable }]) => [
          `\`${code}\``,
          `${http} ${retryable ? 'yes' : 'no'}`,
        ]),
      ),
    );
    expect(documented).toHaveLength(Object.keys(ERROR_CODES).length);
  });

  it('lists none that nobody raises', () => {
    const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    const raising = files.filter((name) => name !== join('lib', 'errors.ts') && !name.includes('openapi'));
    const code = raising.map((name) => readFileSync(join('src', name), 'utf8')).join('\n');
    expect(Object.keys(ERROR_CODES).filter((one) => !code.includes(`'${one}'`))).toEqual([]);
  });
});
