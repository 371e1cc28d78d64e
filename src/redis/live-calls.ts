import type { Call } from '../call/call.js';
import type { LiveCalls } from '../console/ports.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';

/** The calls in progress of all gateways. */
export class RedisLiveCalls implements LiveCalls {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
  ) {}

  async live(limit: number): Promise<Call[]> {
    const ids = await this.link.send((client) => client.zrevrange(this.keys.liveCalls(), 0, limit - 1));
    const docs = await this.link.pipelineSettled((pipe) => {
      for (const id of ids) pipe.hget(this.keys.call(id), 'doc');
    });
    // One that has just left, or cannot be read, is not shown.
    const calls = docs.flatMap((json) => (typeof json === 'string' ? [JSON.parse(json) as Call] : []));
    return calls.sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
  }
}
