import { describe, expect, it } from 'vitest';
import { LoadGate } from '../../src/call/load.js';

describe('the load gate', () => {
  it('lets a second of calls pass at once, then the rate', () => {
    const gate = new LoadGate();
    const limits = { maxCalls: 1000, maxCallsPerSecond: 10 };
    const at = (ms: number, calls: number) =>
      Array.from({ length: calls }, () => gate.admit(0, limits, ms)).filter(Boolean).length;
    expect(at(1000, 30)).toBe(10);
    expect(at(1100, 30)).toBe(1);
    expect(at(1600, 30)).toBe(5);
    expect(at(9000, 30)).toBe(10);
  });

  it('refuses at the limit of calls in progress and takes no token for it', () => {
    const gate = new LoadGate();
    const limits = { maxCalls: 2, maxCallsPerSecond: 1 };
    expect(gate.admit(2, limits, 1000)).toBe(false);
    expect(gate.admit(1, limits, 1000)).toBe(true);
  });

  it('follows a limit that changes', () => {
    const gate = new LoadGate();
    expect(gate.admit(5, { maxCalls: 5, maxCallsPerSecond: 100 }, 0)).toBe(false);
    expect(gate.admit(5, { maxCalls: 6, maxCallsPerSecond: 100 }, 0)).toBe(true);
  });
});
