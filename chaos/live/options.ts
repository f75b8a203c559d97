/** The command line of `npm run chaos`: what is asked for, or what is wrong with it. Pure. */
import { parseArgs } from 'node:util';
import { messageOf } from '../../shared/errors.ts';
import { SCENARIOS, scenarioNamed } from './catalogue.ts';
import type { Backend, Scenario } from './scenario.ts';

export type Settings = {
  readonly trials: number;
  readonly seed: string;
  readonly minutes: number | null;
  readonly backend: Backend;
  readonly etcdMembers: 1 | 3;
  readonly double: boolean;
  readonly json: boolean;
  readonly report: string | null;
  readonly keep: boolean;
};

export type Request =
  | { readonly kind: 'list'; readonly json: boolean }
  | { readonly kind: 'run'; readonly scenarios: readonly Scenario[]; readonly isEverything: boolean; readonly settings: Settings }
  | { readonly kind: 'random'; readonly settings: Settings }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly why: string };

export const USAGE = `Usage: npm run chaos -- list
       npm run chaos -- run NAME… | run --all
       npm run chaos -- random [--minutes M | --trials N] [--double]

  --trials N         how often each scenario is played (3), how many random rounds (10)
  --seed S           whom it hits, when, and for how long; printed with every report
  --minutes M        random: as many rounds as fit; cpu-load-with-etcd-stalls: how long (1)
  --double           random: always two faults at once
  --backend B        processes (default), or namespaces: root only, partitions need it
  --etcd-members N   1 or 3 (3)
  --json             the report with every trial as JSON on stdout
  --report FILE      the same into a file; logs of bad or slow trials into FILE.logs
  --keep             leave the directories with data and logs behind

Exit code 0: everything held. 1: something did not, see the reasons. 2: wrong usage.
`;

export function readRequest(args: readonly string[], defaultSeed: string): Request {
  try {
    return parse(args, defaultSeed);
  } catch (error) {
    return { kind: 'wrong', why: messageOf(error) };
  }
}

function parse(args: readonly string[], defaultSeed: string): Request {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      all: { type: 'boolean', default: false },
      trials: { type: 'string' },
      seed: { type: 'string', default: defaultSeed },
      minutes: { type: 'string' },
      backend: { type: 'string', default: 'processes' },
      'etcd-members': { type: 'string', default: '3' },
      double: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      report: { type: 'string' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return { kind: 'help' };
  const [verb, ...names] = positionals;
  if (verb === 'list') return { kind: 'list', json: values.json };
  if (verb !== 'run' && verb !== 'random')
    return { kind: 'wrong', why: verb === undefined ? 'list, run or random?' : `${verb} is unknown` };
  const { backend } = values;
  if (backend !== 'processes' && backend !== 'namespaces')
    return { kind: 'wrong', why: `--backend is processes or namespaces, not ${backend}` };
  const members = values['etcd-members'];
  if (members !== '1' && members !== '3') return { kind: 'wrong', why: '--etcd-members is 1 or 3' };
  const settings: Settings = {
    trials: positive('--trials', values.trials ?? (verb === 'run' ? '3' : '10'), true),
    seed: values.seed,
    minutes: values.minutes === undefined ? null : positive('--minutes', values.minutes, false),
    backend,
    etcdMembers: members === '1' ? 1 : 3,
    double: values.double,
    json: values.json,
    report: values.report ?? null,
    keep: values.keep,
  };
  if (verb === 'random') return { kind: 'random', settings };
  return whatToRun(names, values.all, settings);
}

function whatToRun(names: readonly string[], all: boolean, settings: Settings): Request {
  if (all === names.length > 0) return { kind: 'wrong', why: 'name the scenarios, or say --all' };
  if (all) return { kind: 'run', scenarios: SCENARIOS, isEverything: true, settings };
  const unknown = names.filter((name) => scenarioNamed(name) === null);
  if (unknown.length > 0) return { kind: 'wrong', why: `there is no scenario ${unknown.join(', ')}` };
  const scenarios = names.map(scenarioNamed).filter((scenario) => scenario !== null);
  return { kind: 'run', scenarios, isEverything: false, settings };
}

function positive(option: string, text: string, whole: boolean): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0 || (whole && !Number.isInteger(value)))
    throw new Error(`${option} is a ${whole ? 'whole ' : ''}number above 0, not ${text}`);
  return value;
}
