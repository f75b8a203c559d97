/** `local up|status|down`: a real cluster as processes of this machine, to try things on. */
import { rmSync } from 'node:fs';
import { Option, type Command } from 'commander';
import { appError } from '../../shared/errors.ts';
import { shutdownOnSignals } from '../../shared/runtime/shutdown.ts';
import { requireCluster, viewCluster } from '../agent-client.ts';
import { summarize } from '../cluster-summary.ts';
import { aborted } from '../../shared/runtime/deadline.ts';
import { readClusterFile } from '../local/cluster-file.ts';
import { ownedBy, stopCluster } from '../local/down.ts';
import { layoutOf, localDir, type Layout } from '../local/layout.ts';
import { unmountAll } from '../local/mounts.ts';
import { agentUrlsOf, type LocalCluster, type LocalPlan } from '../local/plan.ts';
import { readPlan, type LocalWishes } from '../local/plan-file.ts';
import { supervise } from '../local/supervise.ts';
import { bringUp, READY_BY_MS } from '../local/up.ts';
import { renderList } from '../render/cluster.ts';
import type { Terminal } from '../terminal.ts';
import { printRepeatedly } from '../watch.ts';
import { addOutputOption, oneOrThree, positiveSeconds, printJson, wholeNumber, type Context, type OutputFormat } from './context.ts';

type UpFlags = {
  readonly dir?: string;
  readonly nodes: number;
  readonly etcdMembers: number;
  readonly namespaces?: boolean;
  readonly freezer?: boolean;
  readonly mode: 'quorum' | 'async';
  readonly rwPort?: number;
  readonly roPort?: number;
  readonly detach?: boolean;
  readonly within: number;
  readonly output: OutputFormat;
};

const TABLE_EVERY_MS = 1_000;

export function addLocalVerb(program: Command, context: Context): void {
  const local = program.command('local').description('a cluster of local processes to try things on');
  addUp(local, context);
  addStatus(local, context);
  addDown(local, context);
  local
    .command('supervise', { hidden: true })
    .requiredOption('--dir <dir>')
    .action(async ({ dir }: { dir: string }) => {
      const layout = layoutOf(localDir(dir, context.terminal.env));
      await supervise(requirePlan(layout), layout, process.env, shutdownOnSignals().signal);
    });
}

function addUp(local: Command, { terminal }: Context): void {
  addOutputOption(addDirOption(local.command('up').description('start a local cluster and keep it until Ctrl-C')))
    .option('--nodes <n>', 'PostgreSQL nodes', wholeNumber(1, 9), 3)
    .option('--etcd-members <n>', 'etcd members, 1 or 3', oneOrThree, 1)
    .option('--namespaces', 'every component in a network namespace of its own (root only; implies --freezer)')
    .option('--freezer', 'every node in a freezer group, so that all of it can be frozen at once (root only)')
    .addOption(new Option('--mode <mode>', 'durability mode').choices(['quorum', 'async']).default('quorum'))
    .option('--rw-port <port>', 'port of the proxy that leads to the leader (default: a free one)', wholeNumber(1, 65_535))
    .option('--ro-port <port>', 'port of the proxy that leads to standbys (default: a free one)', wholeNumber(1, 65_535))
    .option('--detach', 'return when the cluster is complete, and leave it running')
    .addOption(
      new Option('--within <seconds>', 'how long to wait until it is complete').argParser(positiveSeconds).default(READY_BY_MS / 1000),
    )
    .action(async (flags: UpFlags, command: Command) => {
      const layout = layoutOf(localDir(flags.dir, terminal.env));
      // A closed terminal is as good as Ctrl-C: nobody is left who could stop the cluster.
      const { signal } = shutdownOnSignals({ signals: ['SIGTERM', 'SIGINT', 'SIGHUP'] });
      const { plan, cluster } = await bringUp({
        layout,
        wishes: wishesOf(flags),
        given: givenWishes(command),
        env: terminal.env,
        readyByMs: flags.within * 1000,
        onProgress: (line) => {
          terminal.err(`${line}\n`);
        },
        signal,
      });
      if (flags.output === 'json') printJson(terminal, cluster);
      else terminal.out(describe(cluster));
      if (flags.detach === true) return;
      await stayUntilInterrupted(terminal, plan, cluster, flags.output, signal);
      terminal.err('stopping\n');
      await stopCluster(plan, layout);
    });
}

function addStatus(local: Command, { terminal }: Context): void {
  addOutputOption(addDirOption(local.command('status').description('show what runs of a local cluster'))).action(
    async ({ dir, output }: { dir?: string; output: OutputFormat }) => {
      const layout = layoutOf(localDir(dir, terminal.env));
      const plan = requirePlan(layout);
      const processes = ownedBy(plan, layout).length;
      const runtime = readClusterFile(layout);
      const view = processes === 0 ? null : await viewCluster(agentUrlsOf(plan));
      const cluster = view?.kind === 'seen' ? view.cluster : null;
      if (output === 'json') {
        printJson(terminal, {
          dir: layout.dir,
          running: processes > 0,
          processes,
          runtime,
          cluster: cluster === null ? null : { ...cluster, ...summarize(cluster) },
        });
        return;
      }
      terminal.out(`${layout.dir}: ${processes === 0 ? 'stopped' : `${String(processes)} processes`}\n`);
      if (cluster !== null) terminal.out(renderList(cluster));
      else if (processes > 0) terminal.out('no agent answers\n');
      if (runtime !== null && processes > 0) terminal.out(connections(runtime));
    },
  );
}

function addDown(local: Command, { terminal }: Context): void {
  addOutputOption(addDirOption(local.command('down').description('stop everything of a local cluster')))
    .option('--purge', 'remove its directory as well')
    .action(async ({ dir, purge, output }: { dir?: string; purge?: boolean; output: OutputFormat }) => {
      const layout = layoutOf(localDir(dir, terminal.env));
      const plan = requirePlan(layout);
      const running = ownedBy(plan, layout).length;
      await stopCluster(plan, layout);
      if (purge === true) {
        unmountAll(layout.dir);
        rmSync(layout.dir, { recursive: true, force: true });
      }
      if (output === 'json') printJson(terminal, { dir: layout.dir, stopped: running, purged: purge === true });
      else terminal.out(running === 0 ? 'nothing was running\n' : 'stopped\n');
    });
}

function addDirOption(command: Command): Command {
  return command.option('--dir <dir>', 'its directory (default: $PGBATON_LOCAL_DIR, else /tmp/pgbaton-<uid>/default)');
}

function requirePlan(layout: Layout): LocalPlan {
  const plan = readPlan(layout);
  if (plan === null) throw appError('PGB-1501', layout.dir);
  return plan;
}

function wishesOf({ nodes, etcdMembers, mode, namespaces = false, freezer = false, rwPort, roPort }: UpFlags): LocalWishes {
  return { nodes, etcdMembers, mode, namespaces, freezer: freezer || namespaces, rwPort: rwPort ?? null, roPort: roPort ?? null };
}

function givenWishes(command: Command): ReadonlySet<keyof LocalWishes> {
  const keys: readonly (keyof LocalWishes)[] = ['nodes', 'etcdMembers', 'mode', 'namespaces', 'freezer', 'rwPort', 'roPort'];
  return new Set(keys.filter((key) => command.getOptionValueSource(key) === 'cli'));
}

async function stayUntilInterrupted(
  terminal: Terminal,
  plan: LocalPlan,
  cluster: LocalCluster,
  output: OutputFormat,
  signal: AbortSignal,
): Promise<void> {
  if (output === 'json' || !terminal.outIsTerminal) {
    await aborted(signal);
    return;
  }
  await printRepeatedly(
    terminal,
    TABLE_EVERY_MS,
    false,
    signal,
    async () => `${renderList(await requireCluster(agentUrlsOf(plan)))}\n${connections(cluster)}\nCtrl-C stops the cluster.\n`,
  );
}

function describe(cluster: LocalCluster): string {
  return `The cluster is up in ${cluster.dir}\n${connections(cluster)}`;
}

function connections({ dir, superuserUri, proxy }: LocalCluster): string {
  return [
    `  read-write  psql '${superuserUri}'\n`,
    `  read-only   psql '${superuserUri.replace(`:${String(proxy.rwPort)}/`, `:${String(proxy.roPort)}/`)}'\n`,
    `  look        pgbaton list --watch --dir ${dir}\n`,
    `  move        pgbaton switchover --dir ${dir}\n`,
    `  stop        pgbaton local down --dir ${dir}\n`,
  ].join('');
}
