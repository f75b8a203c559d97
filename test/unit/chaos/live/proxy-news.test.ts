// When a proxy learned of a new leader, from its own log.
import { expect, it } from 'vitest';
import { newsBeyondMs } from '../../../../chaos/live/proxy-news.ts';

function line(epoch: string, second: number, msg = 'view.leader'): string {
  return JSON.stringify({ time: `2026-01-01T00:00:0${String(second)}.500Z`, epoch, msg });
}
const at = (second: number): number => Date.UTC(2026, 0, 1, 0, 0, second, 500);

it('is the first line of a later epoch', () => {
  expect(newsBeyondMs([line('1', 1), line('2', 2), line('2', 3), line('3', 4)].join('\n'), 1)).toBe(at(2));
});

it('compares epochs as numbers', () => {
  expect(newsBeyondMs([line('9', 1), line('10', 2)].join('\n'), 9)).toBe(at(2));
});

it('is none where no later leader was told of', () => {
  expect(newsBeyondMs('', 1)).toBeNull();
  expect(newsBeyondMs(line('1', 1), 1)).toBeNull();
});

it('is not taken from other lines, nor from what is cut off', () => {
  const log = ['starting "view.leader"', line('2', 2, 'sessions.deposed'), line('2', 3), line('2', 4).slice(0, -20)].join('\n');
  expect(newsBeyondMs(log, 1)).toBe(at(3));
});
