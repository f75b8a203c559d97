/**
 * `npm run bench:proxy`: pgbaton's proxy beside HAProxy and PgBouncer, and beside no proxy at all, in one run on one machine. It measures and
 * compares; it must never print a figure that it did not measure. Whatever happens, also Ctrl-C, it stops what it started.
 */
import { CLI_SCRIPT } from '../cli/local/programs.ts';
import { note, runComparison, versionOf } from './comparison.ts';
import { startProxy, type Way } from './contestants.ts';
import { orderOf, PROXIES, WORKLOADS, type IdleSample, type Round, type Sample } from './course.ts';
import { measureIdle } from './idle-sessions.ts';
import { describeMachine } from './machine.ts';
import { readOptions, USAGE, type Options } from './options.ts';
import { untilReady } from './programs.ts';
import { reportOf, textOf, type Report } from './report.ts';
import { Stage } from './stage.ts';
import { measure, warmUp } from './workloads.ts';

const CLUSTER = 'throughput';
const START_MS = 60_000;

async function compare(options: Options, signal: AbortSignal): Promise<Report> {
  if (process.platform !== 'linux') throw new Error(`the comparison reads Linux's /proc; this is ${process.platform}`);
  const machine = describeMachine();
  note('starting PostgreSQL and etcd');
  const stage = await Stage.set(options, signal);
  try {
    const versions = await versionsOf(stage);
    const rounds = await measureRounds(stage, options);
    const idle: readonly IdleSample[] = options.idleSessions === 0 ? [] : await measureIdle(stage, options.idleSessions, note);
    return reportOf({ machine, cores: stage.cores, options, versions, rounds, idle });
  } finally {
    await stage.clear();
    if (options.keep) note(`configurations and logs are in ${stage.dir}`);
  }
}

/** All proxies run all the time; one that is not asked costs nothing, and none has an advantage of having just been started. */
async function measureRounds(stage: Stage, options: Options): Promise<readonly Round[]> {
  const ways = await startWays(stage);
  note('warming up');
  for (const way of ways) await warmUp(stage, way, options);
  const rounds: Round[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    for (const workload of WORKLOADS) {
      for (const way of orderOf(ways, round)) {
        stage.signal.throwIfAborted();
        const sample = await measure(stage, way, workload, options);
        rounds.push({ round, way: way.name, workload: workload.name, sample });
        note(`round ${String(round + 1)} of ${String(options.rounds)}: ${workload.name}, ${way.name}: ${inShort(sample)}`);
      }
    }
  }
  for (const { process: running } of ways) if (running !== null) await stage.programs.stop(running);
  return rounds;
}

async function startWays(stage: Stage): Promise<readonly Way[]> {
  const ways: Way[] = [{ name: 'direct', port: stage.serverPort, process: null }];
  for (const name of PROXIES) {
    const way = await startProxy(stage, name, { cluster: CLUSTER, port: stage.serverPort });
    await untilReady(way.process, () => stage.answers(way.port), { withinMs: START_MS, signal: stage.signal });
    ways.push(way);
  }
  return ways;
}

function inShort(sample: Sample): string {
  return sample.kind === 'pgbench' ? `${sample.tps.toFixed(0)} TPS` : `${sample.megabytesPerS.toFixed(0)} MB/s`;
}

async function versionsOf(stage: Stage): Promise<Readonly<Record<string, string>>> {
  const ask = async (command: string, args: readonly string[]): Promise<string> =>
    versionOf({ command, args, as: stage.as, cwd: stage.dir }, stage.signal);
  return {
    pgbaton: await ask(process.execPath, [CLI_SCRIPT, '--version']),
    HAProxy: await ask(stage.peers.haproxy, ['-v']),
    PgBouncer: await ask(stage.peers.pgbouncer, ['--version']),
    PostgreSQL: (await stage.psql(stage.serverPort, 'SHOW server_version')).split(' ')[0]?.trim() ?? 'unknown',
  };
}

await runComparison({ usage: USAGE, readOptions, compare, textOf });
