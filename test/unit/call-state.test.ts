import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { transition, type CallSignal, type CallState } from '../../src/call/state.js';

const signals: CallSignal[] = ['connect', 'ring', 'answer', 'end'];

function run(sequence: CallSignal[]): CallState[] {
  const states: CallState[] = ['received'];
  for (const signal of sequence) {
    const current = states.at(-1) ?? 'received';
    states.push(transition(current, signal) ?? current);
  }
  return states;
}

describe('states of a call', () => {
  it('goes from the INVITE to the end', () => {
    expect(run(['connect', 'ring', 'answer', 'end'])).toEqual([
      'received',
      'connecting',
      'ringing',
      'answered',
      'ended',
    ]);
  });

  it('never leaves the end, whatever comes after it', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...signals)), (sequence) => {
        const states = run(sequence);
        const end = states.indexOf('ended');
        return end < 0 || states.slice(end).every((state) => state === 'ended');
      }),
    );
  });

  it('is answered only after the business was asked, and once', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...signals)), (sequence) => {
        const states = run(sequence).filter((state, index, all) => state !== all[index - 1]);
        const answered = states.filter((state) => state === 'answered').length;
        return answered <= 1 && (answered === 0 || states.includes('connecting'));
      }),
    );
  });

  it('can end in every state but the end', () => {
    for (const state of ['received', 'connecting', 'ringing', 'answered'] as const) {
      expect(transition(state, 'end')).toBe('ended');
    }
    expect(transition('ended', 'end')).toBeNull();
  });
});
