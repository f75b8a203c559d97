/**
 * One trial from beginning to end: the cluster is whole, clients write steadily, something is done, everything is healed, the cluster becomes whole
 * unaided, and every acknowledged row is looked up. Whatever the cluster fails to reach is part of the result; only Ctrl-C, or a cluster that was
 * not well before anything was done to it, ends a trial without one.
 */
import { messageOf } from '../../shared/errors.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import type { Random } from '../../shared/runtime/random.ts';
import { withoutDoors } from '../containers/addresses.ts';
import { Interrupted, NotReached, throwIfInterrupted } from '../cluster/interrupted.ts';
import { Wounds } from '../faults/fault.ts';
import { directUri, type Field } from '../faults/ground.ts';
import { countEarlierRows, readLedgerDigest, readLedgerRows } from '../ledger/read-rows.ts';
import type { Cluster } from './bench.ts';
import { Clients } from './clients.ts';
import type { Traffic, Workload, WorkloadVerdict } from '../workload/workload.ts';
import type { Trial } from './judge.ts';
import { measure, type Evidence } from './measure.ts';
import type { PlayOptions, Scenario } from './scenario.ts';
import { Sight } from './sight.ts';
import { Stage } from './stage.ts';

const WHOLE_BEFORE_MS = 60_000;
const STEADY_WITHIN_MS = 20_000;
/** Judged by nobody but the reader: a clone of a small node takes some seconds, a rewind less. */
const WHOLE_AFTER_MS = 90_000;
const EQUAL_WITHIN_MS = 10_000;
/** Quiet writing before and after, so that what lies between is the fault's doing. */
const SETTLE_MS = 1_000;
/** The lease is renewed once in so many milliseconds; the fault falls anywhere between two renewals. */
const PHASE_MS = 1_000;

export type TrialOptions = {
  readonly cluster: Cluster;
  readonly scenario: Scenario;
  readonly trial: number;
  readonly seed: string;
  readonly random: Random;
  readonly play: PlayOptions;
  /** What runs beside the ledger; `run` is a number that no other trial on this cluster has. */
  readonly workloadsFor: (field: Field, run: number) => readonly Workload[];
  readonly signal: AbortSignal;
  readonly onHappening: (text: string) => void;
};

export async function runTrial({
  cluster,
  scenario,
  trial,
  seed,
  random,
  play,
  workloadsFor,
  signal,
  onHappening,
}: TrialOptions): Promise<Trial> {
  const { site } = cluster;
  const sight = new Sight(site.field.plan);
  const wounds = new Wounds();
  const run = cluster.beginTrial();
  const clients = new Clients(site.field, run);
  const workloads = workloadsFor(site.field, run);
  const stage = new Stage({ site, sight, wounds, clients, random, signal, onHappening });
  try {
    await stage.untilWhole(WHOLE_BEFORE_MS);
    await stage.castRoles();
    await Promise.all(workloads.map(async (workload) => workload.prepare()));
    await scenario.prepare?.(stage);
    for (const traffic of [clients, ...workloads]) traffic.start();
    await untilSteady(stage);
    await stage.castRoles();
    const claimsBefore = (await sight.claims()).length;
    await stage.pause(SETTLE_MS + random() * PHASE_MS);
    const stopped = await played(scenario, stage, play);
    const failures = await stage.healEverything();
    if (failures.length > 0) throw new Error(`could not heal: ${failures.join('; ')}`);
    const ending = await settle(stage, stopped);
    await stopAll([clients, ...workloads]);
    const history = await sight.claims();
    const claims = history.slice(claimsBefore);
    const evidence = await gather(stage, {
      entries: withoutDoors(clients.entries(), site.doors),
      claims,
      history,
      isWhole: ending.wholeAfterMs !== null,
      rowsBefore: cluster.rowsSoFar,
    });
    const total = evidence.digests.find(({ digest }) => digest?.standby === false)?.digest?.rows;
    if (total !== undefined) cluster.rememberRows(total);
    const verdicts = await judgeAll(stage, workloads);
    return conclude(stage, { scenario: scenario.name, trial, seed, ...ending, figures: measure(evidence), workloads: verdicts });
  } finally {
    // After an interruption or a defect too; healing twice does no harm.
    stage.close();
    for (const failure of await wounds.healAll()) onHappening(`could not heal ${failure}`);
    await stopAll([clients, ...workloads]).catch(() => undefined);
  }
}

async function stopAll(traffic: readonly Traffic[]): Promise<void> {
  await Promise.all(traffic.map(async (one) => one.stop()));
}

/** After everything is healed, by whoever leads then. */
async function judgeAll(stage: Stage, workloads: readonly Workload[]): Promise<readonly WorkloadVerdict[]> {
  if (workloads.length === 0) return [];
  const leader = await stage.sight.servingLeader();
  const uri = leader === null ? null : directUri(stage.field, leader.name);
  return Promise.all(workloads.map(async (workload) => workload.judge(uri)));
}

async function untilSteady(stage: Stage): Promise<void> {
  const sinceMs = monotonicMs();
  await stage.until('every client writes', STEADY_WITHIN_MS, async () => (stage.clients.isSteadySince(sinceMs) ? true : null));
}

/** Null, or what the cluster did not reach. */
async function played(scenario: Scenario, stage: Stage, options: PlayOptions): Promise<string | null> {
  try {
    await scenario.play(stage, options);
    return null;
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    // What the cluster did not reach, or a fault that could not be done: neither may pass, and what clients saw is measured all the same.
    const why = error instanceof NotReached ? error.message : `could not be played: ${messageOf(error)}`;
    stage.say(why);
    return why;
  }
}

type Ending = Pick<Trial, 'stopped' | 'wholeAfterMs'>;

/** The healed final phase: nobody helps any more. */
async function settle(stage: Stage, stopped: string | null): Promise<Ending> {
  try {
    await stage.until('the cluster is whole', WHOLE_AFTER_MS, async () => stage.wholeAfterMs);
    const { wholeAfterMs } = stage;
    await untilSteady(stage);
    await stage.pause(SETTLE_MS);
    // What was whole once and is not any more has not healed.
    await stage.untilWhole(WHOLE_AFTER_MS);
    stage.say(`the cluster is whole, ${String(wholeAfterMs)} ms after it was left alone`);
    return { stopped, wholeAfterMs };
  } catch (error) {
    if (!(error instanceof NotReached)) throw error;
    stage.say(error.message);
    const why = `${error.message}; ${(await stage.missing()) ?? 'nothing is missing'}`;
    return { stopped: stopped === null ? why : `${stopped}; ${why}`, wholeAfterMs: null };
  }
}

async function gather(
  stage: Stage,
  {
    entries,
    claims,
    history,
    isWhole,
    rowsBefore,
  }: Pick<Evidence, 'entries' | 'claims' | 'history'> & { readonly isWhole: boolean; readonly rowsBefore: number },
): Promise<Evidence> {
  const { clients, faultMs } = stage;
  const untilMs = clients.stoppedMs;
  const sinceMs = faultMs ?? untilMs;
  // The leader of a cluster that is not whole has to have every row too; its standbys need not have come so far.
  const leader = await stage.sight.servingLeader();
  const { rows, earlier } = leader === null ? NOTHING_READ : await rowsOf(stage, leader.name, rowsBefore);
  const epochsRaised = leader === null ? null : Number(leader.epoch) - stage.epoch;
  const digests = isWhole ? await digestsOf(stage) : [];
  return {
    window: { faultMs: sinceMs, untilMs },
    entries,
    errors: clients.errorsSince(sinceMs),
    rows,
    earlier,
    digests,
    epochsRaised,
    claims,
    history,
  };
}

type RowsRead = Pick<Evidence, 'rows' | 'earlier'>;

/** Who cannot be read from has shown nothing; the judge knows what to make of that. */
const NOTHING_READ: RowsRead = { rows: null, earlier: null };

async function rowsOf({ field, clients }: Stage, leader: string, rowsBefore: number): Promise<RowsRead> {
  const uri = directUri(field, leader);
  try {
    const now = await countEarlierRows(uri, clients.range.from);
    return { rows: await readLedgerRows(uri, clients.range), earlier: { before: rowsBefore, now } };
  } catch {
    return NOTHING_READ;
  }
}

/** Standbys replay a little later; they get the time for it. */
async function digestsOf(stage: Stage): Promise<Evidence['digests']> {
  const deadlineMs = monotonicMs() + EQUAL_WITHIN_MS;
  for (;;) {
    throwIfInterrupted(stage.signal);
    const digests = await Promise.all(
      stage.field.plan.nodes.map(async ({ name }) => ({
        node: name,
        digest: await readLedgerDigest(directUri(stage.field, name)).catch(() => null),
      })),
    );
    const isEqual = new Set(digests.map(({ digest }) => digest?.word)).size === 1;
    if (isEqual || monotonicMs() > deadlineMs) return digests;
    await stage.pause(100);
  }
}

function conclude(stage: Stage, trial: Omit<Trial, 'leader' | 'findings' | 'happenings'>): Trial {
  const { faultMs, leader, findings, happenings } = stage;
  return {
    ...trial,
    leader,
    findings,
    // A blow is told when it has fallen and dated when it began to, so that others may have been told before it.
    happenings: happenings
      .toSorted((a, b) => a.atMs - b.atMs)
      .map(({ atMs, ...happening }) => ({ ...happening, afterFaultMs: Math.round(atMs - (faultMs ?? atMs)) })),
  };
}
