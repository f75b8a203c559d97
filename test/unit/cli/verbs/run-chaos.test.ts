import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import type { Wish } from '../../../../chaos/live/options.ts';
import { EndedWith } from '../../../../cli/ended-with.ts';
import type { Terminal } from '../../../../cli/terminal.ts';
import { addChaosVerb } from '../../../../cli/verbs/run-chaos.ts';

const terminal: Terminal = {
  out: () => undefined,
  err: () => undefined,
  canAsk: false,
  outIsTerminal: false,
  env: {},
  paint: (_, plain) => plain,
};

/** What the program is asked, without anything being broken. */
async function asked(args: readonly string[], exitCode = 0): Promise<readonly unknown[]> {
  const told: unknown[] = [];
  const program = new Command('pgbaton').exitOverride().configureOutput({ writeErr: () => undefined, outputError: () => undefined });
  addChaosVerb(program, { terminal }, async () => ({
    runChaos: async (wish: Wish) => {
      told.push(wish);
      return exitCode;
    },
    listScenarios: (how: { readonly json: boolean }) => {
      told.push(how);
    },
  }));
  await program.parseAsync(['chaos', ...args], { from: 'user' });
  return told;
}

describe('the chaos verb', () => {
  it('runs named scenarios with sensible defaults', async () => {
    const settings = {
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
    expect(await asked(['run', 'node-kill', 'switchover'])).toEqual([
      { kind: 'run', names: ['node-kill', 'switchover'], all: false, settings },
    ]);
    expect(await asked(['run', '--all'])).toMatchObject([{ names: [], all: true }]);
  });

  it('hands over every option', async () => {
    const given = [
      '--trials',
      '9',
      '--seed',
      's',
      '--minutes',
      '2.5',
      '--backend',
      'namespaces',
      '--etcd-members',
      '1',
      '--workload',
      'bank',
    ];
    const settings = {
      trials: 9,
      seed: 's',
      minutes: 2.5,
      backend: 'namespaces',
      etcdMembers: 1,
      workload: 'bank',
      json: true,
      report: 'there',
      keep: true,
    };
    const all = [...given, '--json', '--report', 'there', '--keep'];
    expect(await asked(['run', 'node-kill', ...all])).toMatchObject([{ settings }]);
    expect(await asked(['random', ...all, '--double'])).toMatchObject([{ kind: 'random', settings: { ...settings, double: true } }]);
    expect(await asked(['random'])).toMatchObject([{ settings: { trials: 10, workload: 'all', double: false } }]);
    expect(await asked(['list', '--json'])).toEqual([{ json: true }]);
  });

  it.each([
    [[]],
    [['fly']],
    [['run', 'node-kill', '--trials', '0']],
    [['run', 'node-kill', '--trials', '1.5']],
    [['run', 'node-kill', '--minutes', '-1']],
    [['run', 'node-kill', '--backend', 'cloud']],
    [['run', 'node-kill', '--etcd-members', '2']],
    [['run', 'node-kill', '--double']],
    [['random', 'node-kill']],
    [['run', 'node-kill', '--nonsense']],
  ])('refuses %j before anything is loaded', async (args) => {
    await expect(asked(args)).rejects.toMatchObject({ code: expect.stringContaining('commander.') });
  });

  it('passes on the exit code, and says nothing more', async () => {
    await expect(asked(['random'], 130)).rejects.toEqual(new EndedWith(130));
  });
});
