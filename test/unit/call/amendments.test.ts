import { describe, expect, it } from 'vitest';
import {
  amend,
  type Amendment,
  type AmendmentKind,
  isSettledEarly,
  noteText,
  tagName,
} from '../../../src/call/amendments.js';
import type { RecordingInfo } from '../../../src/call/call.js';
import { NO_RECORDING } from '../../../src/call/document.js';
import { withoutCaller } from '../../../src/call/erasure.js';
import { DEFERRED, judgedByCode, judgedByOperator } from '../../../src/numbers/verdict.js';
import { exampleCall, exampleHolder } from '../../redis/examples.js';

const STAMP = { by: 'crm', at: '2026-11-21T11:00:00.000Z' };
const amendment = (kind: AmendmentKind, id = 'a-1', by = 'crm'): Amendment => ({ ...kind, ...STAMP, id, by });

describe('amending a call', () => {
  it('tags it once, and takes the tag off once', () => {
    const call = exampleCall();
    expect(amend(call, amendment({ kind: 'tag', name: 'sofas' }))).toEqual({
      type: 'call.tagged',
      extra: { change: { kind: 'tag', name: 'sofas', ...STAMP } },
    });
    expect(amend(call, amendment({ kind: 'tag', name: 'sofas' }, 'a-2'))).toBeNull();
    expect(call.tags).toEqual([{ name: 'sofas', ...STAMP }]);
    expect(amend(call, amendment({ kind: 'untag', name: 'sofas' }))?.extra).toMatchObject({
      change: { kind: 'untag' },
    });
    expect(amend(call, amendment({ kind: 'untag', name: 'sofas' }))).toBeNull();
    expect(call.tags).toEqual([]);
  });

  it('takes fifty tags and twenty notes', () => {
    const call = exampleCall();
    for (let n = 1; n <= 50; n += 1) amend(call, amendment({ kind: 'tag', name: `tag-${n}` }));
    expect(() => amend(call, amendment({ kind: 'tag', name: 'one more' }))).toThrow('at most 50 tags');
    for (let n = 1; n <= 20; n += 1) amend(call, amendment({ kind: 'note', text: 'x' }, `note-${n}`));
    expect(() => amend(call, amendment({ kind: 'note', text: 'x' }))).toThrow('at most 20 notes');
  });

  it('writes a note once, however often the request is repeated', () => {
    const call = exampleCall();
    expect(amend(call, amendment({ kind: 'note', text: 'grey' }))?.extra).toMatchObject({ change: { kind: 'note' } });
    expect(amend(call, amendment({ kind: 'note', text: 'grey' }))).toBeNull();
    expect(call.notes).toEqual([{ id: 'a-1', text: 'grey', ...STAMP }]);
  });

  it('is handled, and not handled again', () => {
    const call = exampleCall();
    expect(amend(call, amendment({ kind: 'handled', handled: false }))).toBeNull();
    expect(amend(call, amendment({ kind: 'handled', handled: true }))?.type).toBe('call.handled');
    expect(amend(call, amendment({ kind: 'handled', handled: true }, 'a-2', 'other'))).toBeNull();
    expect(call.handled).toEqual({ ...STAMP, callback: null });
    expect(amend(call, amendment({ kind: 'handled', handled: false }))?.type).toBe('call.handled');
    expect(call.handled).toBeNull();
  });

  it('was called back: handled by that, once, unless somebody was faster', () => {
    const callback = { at: '2026-11-21T10:58:00.000Z', talkSeconds: 65, line: 'sales-1', tries: 2 };
    const call = exampleCall();
    expect(amend(call, amendment({ kind: 'called-back', callback }))).toEqual({ type: 'call.handled', extra: {} });
    expect(call.handled).toEqual({ ...STAMP, callback });
    expect(amend(call, amendment({ kind: 'called-back', callback }, 'a-2'))).toBeNull();
    expect(amend(call, amendment({ kind: 'handled', handled: true }, 'a-3'))).toBeNull();
  });

  it('keeps its last ten corrections, in outline', () => {
    const call = exampleCall();
    for (let n = 1; n <= 12; n += 1) {
      const attribution = judgedByOperator(exampleHolder({ leaseId: `lease-of-${n}` }), 1_500_000);
      amend(call, amendment({ kind: 'attribution', attribution, reason: `reason ${n}` }, `a-${n}`));
    }
    expect(call.corrections).toHaveLength(10);
    const believed = { verdict: 'exact', confidence: 1, rule: 'operator', sessionId: 'session-1', source: 'yandex' };
    expect(call.corrections.at(-1)).toEqual({
      ...STAMP,
      reason: 'reason 12',
      old: { ...believed, leaseId: 'lease-of-11', campaign: 'sofas' },
      new: { ...believed, leaseId: 'lease-of-12', campaign: 'sofas' },
    });
    // A call that was written before there were any.
    const { corrections, ...older } = exampleCall();
    expect(corrections).toEqual([]);
    amend(older as never, amendment({ kind: 'attribution', attribution: judgedByOperator(null, 0), reason: 'spam' }));
    expect(older).toMatchObject({ corrections: [{ reason: 'spam', new: { sessionId: null, source: null } }] });
  });

  it('a correction tells the old and the new, and a person has the last word', () => {
    const call = exampleCall();
    const old = call.attribution;
    const nobody = judgedByOperator(null, 0);
    const his = { kind: 'attribution', attribution: nobody, reason: 'he said so' } as const;
    expect(amend(call, amendment(his))).toEqual({
      type: 'call.attribution.corrected',
      extra: { old, new: nobody, reason: 'he said so' },
    });
    expect(amend(call, amendment(his))).toBeNull();
    const found = { kind: 'attribution', attribution: old, reason: 'found' } as const;
    expect(amend(call, amendment(found, 'a-2', 'gateway'))).toBeNull();
    const other = judgedByOperator(exampleHolder({ leaseId: 'lease-2' }), 1_500_000);
    expect(amend(call, amendment({ ...his, attribution: other }))?.type).toBe('call.attribution.corrected');
  });

  it('books nobody on the call of a caller who was forgotten, and tells a person so', () => {
    const call = withoutCaller(exampleCall(), false);
    const before = structuredClone(call);
    const found = { kind: 'attribution', attribution: judgedByOperator(exampleHolder(), 0), reason: 'found' } as const;
    expect(amend(call, amendment(found, 'a-1', 'gateway'))).toBeNull();
    expect(() => amend(call, amendment(found, 'a-2'))).toThrow(
      expect.objectContaining({ code: 'GW_ERR_CALLER_ERASED', httpStatus: 409 }),
    );
    expect(call).toEqual(before);
  });

  it('tells who called; the ad that the number stands in stays', () => {
    const source = { utm_source: 'billboard', label: 'MKAD 32 km' };
    const call = exampleCall({ attribution: { ...judgedByOperator(null, 0), verdict: 'static', rule: 'x', source } });
    const attribution = judgedByCode(exampleHolder({ leaseId: 'lease-of-the-code' }), 1_500_000);
    const corrected = amend(call, amendment({ kind: 'attribution', attribution, reason: 'promo code' }));
    expect(corrected?.extra).toMatchObject({ new: { verdict: 'promo', leaseId: 'lease-of-the-code', source } });
    expect(call.attribution.source).toEqual(source);
  });

  it.each([
    ['his code', judgedByCode(exampleHolder({ leaseId: 'lease-of-the-code' }), 1_500_000)],
    ['a person', judgedByOperator(exampleHolder({ leaseId: 'lease-of-the-code' }), 1_500_000)],
  ])(
    'once %s has settled it before Redis was back, the ad and the caller are still made up for, once',
    (_, settled) => {
      const source = { utm_source: 'billboard', label: 'MKAD 32 km' };
      const unknown = { firstCall: null, previousCalls: null, lastCallAt: null, lastDisposition: null };
      const call = exampleCall({ attribution: DEFERRED });
      call.caller = { ...call.caller, ...unknown };
      amend(call, amendment({ kind: 'attribution', attribution: settled, reason: 'promo code' }));
      expect([call.attribution.source, isSettledEarly(call)]).toEqual([null, true]);
      const past = {
        caller: { ...unknown, firstCall: false, previousCalls: 2 },
        tags: [{ name: 'repeat', by: 'gateway', at: STAMP.at }],
      };
      const attribution = { ...DEFERRED, verdict: 'static', rule: 'static-number', confidence: 1, source } as const;
      const found = { kind: 'attribution', attribution, past, reason: 'store was away when the call came' } as const;
      expect(amend(call, amendment(found, 'a-2', 'gateway'))).toEqual({
        type: 'call.attribution.corrected',
        extra: { old: settled, new: { ...settled, source }, reason: found.reason },
      });
      expect(call.caller).toMatchObject({ firstCall: false, previousCalls: 2 });
      expect(call.tags.map(({ name }) => name)).toEqual(['repeat']);
      expect(isSettledEarly(call)).toBe(false);
      expect(amend(call, amendment(found, 'a-3', 'gateway'))).toBeNull();
    },
  );

  it('also where he says what the gateway has found: from then on it is certain', () => {
    const { attribution } = exampleCall();
    const call = exampleCall({ attribution: { ...attribution, verdict: 'none', leaseId: null, session: null } });
    const nobody = { kind: 'attribution', attribution: judgedByOperator(null, 0), reason: 'he said so' } as const;
    expect(amend(call, amendment(nobody))?.type).toBe('call.attribution.corrected');
    const late = { kind: 'attribution', attribution, reason: 'found' } as const;
    expect(amend(call, amendment(late, 'a-2', 'gateway'))).toBeNull();
  });
});

describe('telling a call of its recording', () => {
  const recorded = (recording: Partial<RecordingInfo>) =>
    exampleCall({ recording: { ...NO_RECORDING, status: 'ready', file: 'a.wav', ...recording } });

  it.each([
    ['recording', 'absent', 'recording.absent'],
    ['none', 'failed', 'recording.failed'],
    ['failed', 'ready', 'recording.ready'],
    ['absent', 'ready', 'recording.ready'],
    ['failed', 'absent', undefined],
    ['ready', 'failed', undefined],
    ['ready', 'ready', undefined],
    ['deleted', 'ready', undefined],
  ] as const)('where it was %s and is found %s: %s', (status, found, event) => {
    const call = recorded({ status });
    const recording = { ...NO_RECORDING, status: found };
    expect(amend(call, amendment({ kind: 'recording-found', recording }))?.type).toBe(event);
    expect(call.recording.status).toBe(event ? found : status);
  });

  it.each([
    ['ready', 'a.mp3', 'recording.ready'],
    ['ready', 'a.wav', undefined],
    ['deleted', 'a.mp3', undefined],
  ] as const)('where it was %s and gave way to %s: %s', (status, file, event) => {
    const replaced = { kind: 'recording-replaced', file, bytes: 1, sha256: '0'.repeat(64) } as const;
    const call = recorded({ status });
    expect(amend(call, amendment(replaced))?.type).toBe(event);
    expect(call.recording.file).toBe(event ? file : 'a.wav');
  });

  it('is deleted once, for the first reason', () => {
    const call = recorded({});
    const deleted = (reason: string) => amendment({ kind: 'recording-deleted', reason });
    expect(amend(call, deleted('retention'))?.type).toBe('recording.deleted');
    expect(amend(call, deleted('request'))).toBeNull();
    expect(call.recording).toMatchObject({ status: 'deleted', reason: 'retention', file: null, deletedAt: STAMP.at });
  });
});

describe('what may be written', () => {
  it.each([
    ['sofas', true],
    [' угловые диваны ', true],
    ['x'.repeat(64), true],
    ['x'.repeat(65), false],
    ['', false],
    ['   ', false],
    ['two\nlines', false],
    ['\u0000', false],
  ])('tag %j: %s', (name, ok) => expect(tagName.safeParse(name).success).toBe(ok));

  it.each([
    ['two\nlines', true],
    ['x'.repeat(2000), true],
    ['x'.repeat(2001), false],
    [' ', false],
  ])('note %j: %s', (text, ok) => expect(noteText.safeParse(text).success).toBe(ok));
});
