/** `npm run replay -- FILE…`: recordings of real agents (PGBATON_RECORD=DIR), through the decisions of today. Ends with 0 only when nothing differs. */
import { readFileSync } from 'node:fs';
import { inspect, parseArgs } from 'node:util';
import { readRecording } from '../../agent/loop/recording.ts';
import { replay } from './replay.ts';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean', default: false } } });

function main(): number {
  if (positionals.length === 0) {
    process.stderr.write('usage: npm run replay -- FILE… [--json]\n');
    return 2;
  }
  let different = 0;
  for (const path of positionals) {
    const result = replay(readRecording(readFileSync(path)));
    if (result.kind === 'different') different += 1;
    if (values.json) {
      const summary = result.kind === 'identical' ? result : { kind: result.kind, step: result.step, nowMs: result.nowMs };
      process.stdout.write(`${JSON.stringify({ path, ...summary })}\n`);
    } else if (result.kind === 'identical') {
      process.stdout.write(`${path}: ${String(result.events)} events, ${String(result.effects)} effects, all as recorded\n`);
    } else {
      const { step, nowMs, event, recorded, replayed } = result;
      process.stdout.write(`${path}: step ${String(step)} at ${nowMs.toFixed(1)} ms differs\n`);
      process.stdout.write(`${inspect({ event, recorded, replayed }, { depth: 8 })}\n`);
    }
  }
  return different === 0 ? 0 : 1;
}

process.exitCode = main();
