/**
 * One run of pgbench through one of the two ways, with switchovers while it runs. It asks for no switchover before the cluster is whole again from the
 * last one, and for none that pgbench would not see the end of.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { monotonicMs, wallClockIso } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import type { Running } from '../programs.ts';
import { momentsMs, TAIL_MS, type Contestant, type Course } from './course.ts';
import type { Run, Switchover } from './figures.ts';
import type { Ground } from './ground.ts';
import { IdleSessions } from './idle-sessions.ts';
import type { Options } from './options.ts';
import { parseOutcome, parseTransactions, type Transaction } from './pgbench-run.ts';
import { calmOf, stallsOf, type Stall, type Window } from './stalls.ts';

const LOG_PREFIX = 'transactions';
const POLL_MS = 20;
const MS_PER_S = 1_000;
/** Logging in, the last transactions, and a machine that is busy with something else. */
const GRACE_MS = 30_000;
/** pgbench says so when some of its clients gave up. */
const SOME_GAVE_UP = 2;

type Seen = { readonly window: Window; readonly told: Omit<Switchover, keyof Stall> };

const operationSchema = z.object({ stagesMs: z.record(z.string(), z.number()) });

export async function runHeat(ground: Ground, course: Course, contestant: Contestant, options: Options): Promise<Run> {
  await ground.untilWhole();
  await ground.untilOpen(contestant);
  clearLogs(ground.dir);
  const rowsBefore = await ground.historyRows();
  const idle = await IdleSessions.open(ground.entrance(contestant), course.idle);
  try {
    const beganMs = monotonicMs();
    const pgbench = ground.startPgbench(contestant, argsOf(course, options));
    try {
      const seen = await switchovers(ground, idle, pgbench, { beganMs, options });
      await untilEnded(pgbench, beganMs + options.seconds * MS_PER_S + GRACE_MS, ground.signal);
      return await gather(ground, pgbench, { seen, rowsBefore, busy: course.busy });
    } finally {
      await ground.programs.stop(pgbench);
    }
  } finally {
    await idle.close();
  }
}

function argsOf({ mode, busy }: Course, { seconds }: Options): readonly string[] {
  return ['-n', '-M', mode, '-c', String(busy), '-T', String(seconds), '--log', `--log-prefix=${LOG_PREFIX}`];
}

async function switchovers(
  ground: Ground,
  idle: IdleSessions,
  pgbench: Running,
  { beganMs, options: { seconds, switchovers: count } }: { readonly beganMs: number; readonly options: Options },
): Promise<readonly Seen[]> {
  const seen: Seen[] = [];
  const latestMs = beganMs + seconds * MS_PER_S - TAIL_MS;
  for (const momentMs of momentsMs(seconds, count)) {
    while (monotonicMs() < beganMs + momentMs && !pgbench.hasEnded()) {
      await sleep(POLL_MS, ground.signal);
      ground.signal.throwIfAborted();
    }
    // The last one may be a poll late; one that had to wait for a slow cluster is left out.
    if (pgbench.hasEnded() || monotonicMs() > latestMs + 10 * POLL_MS) return seen;
    seen.push(await switchOver(ground, idle));
  }
  return seen;
}

async function switchOver(ground: Ground, idle: IdleSessions): Promise<Seen> {
  const fromMs = wallMs();
  const answer = await ground.switchover();
  const doneMs = wallMs();
  await ground.untilWhole();
  const untilMs = wallMs();
  return {
    window: { fromMs, untilMs },
    told: {
      stagesMs: operationSchema.parse(answer).stagesMs,
      ...{ commandMs: doneMs - fromMs, wholeMs: untilMs - fromMs },
      // Asked when nothing is measured any more: so many questions at once would be a load of their own.
      idle: await idle.count(),
    },
  };
}

async function untilEnded(pgbench: Running, deadlineMs: number, signal: AbortSignal): Promise<void> {
  while (!pgbench.hasEnded()) {
    signal.throwIfAborted();
    if (monotonicMs() > deadlineMs) throw new Error('pgbench has not ended although its time is over');
    await sleep(POLL_MS, signal);
  }
}

async function gather(
  ground: Ground,
  pgbench: Running,
  { seen, rowsBefore, busy }: { readonly seen: readonly Seen[]; readonly rowsBefore: number; readonly busy: number },
): Promise<Run> {
  const said = readFileSync(pgbench.logFile, 'utf8');
  const code = pgbench.exitCode();
  if (code !== 0 && code !== SOME_GAVE_UP) throw new Error(`pgbench ended with code ${String(code)}: ${said.slice(-MS_PER_S)}`);
  const { transactions, failed, lostClients } = parseOutcome(said);
  const logged = readLogs(ground.dir);
  const windows = seen.map(({ window }) => window);
  const stalls = stallsOf(logged, windows, lostClients);
  return {
    ...{ transactions, failed, lostSessions: lostClients.length, endedEarly: lostClients.length === busy },
    surplusRows: (await ground.historyRows()) - rowsBefore - transactions,
    calmMs: calmOf(logged, windows),
    switchovers: stalls.flatMap((stall, at) => (seen[at] === undefined ? [] : [{ ...stall, ...seen[at].told }])),
  };
}

function logFiles(dir: string): readonly string[] {
  return readdirSync(dir)
    .filter((name) => name.startsWith(`${LOG_PREFIX}.`))
    .map((name) => join(dir, name));
}

function clearLogs(dir: string): void {
  for (const file of logFiles(dir)) rmSync(file);
}

function readLogs(dir: string): readonly Transaction[] {
  return logFiles(dir).flatMap((file) => parseTransactions(readFileSync(file, 'utf8')));
}

/** pgbench writes wall time into its log; this is set beside it, and decides nothing. */
function wallMs(): number {
  return Date.parse(wallClockIso());
}
