import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Gate } from '../../../proxy/gate.ts';

let gate: Gate;
let told: string[];

beforeEach(() => {
  vi.useFakeTimers();
  gate = new Gate();
  told = [];
  gate.listen({ onChange: () => told.push(gate.status.kind), onCut: () => told.push('cut') });
});

afterEach(() => {
  gate.close();
  vi.useRealTimers();
});

describe('the gate', () => {
  it('opens by itself at the end of a pause, and tells who waits', () => {
    gate.pause(['rw'], 1_000);
    expect([gate.admits('rw'), gate.admits('ro')]).toEqual(['hold', 'yes']);
    vi.advanceTimersByTime(1_001);
    expect([gate.admits('rw'), ...told]).toEqual(['yes', 'paused', 'open']);
  });

  it('cuts at the end of a drain, stays shut for a while, and opens by itself', () => {
    gate.drain(500, 1_000);
    vi.advanceTimersByTime(501);
    expect(told).toEqual(['draining', 'cut']);
    expect(gate.admits('ro')).toBe('refuse');
    vi.advanceTimersByTime(1_000);
    expect(told).toEqual(['draining', 'cut', 'open']);
  });

  it('forgets the end of a word that another has replaced', () => {
    gate.drain(500, 1_000);
    gate.pause(['rw', 'ro'], 60_000);
    vi.advanceTimersByTime(10_000);
    expect(told).toEqual(['draining', 'paused']);
    expect(gate.resume()).toBe(true);
    vi.advanceTimersByTime(100_000);
    expect(told).toEqual(['draining', 'paused', 'open']);
  });

  it('takes no other word when the process ends', () => {
    gate.drain(500, null);
    expect([gate.resume(), gate.pause(['rw'], 10), gate.drain(9_000, 1)]).toEqual([false, false, false]);
    vi.advanceTimersByTime(100_000);
    expect([...told, gate.admits('rw')]).toEqual(['draining', 'cut', 'refuse']);
    expect(gate.status).toEqual({ kind: 'draining', cutsInMs: 0, resumesInMs: null });
  });
});
