import { randomBytes } from 'node:crypto';
import type { Deletion, RecordingFacts } from '../recordings/ports.js';
import type { LinkSecret } from '../recordings/links.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { asStrings, loadScript } from './scripts.js';

const secretScript = loadScript('link-secret');

const DAY_MS = 86_400_000;
/** A secret signs for so long; the links made with it may live as long again. */
const SECRET_LIFE_MS = 30 * DAY_MS;
const MAX_LINK_LIFE_MS = 30 * DAY_MS;
/** Longer than anything of it may still be on its way to a store; then its call tells. */
const DELETION_LIFE_MS = 30 * DAY_MS;
const MAX_CALLS = 500;

/** What gateways know together of recordings. Rejects with GW_ERR_REDIS_AWAY. */
export class RedisRecordings implements RecordingFacts {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
  ) {}

  async noteDeletion(callId: string, deletion: Deletion): Promise<void> {
    const key = this.keys.deletedRecording(callId);
    await this.link.send((client) => client.set(key, JSON.stringify(deletion), 'PX', DELETION_LIFE_MS));
  }

  async takeBackDeletion(callId: string): Promise<void> {
    await this.link.send((client) => client.del(this.keys.deletedRecording(callId)));
  }

  async deletion(callId: string): Promise<Deletion | null> {
    const text = await this.link.send((client) => client.get(this.keys.deletedRecording(callId)));
    return text === null ? null : (JSON.parse(text) as Deletion);
  }

  async takeSweep(store: string, forMs: number): Promise<number | null> {
    const taken = await this.link.send((client) => client.set(this.keys.swept(store), '1', 'PX', forMs, 'NX'));
    return taken === 'OK' ? this.link.clock() : null;
  }

  async callsOfCaller(number: string): Promise<string[]> {
    const [history, kept] = await Promise.all([
      this.link.send((client) => client.zrange(this.keys.caller(number), -MAX_CALLS, -1)),
      this.link.send((client) => client.zrange(this.keys.callsOf(number), 0, -1)),
    ]);
    return [...new Set([...history, ...kept])];
  }

  async linkSecret(): Promise<LinkSecret> {
    return await this.link.run({
      script: secretScript,
      keys: [this.keys.linkSecrets()],
      args: [randomBytes(32).toString('hex'), SECRET_LIFE_MS, MAX_LINK_LIFE_MS],
      read: (reply) => {
        const [id, secret] = asStrings(reply);
        if (!id || !secret) throw new TypeError('no secret');
        return { id, secret };
      },
    });
  }

  async linkSecretOf(id: string): Promise<string | null> {
    return await this.link.send((client) => client.hget(this.keys.linkSecrets(), id));
  }

  async useLink(id: string, user: string, forMs: number): Promise<string> {
    const key = this.keys.linkUse(id);
    const former = await this.link.send((client) => client.set(key, user, 'PX', forMs, 'NX', 'GET'));
    return former ?? user;
  }

  linkHolder(id: string): Promise<string | null> {
    return this.link.send((client) => client.get(this.keys.linkUse(id)));
  }
}
