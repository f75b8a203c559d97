/**
 * `npm run bench:failover`: pgbaton beside Patroni with HAProxy, on the same machine, in containers of the same shape, under the same clients, taking
 * turns. It measures; it must never print a figure that it did not measure. Whatever happens, also Ctrl-C, it removes what it brought up.
 */
import { randomInt } from 'node:crypto';
import { Interrupted } from '../../chaos/cluster/interrupted.ts';
import { makeSecrets } from '../../chaos/containers/compose-project.ts';
import { createLedgerTable } from '../../chaos/ledger/read-rows.ts';
import { missingForContainers } from '../../chaos/live/container-home.ts';
import { diceFor } from '../../chaos/live/dice.ts';
import { messageOf } from '../../shared/errors.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import { shutdownOnSignals } from '../../shared/runtime/shutdown.ts';
import { contestantFor, type Contestant } from './contestants.ts';
import { entrantsFor, heatsOf, type Entrant, type Heat } from './course.ts';
import { keptPromises, linesOf, tableOf, type HeatRecord } from './figures.ts';
import { runHeat } from './heat.ts';
import { readOptions, USAGE, type Options } from './options.ts';
import { PEER_SETTINGS } from './peer-config.ts';

const SEEDS = 1_000_000;
const INTERRUPTED = 130;
const MISUSED = 2;
const WRITABLE_WITHIN_MS = 180_000;
const POLL_MS = 500;

/** On its way through the race. */
type Runner = { readonly entrant: Entrant; readonly contestant: Contestant; heats: number; rows: number };

function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function race(options: Options, signal: AbortSignal): Promise<number> {
  const missing = missingForContainers();
  if (missing.length > 0) throw new Error(`it needs ${missing.join(', ')}`);
  await makeSecrets();
  const runners = entrantsFor(options.settings, options.synchronous).map((entrant, at): Runner => ({
    entrant,
    contestant: contestantFor(entrant, at + 1),
    heats: 0,
    rows: 0,
  }));
  const records: HeatRecord[] = [];
  let interrupted = false;
  try {
    for (const { contestant } of runners) await bringUp(contestant, signal);
    for (const heat of heatsOf(runners, options.faults, options.trials)) records.push(await run(heat, options, signal));
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    interrupted = true;
  } finally {
    for (const { contestant } of runners) await takeDown(contestant);
  }
  const names = runners.map(({ contestant }) => contestant.name);
  const lines = linesOf(records, options.faults, names);
  const report = { seed: options.seed, trials: options.trials, interrupted, peerSettings: PEER_SETTINGS, lines, records };
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : tableOf(lines, records));
  if (interrupted) return INTERRUPTED;
  const ours = runners.filter(({ entrant }) => entrant.product === 'pgbaton');
  const isKept = ours.every(({ entrant, contestant: { name } }) =>
    lines.filter((line) => line.entrant === name).every((line) => keptPromises(line, entrant.isSynchronous)),
  );
  return isKept ? 0 : 1;
}

async function bringUp({ name, project, field }: Contestant, signal: AbortSignal): Promise<void> {
  note(`${name}: starting`);
  await project.up({ signal, onLine: note });
  const deadlineMs = monotonicMs() + WRITABLE_WITHIN_MS;
  for (;;) {
    if (signal.aborted) throw new Interrupted('interrupted');
    try {
      await createLedgerTable(field.uri);
      return;
    } catch (error) {
      if (monotonicMs() > deadlineMs) throw new Error(`${name} takes no writes`, { cause: error });
    }
    await sleep(POLL_MS, signal);
  }
}

async function takeDown(contestant: Contestant): Promise<void> {
  try {
    await contestant.project.down();
  } catch (error) {
    note(`${contestant.name} could not be taken down: ${messageOf(error)}`);
  }
  contestant.forget();
}

/** A heat that broke off is told as one, and the race goes on. */
async function run({ trial, fault, entrant: runner }: Heat<Runner>, { seed }: Options, signal: AbortSignal): Promise<HeatRecord> {
  const { contestant } = runner;
  const heat = { entrant: contestant.name, fault, trial };
  const before = runner.heats;
  runner.heats += 1;
  try {
    const random = diceFor(seed, contestant.name, fault, trial);
    const { result, rows } = await runHeat({ contestant, fault, before, rowsBefore: runner.rows, random, signal });
    if (rows > 0) runner.rows = rows;
    note(`trial ${String(trial)}, ${fault}, ${contestant.name}: ${String(result.outageMs)} ms, ${String(result.lost)} lost`);
    return { ...heat, result, why: null };
  } catch (error) {
    if (error instanceof Interrupted || signal.aborted) throw new Interrupted('interrupted');
    note(`trial ${String(trial)}, ${fault}, ${contestant.name}: ${messageOf(error)}`);
    return { ...heat, result: null, why: messageOf(error) };
  }
}

/** Null: nothing is to be done. */
function asked(): Options | null | 'misused' {
  try {
    const options = readOptions(process.argv.slice(2), String(randomInt(SEEDS)));
    if (options === null) process.stdout.write(USAGE);
    return options;
  } catch (error) {
    note(`${messageOf(error)}\n\n${USAGE}`);
    return 'misused';
  }
}

async function main(): Promise<number> {
  const options = asked();
  if (options === 'misused') return MISUSED;
  if (options === null) return 0;
  note(`seed ${options.seed}`);
  const { signal } = shutdownOnSignals({ signals: ['SIGINT', 'SIGTERM', 'SIGHUP'] });
  try {
    return await race(options, signal);
  } catch (error) {
    note(messageOf(error));
    return signal.aborted ? INTERRUPTED : 1;
  }
}

process.exitCode = await main();
