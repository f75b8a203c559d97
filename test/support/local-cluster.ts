// A real local cluster for the e2e tests, driven through the same command line that users have. Needs dist/ (npm test builds it).
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { prepareCluster } from '../../chaos/cluster/prepared-cluster.ts';
import { isClean, checkLedger } from '../../chaos/ledger/check.ts';
import { CREATE_LEDGER, DEFAULT_LEDGER, Ledger } from '../../chaos/ledger/ledger.ts';
import { acknowledgedAtMs, longestGap } from '../../chaos/ledger/outage.ts';
import { readLedgerRows } from '../../chaos/ledger/read-rows.ts';
import { layoutOf, type Layout } from '../../cli/local/layout.ts';
import type { LocalPlan } from '../../cli/local/plan.ts';
import type { ClusterStatus, NodeStatus } from '../../shared/domain/cluster-status.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';

export const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const run = promisify(execFile);

type Described = {
  readonly dir: string;
  readonly nodes: readonly {
    readonly name: string;
    readonly pgPort: number;
    readonly agentUrl: string;
    readonly pids: { readonly agent: number; readonly guard: number; readonly postmaster: number };
    readonly dataDir: string;
  }[];
  readonly proxy: { readonly rwPort: number; readonly roPort: number; readonly url: string; readonly pid: number };
  readonly etcd: { readonly endpoints: readonly string[]; readonly pids: readonly number[] };
  readonly superuserUri: string;
};

export type Listing = ClusterStatus & { readonly primaries: number; readonly streamingStandbys: number };

/** What an operator would write into the file of every node, section by section. */
type NodeSections = {
  readonly postgres: { readonly parameters: Readonly<Record<string, string>>; readonly hba: readonly string[] };
  readonly policy: Readonly<Record<string, number>>;
};

export class TestCluster {
  readonly dir: string;
  #described: Described;

  private constructor(dir: string, described: Described) {
    this.dir = dir;
    this.#described = described;
  }

  static async up(name: string, options: readonly string[] = []): Promise<TestCluster> {
    const dir = emptyDir(name);
    return TestCluster.#start(dir, options);
  }

  /** Three nodes whose files are written first and changed before anything starts; `prepare` may put more files beside them. */
  static async upWith(name: string, prepare: (plan: LocalPlan, layout: Layout) => NodeSections): Promise<TestCluster> {
    const layout = layoutOf(emptyDir(name));
    const wishes = { nodes: 3, etcdMembers: 1, mode: 'quorum', namespaces: false, freezer: false, rwPort: null, roPort: null } as const;
    await prepareCluster(layout, wishes, process.env, (plan) => ({ node: prepare(plan, layout), proxy: {} }));
    return TestCluster.#start(layout.dir, []);
  }

  static async #start(dir: string, options: readonly string[]): Promise<TestCluster> {
    const described = JSON.parse(
      (await cli(['local', 'up', '--detach', '-o', 'json', '--dir', dir, ...options], 120_000)).stdout,
    ) as Described;
    return new TestCluster(dir, described);
  }

  async down(): Promise<void> {
    await cli(['local', 'down', '--dir', this.dir], 60_000);
    rmSync(this.dir, { recursive: true, force: true });
  }

  get uri(): string {
    return this.#described.superuserUri;
  }

  get roUri(): string {
    const url = new URL(this.uri);
    url.port = String(this.#described.proxy.roPort);
    return url.toString();
  }

  get proxy(): Described['proxy'] {
    return this.#described.proxy;
  }

  /** Newest pids and ports. */
  describe(): Described {
    this.#described = JSON.parse(readFileSync(join(this.dir, 'cluster.json'), 'utf8')) as Described;
    return this.#described;
  }

  node(name: string): Described['nodes'][number] {
    const found = this.describe().nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  }

  async list(): Promise<Listing> {
    return JSON.parse((await cli(['list', '-o', 'json', '--dir', this.dir], 20_000)).stdout) as Listing;
  }

  async status(name: string): Promise<NodeStatus> {
    const found = (await this.list()).nodes.find((node) => node.name === name);
    if (found === undefined || 'unreachable' in found) throw new Error(`${name} does not answer`);
    return found;
  }

  async leader(): Promise<string> {
    const { leader } = await this.list();
    if (leader === null) throw new Error('no leader');
    return leader.name;
  }

  /** One open primary, and every other node streaming and in the set. */
  async untilWhole(deadlineMs = 30_000): Promise<Listing> {
    const untilMs = monotonicMs() + deadlineMs;
    let last: unknown = null;
    for (;;) {
      try {
        const listing = await this.list();
        last = listing;
        const count = this.#described.nodes.length;
        const wanted = listing.leader?.mode === 'async' ? 0 : count - 1;
        if (
          listing.leader?.state === 'serving' &&
          listing.primaries === 1 &&
          listing.streamingStandbys === count - 1 &&
          listing.leader.members.length >= wanted
        )
          return listing;
      } catch (error) {
        last = error;
      }
      if (monotonicMs() > untilMs)
        throw new Error(
          `not whole within ${String(deadlineMs)} ms; last seen: ${last instanceof Error ? last.message : JSON.stringify(last)}`,
        );
      await sleep(200);
    }
  }

  /** Of the switchover or failover under way; undefined when there is none. */
  async operationStage(): Promise<string | undefined> {
    const reply = await fetch(`${this.node('n1').agentUrl}/cluster`);
    const { operation } = (await reply.json()) as { readonly operation: { readonly stage: string } | null };
    return operation?.stage;
  }

  hold(name: string): void {
    mkdirSync(join(this.dir, 'hold'), { recursive: true });
    writeFileSync(join(this.dir, 'hold', name), '');
  }

  release(name: string): void {
    rmSync(join(this.dir, 'hold', name), { force: true });
  }

  /** Agent, guard and PostgreSQL at once, and kept from coming back until released. */
  async killNode(name: string): Promise<void> {
    const { postgres, pids } = await this.status(name);
    this.hold(name);
    for (const pid of [pids.agent, pids.guard, pids.postmaster]) if (pid !== null) kill(pid, 'SIGKILL');
    if (postgres.kind === 'unknown') throw new Error(`${name} was not well before it was killed`);
  }

  async cli(...args: readonly string[]): Promise<{ readonly stdout: string; readonly code: number }> {
    return cli([...args, '--dir', this.dir], 60_000);
  }
}

function emptyDir(name: string): string {
  const dir = `/tmp/pgbaton-e2e-${String(process.pid)}-${name}`;
  rmSync(dir, { recursive: true, force: true });
  return dir;
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

async function cli(args: readonly string[], timeoutMs: number): Promise<{ readonly stdout: string; readonly code: number }> {
  try {
    const { stdout } = await run(process.execPath, [CLI, ...args], { timeout: timeoutMs, maxBuffer: 16 * 1024 * 1024 });
    return { stdout, code: 0 };
  } catch (error) {
    const failure = error as { readonly stdout?: string; readonly stderr?: string; readonly code?: number | string };
    if (args.includes('switchover') || args.includes('failover'))
      return { stdout: failure.stdout ?? '', code: typeof failure.code === 'number' ? failure.code : 1 };
    throw new Error(`pgbaton ${args.join(' ')} failed: ${failure.stderr ?? ''} ${failure.stdout ?? ''}`, { cause: error });
  }
}

/** A ledger that runs through the RW port while something bad happens, and is checked row by row afterwards. */
export async function withLedger(
  cluster: TestCluster,
  work: () => Promise<void>,
): Promise<{ readonly outageMs: number; readonly acknowledged: number; readonly errors: number }> {
  await query(cluster.uri, `DROP TABLE IF EXISTS pgbaton_ledger; ${CREATE_LEDGER}`);
  const ledger = new Ledger({ ...DEFAULT_LEDGER, connectionString: cluster.uri });
  ledger.start();
  await sleep(700);
  const faultMs = monotonicMs();
  await work();
  await sleep(500);
  await ledger.stop();
  const untilMs = monotonicMs();
  const entries = ledger.entries();
  const verdict = checkLedger(entries, await readLedgerRows(cluster.uri));
  if (!isClean(verdict)) throw new Error(`the ledger is not clean: ${JSON.stringify(verdict)}`);
  if (verdict.checked < 50) throw new Error(`only ${String(verdict.checked)} acknowledged rows: the ledger did not really run`);
  return {
    outageMs: longestGap(acknowledgedAtMs(entries), { faultMs, untilMs }).lengthMs,
    acknowledged: verdict.checked,
    errors: ledger.errorsSince(faultMs).length,
  };
}

export async function query(uri: string, sql: string): Promise<readonly Record<string, unknown>[]> {
  const client = new Client({ connectionString: uri, connectionTimeoutMillis: 20_000, query_timeout: 20_000 });
  // A session that is cut says so twice; the query tells it to whoever asked.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const result: unknown = await client.query(sql);
    return (
      Array.isArray(result) ? (result.at(-1) as { rows: Record<string, unknown>[] }) : (result as { rows: Record<string, unknown>[] })
    ).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

export async function until(claim: string, deadlineMs: number, holds: () => Promise<boolean>): Promise<void> {
  const untilMs = monotonicMs() + deadlineMs;
  let last = '';
  while (monotonicMs() < untilMs) {
    const now = await holds().catch((error: unknown) => {
      last = error instanceof Error ? error.message : String(error);
      return false;
    });
    if (now) return;
    await sleep(100);
  }
  throw new Error(`not within ${String(deadlineMs)} ms: ${claim} ${last}`);
}
