// The kernel's words about processes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it, test } from 'vitest';
import { figuresOf, parseCpuList, parseOpenFilesLimit, parseRssBytes, parseStat } from '../../../bench/process-figures.ts';

it('adds own time and that of reaped children, also when the name looks like fields', () => {
  const stat = '4711 (a) S 9 (b) R 1200 4711 4711 0 -1 4194304 1 2 3 4 100 20 3 7 20 0 11 0 555 1000 50\n';
  expect(parseStat(stat)).toEqual({ parent: 1_200, ticks: 130 });
});

it.each(['', '4711 (cut', '4711 (cut) S 1'])('has no figures for %j', (text) => {
  expect(parseStat(text)).toBeNull();
});

it('reads resident memory in bytes, and none of a process that has none', () => {
  expect(parseRssBytes('Name:\tnode\nVmHWM:\t    9999 kB\nVmRSS:\t    2048 kB\n')).toBe(2_097_152);
  expect(parseRssBytes('Name:\tkthreadd\n')).toBeNull();
});

test.each([
  ['Max open files            1024                 20000                files     \n', 20_000],
  ['Max open files            1024                 unlimited            files     \n', Number.POSITIVE_INFINITY],
  ['Max processes             1                    2                    processes \n', null],
])('the hard limit of open files of %j', (text, limit) => {
  expect(parseOpenFilesLimit(text)).toBe(limit);
});

test.each([
  ['0-2,5\n', [0, 1, 2, 5]],
  ['3', [3]],
  ['', []],
])('the processors of %j', (text, cpus) => {
  expect(parseCpuList(text)).toEqual(cpus);
});

it.runIf(process.platform === 'linux')('counts a process together with its child', async () => {
  const child = spawn('/bin/sh', ['-c', 'sleep 60 & echo started; wait'], { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  try {
    await once(child.stdout, 'data');
    const whole = figuresOf(process.pid).rssBytes;
    const part = figuresOf(child.pid ?? 0).rssBytes;
    expect(part).toBeGreaterThan(0);
    expect(whole).toBeGreaterThan(part);
  } finally {
    process.kill(-(child.pid ?? 0), 'SIGKILL');
    await once(child, 'exit');
  }
});

it.runIf(process.platform === 'linux')('does not take a process that has ended for one that costs nothing', async () => {
  const child = spawn('true', { stdio: 'ignore' });
  await once(child, 'exit');
  expect(() => figuresOf(child.pid ?? 0)).toThrow(/has ended/);
});
