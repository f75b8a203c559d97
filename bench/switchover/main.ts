/**
 * `npm run bench:switchover`: what clients notice of `pgbaton switchover`, through pgbaton's proxy and through HAProxy in front of the same nodes. It
 * measures; it must never print a figure that it did not measure. Whatever happens, also Ctrl-C, it stops what it started.
 */
import { findTool } from '../../cli/local/binaries.ts';
import { CLI_SCRIPT } from '../../cli/local/programs.ts';
import { messageOf } from '../../shared/errors.ts';
import { note, runComparison, versionOf } from '../comparison.ts';
import { describeMachine } from '../machine.ts';
import { orderIn, type Contestant, type Course } from './course.ts';
import type { Heat, Run } from './figures.ts';
import { Ground } from './ground.ts';
import { runHeat } from './heat.ts';
import { readOptions, USAGE, type Options } from './options.ts';
import { reportOf, textOf, type Report } from './report.ts';

async function compare(options: Options, signal: AbortSignal): Promise<Report> {
  const machine = describeMachine();
  const heats: Heat[] = [];
  let versions: Readonly<Record<string, string>> = {};
  for (const security of ['plain', 'tls'] as const) {
    const courses = options.courses.filter((course) => course.security === security);
    if (courses.length === 0) continue;
    note(`starting three nodes, three etcd members, pgbaton's proxy and HAProxy (${security})`);
    const ground = await Ground.raise(security, { options, onLine: note, signal });
    try {
      versions = await versionsOf(ground);
      heats.push(...(await runCourses(ground, courses, options)));
    } finally {
      await ground.down();
      if (options.keep) note(`configurations and logs are in ${ground.dir}`);
    }
  }
  return reportOf({ machine, options, versions, heats });
}

/** Everybody runs a course before anybody runs the next one, and who goes first changes: a slow minute of the machine hits both. */
async function runCourses(ground: Ground, courses: readonly Course[], options: Options): Promise<readonly Heat[]> {
  const heats: Heat[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    for (const course of courses) {
      for (const contestant of orderIn(round)) heats.push(await run(ground, course, contestant, { round, options }));
    }
  }
  return heats;
}

/** A run that breaks off is told as one, and the others go on. */
async function run(
  ground: Ground,
  course: Course,
  contestant: Contestant,
  { round, options }: { readonly round: number; readonly options: Options },
): Promise<Heat> {
  const heat = { round, course: course.name, contestant };
  try {
    const done = await runHeat(ground, course, contestant, options);
    note(`round ${String(round + 1)} of ${String(options.rounds)}: ${course.name}, ${contestant}: ${inShort(done)}`);
    return { ...heat, run: done, why: null };
  } catch (error) {
    if (ground.signal.aborted) throw error;
    note(`round ${String(round + 1)} of ${String(options.rounds)}: ${course.name}, ${contestant}: ${messageOf(error)}`);
    return { ...heat, run: null, why: messageOf(error) };
  }
}

function inShort({ switchovers, lostSessions, failed, transactions }: Run): string {
  const stalls = switchovers.map(({ stallMs }) => (stallMs === null ? '-' : `${stallMs.toFixed(0)} ms`));
  return `stalls ${stalls.join(', ')}; ${String(transactions)} transactions, ${String(failed)} failed, ${String(lostSessions)} sessions cut`;
}

async function versionsOf(ground: Ground): Promise<Readonly<Record<string, string>>> {
  const ask = async (command: string, args: readonly string[]): Promise<string> =>
    versionOf({ command, args, as: null, cwd: ground.dir }, ground.signal);
  return {
    pgbaton: await ask(process.execPath, [CLI_SCRIPT, '--version']),
    HAProxy: await ask(findTool('haproxy', process.env), ['-v']),
    PostgreSQL: await ground.serverVersion(),
  };
}

await runComparison({ usage: USAGE, readOptions, compare, textOf });
