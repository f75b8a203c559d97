/**
 * `npm run demo`: a real cluster, real clients, three faults, and a verdict. It measures as a client and believes no node. Whatever happens, also
 * Ctrl-C, it stops what it started and removes its directory.
 */
import { parseArgs } from 'node:util';
import { messageOf } from '../../shared/errors.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import { shutdownOnSignals } from '../../shared/runtime/shutdown.ts';
import { DEFAULT_LEDGER, Ledger } from '../ledger/ledger.ts';
import { createLedgerTable } from '../ledger/read-rows.ts';
import { ClusterWatch } from '../cluster/cluster-cli.ts';
import { bringUp, makeDirectory, takeDown } from '../cluster/cluster-life.ts';
import type { ClusterView, LocalCluster } from '../cluster/cluster-view.ts';
import { runDrill, type Stage } from './drill.ts';
import { crash, nodeLoss, switchover } from './faults.ts';
import { Interrupted, throwIfInterrupted } from '../cluster/interrupted.ts';
import { Screen } from './screen.ts';
import { judge, toJsonReport, type Measurement, type Verdict } from './verdict.ts';

type Options = { readonly once: boolean; readonly json: boolean; readonly keep: boolean };

const USAGE = `Usage: npm run demo -- [--once] [--json] [--keep]

  --once  end after the three faults; exit code 0 when the verdict is "pass", 1 otherwise
  --json  print the report as one line of JSON on stdout; everything else goes to stderr
  --keep  leave the directory with data and logs behind
`;

function readOptions(): Options | null {
  try {
    const { values } = parseArgs({
      options: {
        once: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (!values.help) return values;
    process.stdout.write(USAGE);
    process.exitCode = 0;
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n\n${USAGE}`);
    process.exitCode = 2;
  }
  return null;
}

function describe(view: ClusterView | null, ledger: Ledger): string {
  if (view === null) return 'no agent answers';
  const nodes = view.nodes.map((node) => ('unreachable' in node ? `${node.name} gone` : `${node.name} ${node.postgres.kind}`));
  return `${nodes.join(' | ')} | epoch ${view.leader?.epoch ?? '-'} | ${String(ledger.attempts)} writes`;
}

function connectionLines(cluster: LocalCluster): readonly string[] {
  const readOnly = new URL(cluster.superuserUri);
  readOnly.port = String(cluster.proxy.roPort);
  return [
    `read-write  psql '${cluster.superuserUri}'`,
    `read-only   psql '${readOnly.href}'`,
    `look        npx pgbaton list --watch --dir ${cluster.dir}`,
    `break it    kill -9 whatever you like, then look again`,
  ];
}

async function runDrills(cluster: LocalCluster, screen: Screen, signal: AbortSignal, measurements: Measurement[]): Promise<void> {
  await createLedgerTable(cluster.superuserUri);
  const ledger = new Ledger({ ...DEFAULT_LEDGER, connectionString: cluster.superuserUri });
  const watch = new ClusterWatch(cluster.dir);
  const status = setInterval(() => {
    screen.status(describe(watch.latest, ledger));
  }, 200);
  try {
    ledger.start();
    screen.line(
      `  ${String(DEFAULT_LEDGER.writers)} clients write through ${new URL(cluster.superuserUri).host} every ${String(DEFAULT_LEDGER.paceMs)} ms and remember every acknowledgement`,
    );
    const stage: Stage = { cluster, watch, ledger, screen, signal, alreadyLost: new Set() };
    for (const fault of [crash(cluster), nodeLoss(cluster, screen), switchover(cluster, screen, signal)]) {
      measurements.push(await runDrill(stage, fault));
    }
  } finally {
    clearInterval(status);
    screen.clearStatus();
    watch.close();
    await ledger.stop();
  }
}

function announce(screen: Screen, verdict: Verdict): void {
  screen.line('');
  screen.line(`verdict: ${verdict.verdict}`, verdict.verdict === 'pass' ? 'good' : 'bad');
  for (const reason of verdict.reasons) screen.line(`  ${reason}`, 'bad');
}

async function stayUp(cluster: LocalCluster, screen: Screen, signal: AbortSignal): Promise<void> {
  screen.title('The cluster stays up until Ctrl-C');
  for (const line of connectionLines(cluster)) screen.line(`  ${line}`);
  // Nothing happens here; the timer only keeps the process alive between two looks at the signal.
  while (!signal.aborted) await sleep(3_600_000, signal);
}

async function cleanUp(dir: string, keep: boolean, screen: Screen): Promise<void> {
  screen.line('stopping the cluster', 'quiet');
  try {
    await takeDown(dir, keep);
    if (keep) screen.line(`data and logs are in ${dir}`);
  } catch (error) {
    screen.line(`stopping failed: ${messageOf(error)}; try \`npx pgbaton local down --purge --dir ${dir}\``, 'bad');
  }
}

async function demo({ once, json, keep }: Options): Promise<number> {
  const screen = new Screen(json);
  const { signal } = shutdownOnSignals({ signals: ['SIGINT', 'SIGTERM', 'SIGHUP'] });
  const dir = makeDirectory('demo');
  const measurements: Measurement[] = [];
  const conclude = (stopped: string | null): Verdict => {
    const verdict = judge(measurements, stopped);
    announce(screen, verdict);
    if (json) process.stdout.write(`${JSON.stringify(toJsonReport(measurements, verdict))}\n`);
    return verdict;
  };
  try {
    screen.title('Starting three PostgreSQL nodes, etcd and a proxy');
    const onLine = (line: string): void => {
      screen.line(`  ${line}`, 'quiet');
    };
    const cluster = await bringUp({ dir, options: [], onLine, signal });
    for (const line of connectionLines(cluster)) screen.line(`  ${line}`);
    let stopped: string | null = null;
    try {
      await runDrills(cluster, screen, signal, measurements);
    } catch (error) {
      throwIfInterrupted(signal);
      stopped = messageOf(error);
    }
    const { verdict } = conclude(stopped);
    if (!once) await stayUp(cluster, screen, signal);
    return verdict === 'pass' ? 0 : 1;
  } catch (error) {
    if (error instanceof Interrupted) return 130;
    conclude(messageOf(error));
    return 1;
  } finally {
    await cleanUp(dir, keep, screen);
  }
}

const options = readOptions();
if (options !== null) process.exitCode = await demo(options);
