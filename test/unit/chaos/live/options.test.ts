import { describe, expect, it } from 'vitest';
import { SCENARIOS } from '../../../../chaos/live/catalogue.ts';
import { readRequest, type Request } from '../../../../chaos/live/options.ts';
import { timeLeft } from '../../../../chaos/live/progress.ts';

const read = (...args: readonly string[]): Request => readRequest(args, '42');

describe('the command line of chaos', () => {
  it('runs named scenarios with sensible defaults, and any seed that was given', () => {
    expect(read('run', 'postmaster-kill')).toMatchObject({
      kind: 'run',
      isEverything: false,
      settings: { trials: 3, seed: '42', backend: 'processes', etcdMembers: 3, minutes: null, double: false },
    });
    expect(read('random', '--trials', '100', '--double', '--seed', '7')).toMatchObject({
      kind: 'random',
      settings: { trials: 100, seed: '7', double: true },
    });
    expect(read('random', '--minutes', '2.5')).toMatchObject({ settings: { minutes: 2.5 } });
  });

  it('runs everything only when told so', () => {
    const everything = read('run', '--all');
    expect(everything.kind === 'run' && everything.isEverything && everything.scenarios.length).toBe(SCENARIOS.length);
  });

  it.each([
    [[]],
    [['fly']],
    [['run']],
    [['run', 'no-such-scenario']],
    [['run', '--all', 'node-kill']],
    [['run', 'node-kill', '--trials', '0']],
    [['run', 'node-kill', '--trials', '1.5']],
    [['run', 'node-kill', '--backend', 'cloud']],
    [['run', 'node-kill', '--etcd-members', '2']],
    [['run', 'node-kill', '--nonsense']],
  ])('refuses %j', (args) => {
    expect(read(...args).kind).toBe('wrong');
  });
});

describe('the catalogue', () => {
  it('names every scenario once, and each says what it does, what must hold and how it heals', () => {
    expect(new Set(SCENARIOS.map(({ name }) => name)).size).toBe(SCENARIOS.length);
    for (const { name, faults, does, holds, heals } of SCENARIOS) {
      expect(name).toMatch(/^[a-z0-9-]+$/);
      expect(faults.every((id) => /^F\d+$/.test(id)) && faults.length > 0, name).toBe(true);
      expect(
        [does, holds, heals].every((text) => text.length > 10),
        name,
      ).toBe(true);
    }
  });
});

describe('the time left', () => {
  it('is told in seconds, then in minutes', () => {
    expect([timeLeft(0.2), timeLeft(70), timeLeft(150)]).toEqual(['about 1 s', 'about 70 s', 'about 3 min']);
  });
});
