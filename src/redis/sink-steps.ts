import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { loadScript } from './scripts.js';

const noteScript = loadScript('note-sink-step');

/** Longer than an event is retried (76 hours) and then kept among the dead letters (30 days): who replays one tells nothing twice. */
const LIFE_MS = 40 * 86_400_000;

/** What vendors have been told of calls. Rejects with GW_ERR_REDIS_AWAY. */
export class RedisSinkSteps {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
  ) {}

  async of(endpoint: string, callId: string): Promise<Record<string, string>> {
    return await this.link.send((client) => client.hgetall(this.keys.sinkSteps(endpoint, callId)));
  }

  async note(endpoint: string, callId: string, step: string, vendorId: string): Promise<void> {
    await this.link.run({
      script: noteScript,
      keys: [this.keys.sinkSteps(endpoint, callId)],
      args: [step, vendorId, LIFE_MS],
      read: () => undefined,
    });
  }
}
