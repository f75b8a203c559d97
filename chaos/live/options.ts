/** What is asked of the chaos program, and which scenarios that means. Reading the command line is the business of the verb. Pure. */
import { UsageError } from '../../cli/usage-error.ts';
import { SCENARIOS, scenarioNamed } from './catalogue.ts';
import type { Backend, Scenario } from './scenario.ts';
import type { WorkloadChoice } from './workloads.ts';

export type Settings = {
  readonly trials: number;
  readonly seed: string;
  readonly minutes: number | null;
  readonly backend: Backend;
  readonly etcdMembers: 1 | 3;
  /** What runs beside the ledger. */
  readonly workload: WorkloadChoice;
  readonly double: boolean;
  readonly json: boolean;
  /** A directory. */
  readonly report: string | null;
  readonly keep: boolean;
};

/** As it was said; a seed that was not said is drawn. */
type SaidSettings = Omit<Settings, 'seed'> & { readonly seed: string | null };

export type Wish =
  | { readonly kind: 'run'; readonly names: readonly string[]; readonly all: boolean; readonly settings: SaidSettings }
  | { readonly kind: 'random'; readonly settings: SaidSettings };

export type Request =
  | { readonly kind: 'run'; readonly scenarios: readonly Scenario[]; readonly isEverything: boolean; readonly settings: Settings }
  | { readonly kind: 'random'; readonly settings: Settings };

/** Throws a usage error for what cannot be meant. */
export function requestOf(wish: Wish, drawnSeed: string): Request {
  const settings = { ...wish.settings, seed: wish.settings.seed ?? drawnSeed };
  if (settings.backend === 'containers') refuseOnContainers(wish);
  if (wish.kind === 'random') return { kind: 'random', settings };
  return { kind: 'run', scenarios: scenariosOf(wish), isEverything: wish.all, settings };
}

function refuseOnContainers({ kind, settings: { etcdMembers } }: Wish): void {
  if (kind === 'random') throw new UsageError('the random mode strikes at processes', 'Use --backend processes or namespaces.');
  if (etcdMembers !== 3) throw new UsageError('docker-compose.yml has three etcd members', 'Leave --etcd-members out.');
}

function scenariosOf({ names, all }: { readonly names: readonly string[]; readonly all: boolean }): readonly Scenario[] {
  const hint = 'See `pgbaton chaos list`.';
  if (all === names.length > 0) throw new UsageError('name the scenarios, or say --all', hint);
  if (all) return SCENARIOS;
  const unknown = names.filter((name) => scenarioNamed(name) === null);
  if (unknown.length > 0) throw new UsageError(`there is no scenario ${unknown.join(', ')}`, hint);
  return [...new Set(names)].map(scenarioNamed).filter((scenario) => scenario !== null);
}

/** The words after `pgbaton chaos` that do the same again. How many rounds fit into some minutes depends on the machine, so they are counted. */
export function repeatArguments(request: Request, rounds: number): string {
  const { trials, seed, minutes, backend, etcdMembers, workload, double } = request.settings;
  const names = request.kind === 'random' ? [] : request.isEverything ? ['--all'] : request.scenarios.map(({ name }) => name);
  const words = [
    request.kind,
    ...names,
    ...['--trials', String(request.kind === 'random' ? Math.max(1, rounds) : trials)],
    ...['--seed', seed, '--backend', backend, '--etcd-members', String(etcdMembers), '--workload', workload],
    ...(request.kind === 'run' && minutes !== null ? ['--minutes', String(minutes)] : []),
    ...(double ? ['--double'] : []),
  ];
  return words.map(quoted).join(' ');
}

/** For a shell of the Bourne family. */
function quoted(word: string): string {
  return /^[\w.,:=/-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
