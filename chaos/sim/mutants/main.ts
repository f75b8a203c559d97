/**
 * `npm run sim:mutants`: builds the simulator once for every known bug, with that bug switched in, and lets it look for the seed that shows it. A bug that
 * survives its seeds is a hole in the simulator, and fails the run.
 *
 *   --seeds N   the budget of each      --only NAME[,NAME]      --workers N   hunts at once      --json
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { monotonicMs } from '../../../shared/runtime/clock.ts';
import type { Mutant } from './mutant.ts';
import { MUTANTS } from './mutants.ts';
import { mutate } from './mutate.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '6000' },
    only: { type: 'string' },
    workers: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

/** dist/chaos/sim/mutants/main.js lies four levels below the project. */
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const SOURCES = ['agent', 'proxy', 'shared', 'chaos', 'tsconfig.json', 'tsconfig.build.json', 'package.json'];
/** Only the simulator: the rest of the project is not in question. */
const ENTRIES = ['chaos/sim/main.ts', 'chaos/sim/seed-worker.ts'];
/** Against a hunt that hangs, and no budget: on a machine that others use too, six thousand seeds can take half an hour. */
const RUN_MS_MAX = 5_400_000;
const run = promisify(execFile);
type Report = {
  readonly seeds: number;
  readonly failing: readonly { readonly seed: number; readonly invariant: string; readonly message: string }[];
};

type Found = {
  readonly name: string;
  readonly guards: string;
  /** Null: it survived. */
  readonly seed: number | null;
  readonly invariant: string | null;
  readonly message: string | null;
  readonly seeds: number;
  readonly tookMs: number;
};

async function hunt(mutant: Mutant, work: string): Promise<Found> {
  const startedAtMs = monotonicMs();
  const dir = join(work, mutant.name);
  try {
    const program = await build(mutant, dir);
    const report = await look(program);
    const [first] = report.failing;
    return {
      name: mutant.name,
      guards: mutant.guards,
      seed: first?.seed ?? null,
      invariant: first?.invariant ?? null,
      message: first?.message ?? null,
      seeds: report.seeds,
      tookMs: Math.round(monotonicMs() - startedAtMs),
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Throws when a site is missing, or what the bug makes of it does not compile. */
async function build(mutant: Mutant, dir: string): Promise<string> {
  mkdirSync(dir);
  for (const name of SOURCES) cpSync(join(ROOT, name), join(dir, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  for (const file of new Set(mutant.sites.map((site) => site.file))) {
    const sites = mutant.sites.filter((site) => site.file === file);
    writeFileSync(join(dir, file), mutate(readFileSync(join(dir, file), 'utf8'), sites));
  }
  writeFileSync(join(dir, 'tsconfig.mutant.json'), JSON.stringify({ extends: './tsconfig.build.json', include: [], files: ENTRIES }));
  const compile = [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.mutant.json'];
  await run(process.execPath, compile, { cwd: dir }).catch((error: unknown) => {
    const said = error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error);
    // Code with a bug in it may leave a name unused, or a null unguarded, and is emitted all the same; nothing else may be wrong.
    const elsewhere = said
      .split('\n')
      .filter((line) => /^\S.*error TS/.test(line) && !mutant.sites.some(({ file }) => line.startsWith(file)));
    if (elsewhere.length > 0) throw new Error(`${mutant.name} does not compile: ${elsewhere.join('; ')}`);
  });
  return join(dir, 'dist', 'chaos', 'sim', 'main.js');
}

async function look(program: string): Promise<Report> {
  const args = [program, '--seeds', values.seeds, '--stop-at-first', '--workers', '1', '--json'];
  const { stdout } = await run(process.execPath, args, { timeout: RUN_MS_MAX, maxBuffer: 10_000_000 }).catch((error: unknown) => {
    // A violation is what is looked for, and ends the simulator with 1.
    if (error instanceof Error && 'stdout' in error && typeof error.stdout === 'string' && error.stdout !== '')
      return { stdout: error.stdout };
    throw error;
  });
  // The shape is that of report.ts, compiled from the same sources.
  return JSON.parse(stdout) as Report;
}

async function main(): Promise<number> {
  const wanted = values.only?.split(',');
  const mutants = wanted === undefined ? MUTANTS : MUTANTS.filter(({ name }) => wanted.includes(name));
  if (mutants.length === 0 || (wanted !== undefined && mutants.length !== wanted.length)) {
    process.stderr.write(`no such mutant; there are ${MUTANTS.map(({ name }) => name).join(', ')}\n`);
    return 2;
  }
  const work = mkdtempSync(join(tmpdir(), 'pgbaton-mutants-'));
  const queue = [...mutants];
  const found: Found[] = [];
  try {
    const hunter = async (): Promise<void> => {
      for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
        const result = await hunt(mutant, work);
        found.push(result);
        const verdict =
          result.seed === null ? `SURVIVED ${String(result.seeds)} seeds` : `seed ${String(result.seed)}: ${result.message ?? ''}`;
        process.stderr.write(`${result.name.padEnd(38)} ${(result.tookMs / 1_000).toFixed(1).padStart(6)} s  ${verdict}\n`);
      }
    };
    const workers = values.workers === undefined ? availableParallelism() : Number(values.workers);
    await Promise.all(Array.from({ length: workers }, hunter));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const survived = found.filter(({ seed }) => seed === null).map(({ name }) => name);
  if (values.json) process.stdout.write(`${JSON.stringify({ mutants: found.length, survived, found })}\n`);
  else
    process.stdout.write(
      `${String(found.length)} mutants, ${String(survived.length)} survived${survived.length === 0 ? '' : `: ${survived.join(', ')}`}\n`,
    );
  return survived.length === 0 ? 0 : 1;
}

process.exitCode = await main();
