/** What is measured while work flows: pgbench and COPY against one way at a time, with the proxy's processor time around it. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { monotonicMs } from '../shared/runtime/clock.ts';
import type { Way } from './contestants.ts';
import { WORKLOADS, type CopySample, type PgbenchSample, type Sample, type Workload, type WorkloadName } from './course.ts';
import type { Options } from './options.ts';
import { parseLatencies, parseSummary } from './pgbench-output.ts';
import { figuresOf } from './process-figures.ts';
import type { Stage } from './stage.ts';

const WARMING: ReadonlySet<WorkloadName> = new Set(['select, 16 clients', 'COPY out', 'COPY in']);
const WARM_UP_S = 2;
const WARM_UP_MB = 50;
const MS_PER_S = 1_000;
const BYTES_PER_MB = 1_000_000;
/** Logging in, ending, and a machine that is busy with something else. */
const GRACE_MS = 120_000;
/** A log line for every transaction would cost pgbench more than a tenth of its time: of busy runs, this share is logged. */
const LOGGED_SHARE = 0.2;
/** The length of a row of COPY, with its end of line. */
const ROW_BYTES = 256;

export function measure(stage: Stage, way: Way, workload: Workload, options: Options): Promise<Sample> {
  switch (workload.kind) {
    case 'select':
      return measureSelects(stage, way, workload.clients, options);
    case 'connect':
      return runPgbench(stage, way, ['-C', ...clientsOf(stage, workload.clients)], options);
    case 'copy':
      return measureCopy(stage, way, workload.direction, options.copyMegabytes);
  }
}

/**
 * Unmeasured work. A proxy lives for months: that code of a fresh process is still being compiled, and that a fresh PostgreSQL has nothing in its
 * caches, is not what anybody wants to know.
 */
export async function warmUp(stage: Stage, way: Way, options: Options): Promise<void> {
  const copyMegabytes = Math.min(options.copyMegabytes, WARM_UP_MB);
  for (const workload of WORKLOADS) {
    if (WARMING.has(workload.name)) await measure(stage, way, workload, { ...options, seconds: WARM_UP_S, copyMegabytes });
  }
}

async function measureSelects(stage: Stage, way: Way, clients: number, options: Options): Promise<PgbenchSample> {
  const prefix = join(stage.dir, 'latencies');
  const logged = ['-M', 'prepared', '--log', `--log-prefix=${prefix}`, `--sampling-rate=${String(LOGGED_SHARE)}`];
  const sample = await runPgbench(stage, way, [...logged, ...clientsOf(stage, clients)], options);
  const files = readdirSync(stage.dir)
    .filter((name) => name.startsWith('latencies.'))
    .map((name) => join(stage.dir, name));
  const latencies = parseLatencies(files.map((file) => readFileSync(file, 'utf8')));
  for (const file of files) rmSync(file);
  return { ...sample, latencies };
}

function clientsOf({ cores }: Stage, clients: number): readonly string[] {
  return ['-c', String(clients), '-j', String(Math.min(clients, cores?.loadCores ?? 1))];
}

async function runPgbench(stage: Stage, way: Way, args: readonly string[], { seconds }: Options): Promise<PgbenchSample> {
  const before = cpuUsOf(way);
  const said = await stage.pgbench(way.port, ['-n', '-S', '-T', String(seconds), ...args], seconds * MS_PER_S + GRACE_MS);
  const cpuUs = cpuUsOf(way) - before;
  const { tps, transactions, failed, connectUs } = parseSummary(said);
  return {
    kind: 'pgbench',
    ...{ tps, transactions, failed, connectUs },
    latencies: null,
    cpuUsPerTransaction: way.process === null ? null : cpuUs / transactions,
  };
}

/**
 * Rows made on the spot and rows that no table keeps: the disk is not what is measured. Both ends are psql, and both make or eat rows faster
 * than PostgreSQL.
 */
async function measureCopy(stage: Stage, way: Way, direction: 'out' | 'in', megabytes: number): Promise<CopySample> {
  const rows = String(Math.ceil((megabytes * BYTES_PER_MB) / ROW_BYTES));
  const width = String(ROW_BYTES - 1);
  const deadlineMs = megabytes * MS_PER_S + GRACE_MS;
  const before = cpuUsOf(way);
  const beganMs = monotonicMs();
  if (direction === 'out') {
    const sql = `COPY (SELECT line FROM (SELECT repeat('x', ${width}) AS line, generate_series(1, ${rows})) AS made) TO STDOUT`;
    await stage.shell(way.port, 'sql=$1; shift; exec "$@" -c "$sql" >/dev/null', [sql], deadlineMs);
  } else {
    const line = 'line=$1 rows=$2 sql=$3; shift 3; yes "$line" | head -n "$rows" | "$@" -c "$sql"';
    await stage.shell(way.port, line, ['x'.repeat(ROW_BYTES - 1), rows, 'COPY sink FROM STDIN WHERE false'], deadlineMs);
  }
  const seconds = (monotonicMs() - beganMs) / MS_PER_S;
  const cpuUs = cpuUsOf(way) - before;
  return { kind: 'copy', megabytesPerS: megabytes / seconds, cpuUsPerMegabyte: way.process === null ? null : cpuUs / megabytes };
}

function cpuUsOf({ process }: Way): number {
  return process === null ? 0 : figuresOf(process.pid).cpuUs;
}
