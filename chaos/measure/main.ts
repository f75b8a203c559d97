/**
 * `npm run measure`: the faults of the demo, many times over on one cluster, with count, median and maximum of what clients saw. It is the source
 * of the table in the README. One lost write makes the whole run fail.
 */
import { parseArgs } from 'node:util';
import { messageOf } from '../../shared/errors.ts';
import { shutdownOnSignals } from '../../shared/runtime/shutdown.ts';
import { ClusterWatch } from '../demo/cluster-cli.ts';
import { bringUp, makeDirectory, takeDown } from '../demo/cluster-life.ts';
import type { LocalCluster } from '../demo/cluster-view.ts';
import { runDrill, type Fault, type Stage } from '../demo/drill.ts';
import { crash, nodeLoss, switchover } from '../demo/faults.ts';
import { Screen } from '../demo/screen.ts';
import { FAULTS, type FaultKind, type Measurement } from '../demo/verdict.ts';
import { DEFAULT_LEDGER, Ledger } from '../ledger/ledger.ts';
import { createLedgerTable } from '../ledger/read-rows.ts';
import { summarize } from './statistics.ts';

const LABELS: Readonly<Record<FaultKind, string>> = {
  crash: 'PostgreSQL of the primary killed',
  nodeLoss: 'whole primary node killed',
  switchover: 'planned switchover',
};

async function measure(trials: number, json: boolean): Promise<number> {
  const screen = new Screen(true);
  const { signal } = shutdownOnSignals({ signals: ['SIGINT', 'SIGTERM', 'SIGHUP'] });
  const dir = makeDirectory();
  const measured: Measurement[] = [];
  try {
    const cluster = await bringUp(dir, screen, signal);
    await runTrials({ cluster, screen, signal, trials, measured });
  } catch (error) {
    screen.line(messageOf(error), 'bad');
    return 1;
  } finally {
    await takeDown(dir, false, screen);
  }
  report(measured, json);
  return measured.some(({ lostWrites }) => lostWrites > 0) ? 1 : 0;
}

type Run = {
  readonly cluster: LocalCluster;
  readonly screen: Screen;
  readonly signal: AbortSignal;
  readonly trials: number;
  readonly measured: Measurement[];
};

async function runTrials({ cluster, screen, signal, trials, measured }: Run): Promise<void> {
  await createLedgerTable(cluster.superuserUri);
  const ledger = new Ledger({ ...DEFAULT_LEDGER, connectionString: cluster.superuserUri });
  const watch = new ClusterWatch(cluster.dir);
  const stage: Stage = { cluster, watch, ledger, screen, signal, alreadyLost: new Set() };
  try {
    ledger.start();
    for (let trial = 0; trial < trials; trial += 1) {
      const faults: readonly Fault[] = [crash(), nodeLoss(cluster, screen), switchover(cluster, screen, signal)];
      for (const fault of faults) measured.push(await runDrill(stage, fault));
    }
  } finally {
    watch.close();
    await ledger.stop();
  }
}

function report(measured: readonly Measurement[], json: boolean): void {
  const rows = FAULTS.map((kind) => {
    const trials = measured.filter((one) => one.kind === kind);
    return {
      kind,
      outageMs: summarize(trials.map(({ outageMs }) => outageMs)),
      clientErrors: summarize(trials.map(({ clientErrors }) => clientErrors)),
      lostWrites: trials.reduce((sum, one) => sum + one.lostWrites, 0),
    };
  });
  if (json) {
    process.stdout.write(`${JSON.stringify({ trials: rows, checkedWrites: measured.at(-1)?.checkedWrites ?? 0 })}\n`);
    return;
  }
  process.stdout.write(
    '| event | N | outage, median ms | outage, max ms | client errors, median | lost writes |\n| --- | --- | --- | --- | --- | --- |\n',
  );
  for (const { kind, outageMs, clientErrors, lostWrites } of rows) {
    process.stdout.write(
      `| ${LABELS[kind]} | ${String(outageMs?.n ?? 0)} | ${String(outageMs?.median ?? '-')} | ${String(outageMs?.max ?? '-')} | ${String(clientErrors?.median ?? '-')} | ${String(lostWrites)} |\n`,
    );
  }
}

const { values } = parseArgs({ options: { trials: { type: 'string', default: '10' }, json: { type: 'boolean', default: false } } });
process.exitCode = await measure(Number(values.trials), values.json);
