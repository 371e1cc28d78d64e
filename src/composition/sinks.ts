import type { GatewayConfig } from '../config/schema.js';
import { makeLink } from '../recordings/links.js';
import { RedisAudit } from '../redis/audit.js';
import type { RedisLink } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { RedisRecordings } from '../redis/recordings.js';
import { RedisSinkSteps } from '../redis/sink-steps.js';
import type { SinkPorts } from '../sinks/steps.js';

interface SinkParts {
  link: RedisLink;
  keys: Keys;
  config: () => Pick<GatewayConfig, 'gateway' | 'recordings' | 'access'>;
}

/** What amoCRM and Bitrix24 have been told, and links to recordings for them; who gets one stands in the audit log. */
export function sinkPorts({ link, keys, config }: SinkParts): SinkPorts {
  const steps = new RedisSinkSteps(link, keys);
  const secrets = new RedisRecordings(link, keys);
  const audit = new RedisAudit(link, keys, () => config().access.audit);
  return {
    stepsOf: (endpoint, callId) => steps.of(endpoint, callId),
    noteStep: (...step) => steps.note(...step),
    linkTo: async (endpoint, call, forMs) => {
      const { gateway, recordings } = config();
      const now = Date.now();
      const expiresAt = now + Math.min(forMs, recordings.links.maxExpiry);
      const about = { callId: call.id, expiresAt, oneTime: false, downloadName: null, format: null };
      const { id, url } = makeLink(about, await secrets.linkSecret(), gateway.publicUrl);
      await audit.write({
        at: new Date(now).toISOString(),
        action: 'recording.share',
        who: { kind: 'gateway', name: gateway.id },
        from: null,
        call: call.id,
        site: call.site,
        detail: { link: id, expiresAt: new Date(expiresAt).toISOString(), oneTime: false, endpoint },
      });
      return url;
    },
  };
}
