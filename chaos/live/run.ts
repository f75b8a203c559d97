/** Plays scenarios one after the other on clusters of the shape they need. Trials of the scenarios take turns, so that a slow minute hits them all. */
import type { Environment } from '../../cli/local/binaries.ts';
import { messageOf } from '../../shared/errors.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { Interrupted } from '../cluster/interrupted.ts';
import { Bench, isSame, unmetNeeds, type Shape } from './bench.ts';
import { diceFor } from './dice.ts';
import { isSuspicious, judgeTrial, type Trial } from './judge.ts';
import type { Settings } from './options.ts';
import { Progress } from './progress.ts';
import { drawBlows, scenarioOf } from './random.ts';
import { logsOf, writeHistory } from './report-files.ts';
import type { NotPlayed, Played } from './report.ts';
import { playedOn, type Scenario } from './scenario.ts';
import { runTrial } from './trial.ts';
import { WEAPONS } from './weapons.ts';
import { makeWorkloads } from './workloads.ts';
import type { Field } from '../faults/ground.ts';
import type { Random } from '../../shared/runtime/random.ts';
import { withEpochs, type Workload } from '../workload/workload.ts';

export type RunOptions = { readonly settings: Settings; readonly env: Environment; readonly signal: AbortSignal };

export type Outcome = { readonly played: readonly Played[]; readonly notPlayed: readonly NotPlayed[]; readonly interrupted: boolean };

const CLUSTER_SECONDS = 15;

export async function runScenarios(scenarios: readonly Scenario[], { settings, env, signal }: RunOptions): Promise<Outcome> {
  const notPlayed = scenarios.flatMap((scenario) => {
    const why = whyNot(scenario, settings, env);
    return why === null ? [] : [{ scenario: scenario.name, why }];
  });
  const possible = scenarios
    .filter(({ name }) => !notPlayed.some(({ scenario }) => scenario === name))
    .map((scenario) => playedOn(settings.backend, scenario));
  const play = { minutes: settings.minutes ?? 1 };
  const seconds = possible.reduce((sum, scenario) => sum + scenario.secondsExpected(play), 0) * settings.trials;
  const progress = new Progress({ kind: 'work', seconds: seconds + CLUSTER_SECONDS });
  const played = possible.map((scenario) => ({ scenario, trials: [] as Trial[] }));
  const bench = benchFor({ settings, env, signal }, progress);
  // Of one shape at a time: a cluster is made once for all that can share it.
  const shapes = played
    .map(({ scenario }) => shapeOf(scenario, settings))
    .filter((shape, at, all) => all.findIndex((other) => isSame(shape, other)) === at);
  const interrupted = await takingDown(bench, async () => {
    for (const shape of shapes) {
      const sharing = played.filter(({ scenario }) => isSame(shapeOf(scenario, settings), shape));
      for (let trial = 1; trial <= settings.trials; trial += 1) {
        for (const { scenario, trials } of sharing) {
          progress.begin(`${scenario.name}, trial ${String(trial)} of ${String(settings.trials)}`);
          trials.push(await playOnce({ bench, shape, scenario, trial, progress, options: { settings, env, signal } }));
        }
      }
    }
  });
  return { played: played.filter(({ trials }) => trials.length > 0), notPlayed, interrupted };
}

export async function runRandom({ settings, env, signal }: RunOptions): Promise<Outcome> {
  const { seed, trials, minutes, double, backend } = settings;
  const weapons = WEAPONS.filter((weapon) => unmetNeeds({ needs: weapon.needs, onContainers: null }, backend, env).length === 0);
  const drawn = (round: number): Scenario => scenarioOf(drawBlows(diceFor(seed, 'blows', round), weapons, double));
  const seconds = Array.from({ length: trials }, (_, at) => drawn(at + 1).secondsExpected({ minutes: 1 })).reduce(
    (sum, one) => sum + one,
    0,
  );
  const progress = new Progress(
    minutes === null ? { kind: 'work', seconds: seconds + CLUSTER_SECONDS } : { kind: 'clock', seconds: minutes * 60 },
  );
  const bench = benchFor({ settings, env, signal }, progress);
  const shape: Shape = { backend, etcdMembers: settings.etcdMembers, mode: 'quorum', disk: 'none' };
  const played: Played[] = [];
  const untilMs = minutes === null ? Number.POSITIVE_INFINITY : monotonicMs() + minutes * 60_000;
  const interrupted = await takingDown(bench, async () => {
    for (let round = 1; (minutes !== null || round <= trials) && monotonicMs() < untilMs; round += 1) {
      const scenario = drawn(round);
      progress.begin(`round ${String(round)}: ${scenario.does}`);
      const options = { settings, env, signal };
      played.push({ scenario, trials: [await playOnce({ bench, shape, scenario, trial: round, progress, options })] });
    }
  });
  return { played, notPlayed: [], interrupted };
}

type OneTrial = {
  readonly bench: Bench;
  readonly shape: Shape;
  readonly scenario: Scenario;
  readonly trial: number;
  readonly progress: Progress;
  readonly options: RunOptions;
};

async function playOnce({ bench, shape, scenario, trial, progress, options: { settings, signal } }: OneTrial): Promise<Trial> {
  const { seed } = settings;
  const play = { minutes: settings.minutes ?? 1 };
  const onHappening = (text: string): void => {
    progress.line(`    ${text}`);
  };
  const random = diceFor(seed, scenario.name, trial);
  let workloads: readonly Workload[] = [];
  const workloadsFor = (field: Field, run: number): readonly Workload[] => {
    const randomFor = (name: string): Random => diceFor(seed, name, scenario.name, trial);
    workloads = makeWorkloads(settings.workload, { field, run, randomFor });
    return workloads;
  };
  const result = await tried(scenario, { trial, seed }, async () =>
    runTrial({ cluster: await bench.clusterOf(shape), scenario, trial, seed, random, play, workloadsFor, signal, onHappening }),
  );
  progress.done(scenario.secondsExpected(play));
  const reasons = judgeTrial(result, scenario.demand);
  const outage =
    result.figures === null ? 'nothing measured' : `${result.figures.outage.lengthMs.toFixed(0)} ms without an acknowledgement`;
  progress.line(`  ${reasons.length === 0 ? 'held' : 'FAILED'}: ${outage}${reasons.map(({ text }) => `; ${text}`).join('')}`);
  if ((reasons.length > 0 || isSuspicious(result, scenario.demand)) && settings.report !== null) {
    const logs = logsOf(settings.report, scenario.name, trial);
    await bench.saveLogs(logs);
    for (const workload of workloads)
      writeHistory(logs, workload.name, withEpochs(workload.history(), result.figures?.timeline.leaderships ?? []));
    progress.line(`  the logs are in ${logs}`);
  }
  // A cluster that did not heal would fail whatever is played next.
  if (result.wholeAfterMs === null) await bench.discard();
  return result;
}

/** A trial that never came to its fault counts as one that failed, and the next one gets a new cluster. */
async function tried(scenario: Scenario, of: Pick<Trial, 'trial' | 'seed'>, run: () => Promise<Trial>): Promise<Trial> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    const nothing = { leader: null, figures: null, workloads: [], findings: [], wholeAfterMs: null, happenings: [] };
    return { scenario: scenario.name, ...of, ...nothing, stopped: `ended without a result: ${messageOf(error)}` };
  }
}

function benchFor({ settings, env, signal }: RunOptions, progress: Progress): Bench {
  const onLine = (text: string): void => {
    progress.line(`  ${text}`);
  };
  return new Bench({ env, keep: settings.keep, onLine, signal });
}

/** True when somebody interrupted; the trials that were over by then are still worth a report. */
async function takingDown(bench: Bench, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return false;
  } catch (error) {
    if (error instanceof Interrupted) return true;
    throw error;
  } finally {
    await bench.discard();
  }
}

function shapeOf({ needs, name, mode }: Scenario, { backend, etcdMembers }: Settings): Shape {
  // A node that was moved onto a disk of its own stays there, so scenarios with disks share no cluster with others.
  return { backend, etcdMembers, mode, disk: needs.includes('mounts') ? name : 'none' };
}

function whyNot(scenario: Scenario, { backend, etcdMembers }: Settings, env: Environment): string | null {
  if (scenario.etcdMembersLeast > etcdMembers) return `it needs ${String(scenario.etcdMembersLeast)} etcd members`;
  const unmet = unmetNeeds(scenario, backend, env);
  return unmet.length === 0 ? null : `it needs ${unmet.join(', ')}`;
}
