/**
 * `chaos list|run|random`: breaks local clusters and judges what clients saw. The only place where the options of the chaos program are read;
 * `npm run chaos` is this verb after the set-up. What is asked for is handed over as it was said: which scenarios there are, the program knows.
 */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { EndedWith } from '../ended-with.ts';
import { oneOrThree, wholeNumber, type Context } from './context.ts';

/** Loaded on demand: no other verb needs the faults and their libraries. */
const loadChaos = async () => import('../../chaos/live/main.ts');

type Flags = {
  readonly trials: number;
  readonly seed?: string;
  readonly minutes?: number;
  readonly backend: 'processes' | 'namespaces' | 'containers';
  readonly etcdMembers: 1 | 3;
  readonly workload: 'ledger' | 'bank' | 'list-append' | 'all';
  readonly json?: boolean;
  readonly report?: string;
  readonly keep?: boolean;
};

const EXIT_CODES = `
Exit codes: 0 everything held, 1 something did not, 2 wrong usage, 130 interrupted.
`;
const TRIALS_MAX = 100_000;

export function addChaosVerb(program: Command, { terminal }: Context, load: typeof loadChaos = loadChaos): void {
  const chaos = program
    .command('chaos')
    .description('break clusters on purpose, and judge what clients saw')
    .addHelpText('after', EXIT_CODES);
  chaos
    .command('list')
    .description('every scenario: what it does, what must hold, how it heals')
    .option('--json', 'as one line of JSON')
    .action(async ({ json = false }: { json?: boolean }) => {
      const { listScenarios } = await load();
      listScenarios({ json }, terminal);
    });
  addSettings(chaos.command('run').description('play scenarios by name, or all of them'), {
    whatTrialsAre: 'how often each scenario is played',
    trials: 3,
    // Times are held against bounds here, and whatever else runs could be what made them long.
    workload: 'ledger',
  })
    .argument('[name...]', 'scenarios, as `chaos list` names them')
    .option('--all', 'every scenario of the list')
    .option('--minutes <m>', 'how long cpu-load-with-etcd-stalls goes on (default: 1)', aboveZero)
    .action(async (names: readonly string[], { all = false, ...flags }: Flags & { all?: boolean }) => {
      const { runChaos } = await load();
      endWith(await runChaos({ kind: 'run', names, all, settings: { ...settingsOf(flags), double: false } }, terminal));
    });
  addSettings(chaos.command('random').description('one or two faults at once, drawn from the seed'), {
    whatTrialsAre: 'how many rounds',
    trials: 10,
    workload: 'all',
  })
    .option('--minutes <m>', 'as many rounds as fit, instead of --trials', aboveZero)
    .option('--double', 'always two faults at once')
    .action(async ({ double = false, ...flags }: Flags & { double?: boolean }) => {
      const { runChaos } = await load();
      endWith(await runChaos({ kind: 'random', settings: { ...settingsOf(flags), double } }, terminal));
    });
}

type Defaults = { readonly whatTrialsAre: string; readonly trials: number; readonly workload: Flags['workload'] };

function addSettings(command: Command, { whatTrialsAre, trials, workload }: Defaults): Command {
  return command
    .option('--trials <n>', whatTrialsAre, wholeNumber(1, TRIALS_MAX), trials)
    .option('--seed <s>', 'whom it hits, when, and for how long (default: drawn, and printed)')
    .addOption(
      new Option('--backend <b>', 'namespaces: root only, partitions need it; containers: the compose project of the checkout')
        .choices(['processes', 'namespaces', 'containers'])
        .default('processes'),
    )
    .option('--etcd-members <n>', 'etcd members, 1 or 3', oneOrThree, 3)
    .addOption(
      new Option(
        '--workload <w>',
        'what is written and read: the ledger, which always runs, and beside it nothing, one of the others, or all',
      )
        .choices(['ledger', 'bank', 'list-append', 'all'])
        .default(workload),
    )
    .option('--json', 'the report with every trial as one line of JSON on stdout')
    .option('--report <dir>', 'a directory for report.html, report.json, and the logs of bad or slow trials')
    .option('--keep', 'leave the directories with data and logs behind')
    .addHelpText('after', EXIT_CODES);
}

function settingsOf({ trials, seed, minutes, backend, etcdMembers, workload, json = false, report, keep = false }: Flags) {
  return { trials, seed: seed ?? null, minutes: minutes ?? null, backend, etcdMembers, workload, json, report: report ?? null, keep };
}

function aboveZero(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

function endWith(exitCode: number): void {
  if (exitCode !== 0) throw new EndedWith(exitCode);
}
