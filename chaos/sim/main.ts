/** `npm run sim`: seeds through the simulator. One seed prints its hash and, when it fails, its story. */
import { parseArgs } from 'node:util';
import { runSeed } from './run-seed.ts';
import type { TraceLine } from './world.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    first: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});
const marks = new Set<string>();
if (values.seed !== undefined) {
  const lines: TraceLine[] = [];
  const result = runSeed(Number(values.seed), marks, values.trace ? (line) => lines.push(line) : null);
  for (const { atMs, who, text } of lines) process.stdout.write(`${atMs.toFixed(1).padStart(10)} ${who.padEnd(8)} ${text}\n`);
  process.stdout.write(`${JSON.stringify(result)}\n`);
} else {
  const startedMs = performance.now();
  let events = 0;
  let epochs = 0;
  let acks = 0;
  let virtual = 0;
  const bad: string[] = [];
  for (let seed = Number(values.first); seed < Number(values.first) + Number(values.seeds); seed += 1) {
    const result = runSeed(seed, marks);
    events += result.events;
    epochs += result.epochs;
    acks += result.acknowledged;
    virtual += result.virtualMs;
    if (result.violation !== null) bad.push(`${String(seed)} ${result.violation.message}`);
  }
  const tookMs = performance.now() - startedMs;
  for (const line of bad.slice(0, 40)) process.stdout.write(`${line}\n`);
  process.stdout.write(
    `${String(bad.length)} bad, ${String(events)} events, ${String(epochs)} epochs, ${String(acks)} acks, ${(virtual / 1000).toFixed(0)} s virtual, ${tookMs.toFixed(0)} ms, ${((events / tookMs) * 1000).toFixed(0)} events/s\n`,
  );
}
