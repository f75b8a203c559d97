import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { shutdownOnSignals } from '../../../../shared/runtime/shutdown.ts';

it('aborts once, at the first signal, and remembers which it was', () => {
  const source = new EventEmitter();
  const again: string[] = [];
  const shutdown = shutdownOnSignals({ source, onAgain: (name) => again.push(name) });
  expect(shutdown.signal.aborted).toBe(false);
  expect(shutdown.cause()).toBeNull();
  source.emit('SIGINT', 'SIGINT');
  source.emit('SIGTERM', 'SIGTERM');
  expect(shutdown.signal).toMatchObject({ aborted: true, reason: 'SIGINT' });
  expect(shutdown.cause()).toBe('SIGINT');
  expect(again).toEqual(['SIGTERM']);
});

it('takes its handlers away again', () => {
  const source = new EventEmitter();
  shutdownOnSignals({ source }).dispose();
  expect(source.eventNames()).toEqual([]);
  const before = process.listenerCount('SIGTERM');
  const real = shutdownOnSignals();
  expect(process.listenerCount('SIGTERM')).toBe(before + 1);
  real.dispose();
  expect(process.listenerCount('SIGTERM')).toBe(before);
});
