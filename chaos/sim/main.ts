/**
 * `npm run sim`: many seeds on all cores, or one seed with its story. It ends with 0 only when no seed broke a promise; and, when as many seeds as a full
 * run has were asked for, when every rare state was reached.
 *
 *   --seeds N [--first S]   seeds S … S + N − 1      --minutes M   as many as fit      --stop-at-first
 *   --seed S [--story]      one seed, twice: the trace hashes must be equal            --json
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { describeReport, reportOf, type Batch } from './report.ts';
import { runSeed } from './run-seed.ts';
import type { SeedRange } from './seed-worker.ts';
import type { TraceLine } from './world.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '2000' },
    first: { type: 'string', default: '1' },
    minutes: { type: 'string' },
    seed: { type: 'string' },
    story: { type: 'boolean', default: false },
    'stop-at-first': { type: 'boolean', default: false },
    workers: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

/** Seeds handed out at once: long enough to be worth a message, short enough to keep all cores busy to the end. */
const RANGE = 25;
/** From so many seeds on a state that was not reached is a fault of the simulator. */
const FULL_RUN = 20_000;
/** The last lines before a violation tell how it came about. */
const STORY_LINES = 60;

function tellOne(seed: number): number {
  const lines: TraceLine[] = [];
  const first = runSeed(seed, new Set(), (line) => lines.push(line));
  const second = runSeed(seed, new Set());
  const isSame = first.hash === second.hash && first.events === second.events;
  if (values.story || first.violation !== null) {
    const shown = values.story ? lines : lines.slice(-STORY_LINES);
    if (shown.length < lines.length) process.stdout.write(`… ${String(lines.length - shown.length)} lines before (--story shows them)\n`);
    for (const { atMs, who, text } of shown) process.stdout.write(`${atMs.toFixed(1).padStart(9)} ms  ${who.padEnd(8)} ${text}\n`);
  }
  process.stdout.write(`${JSON.stringify({ ...first, sameTwice: isSame })}\n`);
  return first.violation === null && isSame ? 0 : 1;
}

async function runMany(): Promise<number> {
  const batches: Batch[] = [];
  const untilMs = values.minutes === undefined ? Number.POSITIVE_INFINITY : monotonicMs() + Number(values.minutes) * 60_000;
  const lastSeed = values.minutes === undefined ? Number(values.first) + Number(values.seeds) - 1 : Number.MAX_SAFE_INTEGER;
  let next = Number(values.first);
  let isEnough = false;
  const take = (): SeedRange | null => {
    if (next > lastSeed || monotonicMs() > untilMs || isEnough) return null;
    const range = { first: next, count: Math.min(RANGE, lastSeed - next + 1) };
    next += range.count;
    return range;
  };
  const workers = values.workers === undefined ? availableParallelism() : Number(values.workers);
  await Promise.all(
    Array.from({ length: workers }, async () =>
      work(take, (batch) => {
        batches.push(batch);
        if (values['stop-at-first'] && batch.results.some(({ violation }) => violation !== null)) isEnough = true;
      }),
    ),
  );
  const report = reportOf(batches);
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : describeReport(report));
  if (report.seeds === 0 || report.violations > 0) return 1;
  return report.seeds >= FULL_RUN && report.unreached.length > 0 ? 1 : 0;
}

async function work(take: () => SeedRange | null, done: (batch: Batch) => void): Promise<void> {
  const worker = new Worker(new URL('./seed-worker.js', import.meta.url));
  await new Promise<void>((resolve, reject) => {
    const go = (): void => {
      const range = take();
      if (range === null) resolve();
      else worker.postMessage(range);
    };
    worker.on('message', (batch: Batch) => {
      done(batch);
      go();
    });
    worker.on('error', reject);
    go();
  });
  await worker.terminate();
}

process.exitCode = values.seed === undefined ? await runMany() : tellOne(Number(values.seed));
