import type { AttemptBook, AttemptRule, SessionRecord, SessionStore } from '../console/auth/ports.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { asNumber, loadScript } from './scripts.js';

const attemptScript = loadScript('count-login');

/** Log-ins of the console, and attempts at them, for all gateways together. */
export class RedisConsoleSessions implements SessionStore, AttemptBook {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
  ) {}

  async save(id: string, record: SessionRecord, forMs: number): Promise<void> {
    await this.link.send((client) => client.set(this.keys.consoleSession(id), JSON.stringify(record), 'PX', forMs));
  }

  async find(id: string): Promise<SessionRecord | null> {
    const json = await this.link.send((client) => client.get(this.keys.consoleSession(id)));
    return json === null ? null : (JSON.parse(json) as SessionRecord);
  }

  async keep(id: string, forMs: number): Promise<void> {
    await this.link.send((client) => client.pexpire(this.keys.consoleSession(id), forMs));
  }

  async remove(id: string): Promise<void> {
    await this.link.send((client) => client.del(this.keys.consoleSession(id)));
  }

  async attempt(subjects: readonly { subject: string; rule: AttemptRule }[]): Promise<number> {
    const waits = await this.link.runAll(
      subjects.map(({ subject, rule: { free, firstWaitMs, maxWaitMs, forgetMs } }) => ({
        script: attemptScript,
        keys: [this.keys.loginAttempts(subject)],
        args: [free, firstWaitMs, maxWaitMs, forgetMs],
        read: asNumber,
      })),
    );
    return Math.max(0, ...waits);
  }

  async succeeded(user: string, address: string): Promise<void> {
    await this.link.send((client) => client.del(this.keys.loginAttempts(user)));
    const ofAddress = this.keys.loginAttempts(address);
    await this.link.pipeline((pipe) => {
      pipe.hincrby(ofAddress, 'count', -1);
      pipe.pexpire(ofAddress, 3_600_000);
    });
  }

  async putState(id: string, state: string, forMs: number): Promise<void> {
    await this.link.send((client) => client.set(this.keys.loginState(id), state, 'PX', forMs));
  }

  takeState(id: string): Promise<string | null> {
    return this.link.send((client) => client.getdel(this.keys.loginState(id)));
  }
}
