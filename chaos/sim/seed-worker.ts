/** One core's share of the seeds: takes ranges as messages, answers each with what it saw, and ends when it is told to. */
import { parentPort } from 'node:worker_threads';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { runSeed, type SeedResult } from './run-seed.ts';
import type { Batch } from './report.ts';

export type SeedRange = { readonly first: number; readonly count: number };

const port = parentPort;
port?.on('message', ({ first, count }: SeedRange) => {
  const marks = new Set<string>();
  const results: SeedResult[] = [];
  const startedAtMs = monotonicMs();
  for (let seed = first; seed < first + count; seed += 1) results.push(runSeed(seed, marks));
  const batch: Batch = { results, marks: [...marks], busyMs: monotonicMs() - startedAtMs };
  port.postMessage(batch);
});
