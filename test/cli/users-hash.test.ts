import { describe, expect, it } from 'vitest';
import type { Terminal } from '../../src/cli/command.js';
import { usersHash } from '../../src/cli/commands/users-hash.js';
import { configSchema } from '../../src/config/schema.js';
import { verifyPassword } from '../../src/console/auth/passwords.js';

async function hashOf(password: string): Promise<string> {
  const lines: string[] = [];
  const terminal: Terminal = {
    out: (text) => lines.push(text),
    err: () => undefined,
    tty: false,
    clear: () => undefined,
    secret: () => Promise.resolve(password),
    env: {},
    interrupted: new AbortController().signal,
  };
  await usersHash.run({}, [], terminal);
  return lines.join('\n');
}

describe('users hash', () => {
  it('makes what the configuration takes, anew each time, and only the password fits it', async () => {
    const [one, two] = await Promise.all([hashOf('correct horse'), hashOf('correct horse')]);
    expect(one).not.toBe(two);
    const { users } = configSchema.shape.access.unwrap().shape;
    expect(users.parse([{ name: 'olga', password: one, role: 'agent' }])).toHaveLength(1);
    expect(await verifyPassword('correct horse', one)).toBe(true);
    expect(await verifyPassword('correct horsf', one)).toBe(false);
    expect(await verifyPassword('', one)).toBe(false);
  });

  it('refuses what is too short to be a password', async () => {
    await expect(hashOf('short')).rejects.toThrow('10 to 256 characters; this one has 5');
  });
});
