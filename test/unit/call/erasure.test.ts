import { describe, expect, it } from 'vitest';
import { amend } from '../../../src/call/amendments.js';
import { withoutCaller } from '../../../src/call/erasure.js';
import { judgedByOperator } from '../../../src/numbers/verdict.js';
import { exampleCall, exampleHolder } from '../../redis/examples.js';

describe('a call without its caller', () => {
  it('leads to nobody: neither by what is held now nor by what was held before', () => {
    const call = exampleCall({ caller: { ...exampleCall().caller, name: 'Анна' } });
    const holder = exampleHolder({ leaseId: 'lease-7', sessionId: 'session-7' });
    const attribution = judgedByOperator({ ...holder, session: { ...holder.session, id: 'session-7' } }, 1_500_000);
    const stamp = { id: 'a-1', by: 'olga', at: '2026-11-21T11:00:00.000Z' };
    amend(call, { kind: 'attribution', attribution, reason: 'Anna said so', ...stamp });
    expect(call.corrections).toHaveLength(1);
    const text = JSON.stringify(withoutCaller(call, false));
    for (const trace of ['+7916', 'Анна', 'Anna', 'session-', 'lease-', 'visitor-1', 'угловой', '123456789'])
      expect(text).not.toContain(trace);
    expect(text).toContain('"campaign":"sofas"');
  });
});
