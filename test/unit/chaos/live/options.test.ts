import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../../cli/usage-error.ts';
import { SABOTAGE, SCENARIOS } from '../../../../chaos/live/catalogue.ts';
import { repeatArguments, requestOf, type Wish } from '../../../../chaos/live/options.ts';
import { timeLeft } from '../../../../chaos/live/progress.ts';

const settings: Wish['settings'] = {
  trials: 3,
  seed: null,
  minutes: null,
  backend: 'processes',
  etcdMembers: 3,
  workload: 'ledger',
  double: false,
  json: false,
  report: null,
  keep: false,
};
const run = (names: readonly string[], all = false): Wish => ({ kind: 'run', names, all, settings });

describe('what is asked of chaos', () => {
  it('has the seed that was said, and a drawn one when none was', () => {
    expect(requestOf(run(['node-kill']), '42').settings.seed).toBe('42');
    expect(requestOf({ kind: 'random', settings: { ...settings, seed: '7' } }, '42').settings.seed).toBe('7');
  });

  it('is everything only when told so', () => {
    const everything = requestOf(run([], true), '1');
    expect(everything.kind === 'run' && everything.isEverything && everything.scenarios.length).toBe(SCENARIOS.length);
    const names = everything.kind === 'run' ? everything.scenarios.map(({ name }) => name) : [];
    for (const { name } of SABOTAGE) expect(names).not.toContain(name);
    expect(requestOf(run(['node-kill']), '1')).toMatchObject({ isEverything: false, scenarios: [{ name: 'node-kill' }] });
  });

  it.each([[run([])], [run(['node-kill'], true)], [run(['node-kill', 'no-such-scenario'])]])('is refused as %j', (wish) => {
    expect(() => requestOf(wish, '1')).toThrow(UsageError);
  });
});

describe('containers', () => {
  const onContainers = { ...settings, backend: 'containers' } as const;
  it('are broken by scenarios', () => {
    expect(requestOf({ ...run(['pause-container']), settings: onContainers }, '1').settings.backend).toBe('containers');
  });

  it.each<[Wish]>([
    [{ kind: 'random', settings: onContainers }],
    [{ kind: 'run', names: ['node-kill'], all: false, settings: { ...onContainers, etcdMembers: 1 } }],
  ])('are not what %j could mean', (wish) => {
    expect(() => requestOf(wish, '1')).toThrow(UsageError);
  });
});

describe('the words that do the same again', () => {
  it('name what was played, with the seed that was drawn', () => {
    expect(repeatArguments(requestOf(run(['node-kill', 'switchover']), '42'), 0)).toBe(
      'run node-kill switchover --trials 3 --seed 42 --backend processes --etcd-members 3 --workload ledger',
    );
    expect(repeatArguments(requestOf(run([], true), '42'), 0)).toMatch(/^run --all --trials 3 /);
    expect(repeatArguments(requestOf({ ...run(['node-kill']), settings: { ...settings, minutes: 2 } }, '1'), 0)).toMatch(/ --minutes 2$/);
  });

  it('count the rounds that fitted into the minutes', () => {
    const random = requestOf({ kind: 'random', settings: { ...settings, minutes: 30, double: true } }, '42');
    expect(repeatArguments(random, 57)).toBe(
      'random --trials 57 --seed 42 --backend processes --etcd-members 3 --workload ledger --double',
    );
  });

  it('are safe to paste, whatever the seed was', () => {
    expect(repeatArguments(requestOf(run(['node-kill']), `it's; rm $HOME`), 0)).toContain(String.raw`--seed 'it'\''s; rm $HOME' --backend`);
  });
});
describe('the catalogue', () => {
  it('has as only clusters without a quorum those that are made to lose something, and they can be asked for by name', () => {
    expect(SCENARIOS.filter(({ mode }) => mode !== 'quorum')).toEqual([]);
    for (const { name } of SABOTAGE) expect(requestOf(run([name]), '1')).toMatchObject({ isEverything: false, scenarios: [{ name }] });
  });

  it('names every scenario once, and each says what it does, what must hold and how it heals', () => {
    const all = [...SCENARIOS, ...SABOTAGE];
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    for (const { name, faults, does, holds, clientsSee, heals } of all) {
      expect(name).toMatch(/^[a-z0-9-]+$/);
      expect(faults.every((id) => /^F\d+$/.test(id)) && faults.length > 0, name).toBe(true);
      expect([does, holds, heals].every((text) => text.length > 10) && clientsSee.length > 0, name).toBe(true);
    }
  });
});

describe('the time left', () => {
  it('is told in seconds, then in minutes', () => {
    expect([timeLeft(0.2), timeLeft(70), timeLeft(150)]).toEqual(['about 1 s', 'about 70 s', 'about 3 min']);
  });
});
