import { createHash } from 'node:crypto';
import type { AuditLine, AuditLog, AuditPage, AuditQuery } from '../recordings/audit.js';
import { GatewayError } from '../lib/errors.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { asNumber, fieldsOf, loadScript } from './scripts.js';

/** Lines looked at for one page: a question that matches little may need several pages. */
const MAX_SCANNED = 5000;
const SCAN = 500;

const appendScript = loadScript('append-audit');

export interface AuditLimits {
  retention: number;
  lines: number;
}

/** The audit log in Redis: one stream, the newest line last. Rejects with GW_ERR_REDIS_AWAY. */
export class RedisAudit implements AuditLog {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
    private readonly limits: () => AuditLimits,
  ) {}

  async write(line: AuditLine, once?: { subject: string; forMs: number }): Promise<boolean> {
    const { retention, lines } = this.limits();
    const mark = createHash('sha256')
      .update(once?.subject ?? '')
      .digest('hex');
    return await this.link.run({
      script: appendScript,
      keys: [this.keys.audit(), this.keys.auditMark(mark)],
      args: [JSON.stringify(line), line.call ?? '', line.site ?? '', retention, lines, once?.forMs ?? 0],
      read: (reply) => asNumber(reply) === 1,
    });
  }

  async read({ cursor, limit, call, sites }: AuditQuery): Promise<AuditPage> {
    // There is nothing before 0-0, and Redis refuses to look.
    if (cursor !== null && (!/^\d{1,15}-\d{1,10}$/.test(cursor) || /^0+-0+$/.test(cursor)))
      throw new GatewayError('GW_ERR_BAD_REQUEST', 'the cursor is not one that this log gave out');
    const lines: AuditPage['lines'] = [];
    let before = cursor;
    for (let scanned = 0; scanned < MAX_SCANNED; scanned += SCAN) {
      const from = before === null ? '+' : `(${before}`;
      const entries = await this.link.send((client) => client.xrevrange(this.keys.audit(), from, '-', 'COUNT', SCAN));
      for (const [id, flat] of entries) {
        const fields = fieldsOf(flat);
        before = id;
        if (isWanted(fields, call, sites)) lines.push({ ...(JSON.parse(fields.get('line') ?? '{}') as AuditLine), id });
        if (lines.length === limit) return { lines, next: id };
      }
      if (entries.length < SCAN) return { lines, next: null };
    }
    return { lines, next: before };
  }
}

function isWanted(fields: Map<string, string>, call: string | null, sites: readonly string[] | null): boolean {
  return (call === null || fields.get('call') === call) && (sites === null || sites.includes(fields.get('site') ?? ''));
}
