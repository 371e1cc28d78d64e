import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CONSOLE_ROLES } from '../../../src/config/schema.js';
import { may, maySee, PERMISSIONS, type Permission } from '../../../src/console/access.js';

describe('who may do what', () => {
  it('is what docs/console.md says', () => {
    const rows = readFileSync('docs/console.md', 'utf8').matchAll(/^\| `([\w:]+)`:[^|]*\|([^\n]*)\|$/gm);
    const written = [...rows].map(([, permission = '', cells = '']) => {
      const marks = cells.split('|').map((cell) => cell.trim() === 'yes');
      return [permission, CONSOLE_ROLES.filter((_role, at) => marks[at])] as const;
    });
    expect(Object.fromEntries(written)).toEqual(PERMISSIONS);
  });

  it('lets nobody but the auditor into the audit log, and ops nowhere near recordings', () => {
    expect(CONSOLE_ROLES.filter((role) => may({ role }, 'audit'))).toEqual(['auditor']);
    const ofOps = (Object.keys(PERMISSIONS) as Permission[]).filter((one) => may({ role: 'ops' }, one));
    expect(ofOps.filter((one) => one.startsWith('recordings'))).toEqual([]);
  });

  it('shows what belongs to no site only to who sees all', () => {
    expect([maySee({ sites: null }, null), maySee({ sites: ['divan'] }, null)]).toEqual([true, false]);
    expect([maySee({ sites: ['divan'] }, 'divan'), maySee({ sites: ['divan'] }, 'shop')]).toEqual([true, false]);
    expect(maySee({ sites: [] }, 'divan')).toBe(false);
  });
});
