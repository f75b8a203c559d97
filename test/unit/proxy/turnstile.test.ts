import { describe, expect, it } from 'vitest';
import { Turnstile } from '../../../proxy/turnstile.ts';
import { Wakeups } from '../../../proxy/wakeups.ts';

const NEVER = new AbortController().signal;

describe('Turnstile', () => {
  it('lets in as many as there are places, and the next one when somebody leaves, in order', async () => {
    const turnstile = new Turnstile(1);
    const order: string[] = [];
    expect(await turnstile.enter(NEVER)).toBe(true);
    const second = turnstile.enter(NEVER).then(() => order.push('second'));
    const third = turnstile.enter(NEVER).then(() => order.push('third'));
    turnstile.leave();
    await second;
    expect(order).toEqual(['second']);
    turnstile.leave();
    await third;
    expect(order).toEqual(['second', 'third']);
  });

  it('gives no place to somebody who gave up, and loses none to him', async () => {
    const turnstile = new Turnstile(1);
    await turnstile.enter(NEVER);
    const impatient = new AbortController();
    const waiting = turnstile.enter(impatient.signal);
    impatient.abort();
    expect(await waiting).toBe(false);
    turnstile.leave();
    expect(await turnstile.enter(NEVER)).toBe(true);
  });
});

describe('Wakeups', () => {
  it('end by news, by time or by the signal', async () => {
    const wakeups = new Wakeups();
    const waiting = wakeups.wait(60_000, NEVER);
    wakeups.wakeAll();
    expect(await waiting).toBe('news');
    expect(await wakeups.wait(1, NEVER)).toBe('elapsed');
    const gone = new AbortController();
    const aborted = wakeups.wait(60_000, gone.signal);
    gone.abort();
    expect(await aborted).toBe('aborted');
    expect(await wakeups.wait(60_000, gone.signal)).toBe('aborted');
  });
});
