/**
 * The cluster of the comparison: three nodes, three etcd members and pgbaton's proxy as `local up` makes them, HAProxy in front of the same nodes, and
 * pgbench's tables. What it starts it ends. It must never give one of the two ways what the other does not get.
 */
import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeCertificate } from '../../chaos/cluster/certificate.ts';
import { runCli } from '../../chaos/cluster/cluster-cli.ts';
import { bringUp, makeDirectory, takeDown } from '../../chaos/cluster/cluster-life.ts';
import { prepareCluster, type Sections } from '../../chaos/cluster/prepared-cluster.ts';
import { etcdIsWhole } from '../../chaos/faults/etcd.ts';
import { withClient } from '../../chaos/ledger/door.ts';
import { Sight } from '../../chaos/live/sight.ts';
import { findTool, idsOf } from '../../cli/local/binaries.ts';
import { layoutOf, type Layout } from '../../cli/local/layout.ts';
import { HOST, type LocalPlan } from '../../cli/local/plan.ts';
import { choosePorts } from '../../cli/local/ports.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import { haproxyConfig } from '../failover/peer-config.ts';
import { openFilesLimit } from '../machine.ts';
import { Programs, runToEnd, untilReady, type Running } from '../programs.ts';
import type { Contestant, Security } from './course.ts';
import type { Options } from './options.ts';

const USER = 'bench';
const MAX_CONNECTIONS = 400;
const START_MS = 30_000;
const TABLES_MS = 300_000;
const WHOLE_MS = 60_000;
const POLL_MS = 50;

/** How an application gets in. */
export type Entrance = {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Null: nothing is encrypted. Otherwise the certificate that signs that of the server. */
  readonly caFile: string | null;
};

type Parts = {
  readonly plan: LocalPlan;
  readonly layout: Layout;
  readonly caFile: string | null;
  readonly haproxyPort: number;
  readonly superuserUri: string;
};

export type Raising = { readonly options: Options; readonly onLine: (line: string) => void; readonly signal: AbortSignal };

export class Ground {
  readonly dir: string;
  readonly programs = new Programs();
  readonly signal: AbortSignal;
  readonly #keep: boolean;
  readonly #password = randomBytes(16).toString('hex');
  #parts: Parts | null = null;

  private constructor({ options, signal }: Raising) {
    this.dir = makeDirectory('bench');
    this.signal = signal;
    this.#keep = options.keep;
  }

  static async raise(security: Security, raising: Raising): Promise<Ground> {
    const ground = new Ground(raising);
    try {
      await ground.#raise(security, raising);
    } catch (error) {
      await ground.down();
      throw error;
    }
    return ground;
  }

  async down(): Promise<void> {
    await this.programs.stopAll();
    await takeDown(this.dir, this.#keep);
  }

  entrance(contestant: Contestant): Entrance {
    const { plan, caFile, haproxyPort } = this.#raised;
    const port = contestant === 'pgbaton' ? plan.proxy.rwPort : haproxyPort;
    return { host: HOST, port, user: USER, password: this.#password, database: USER, caFile };
  }

  /** pgbench by itself, its words in a file. */
  startPgbench(contestant: Contestant, args: readonly string[]): Running {
    const logFile = join(this.dir, 'pgbench.log');
    rmSync(logFile, { force: true });
    const line = [...args, this.#conninfo(this.entrance(contestant))];
    return this.programs.start({ ...this.#around('pgbench'), command: this.#postgresProgram('pgbench'), args: line, logFile });
  }

  /** Resolves when the command has said that it is done; what it said of its stages. */
  async switchover(): Promise<unknown> {
    return runCli(['switchover', '--yes', '--dir', this.dir], { signal: this.signal });
  }

  async untilWhole(): Promise<void> {
    const { plan } = this.#raised;
    const sight = new Sight(plan);
    const missing = async (): Promise<string | null> => ((await etcdIsWhole({ plan })) ? sight.missing() : 'an etcd member is not well');
    await this.#until('the cluster is not whole', missing);
  }

  /** Does this way lead to the leader? */
  async untilOpen(contestant: Contestant): Promise<void> {
    const { host, port, user, password, database, caFile } = this.entrance(contestant);
    const ssl = caFile === null ? '' : `?sslmode=verify-full&sslrootcert=${caFile}`;
    const uri = `postgres://${user}:${password}@${host}:${String(port)}/${database}${ssl}`;
    await this.#until(`${contestant} leads nowhere`, async () =>
      withClient(uri, async (client) => {
        const { rows } = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
        return rows[0]?.standby === false ? null : 'to a standby';
      }),
    );
  }

  /** Rows of the history: pgbench writes one in each transaction. */
  async historyRows(): Promise<number> {
    return withClient(this.#uriOf(USER), async (client) => {
      const { rows } = await client.query<{ n: number }>('SELECT count(*)::int AS n FROM pgbench_history');
      return rows[0]?.n ?? 0;
    });
  }

  async serverVersion(): Promise<string> {
    return withClient(this.#raised.superuserUri, async (client) => {
      const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
      return rows[0]?.server_version.split(' ')[0] ?? 'unknown';
    });
  }

  async #raise(security: Security, { options, onLine, signal }: Raising): Promise<void> {
    const layout = layoutOf(this.dir);
    const wishes = { nodes: 3, etcdMembers: 3, mode: 'quorum', namespaces: false, freezer: false, rwPort: null, roPort: null } as const;
    let caFile: string | null = null;
    const plan = await prepareCluster(layout, wishes, process.env, ({ osUser }) => {
      const tls = security === 'tls' ? tlsSections(this.dir, osUser) : null;
      caFile = tls?.caFile ?? null;
      const parameters = { max_connections: MAX_CONNECTIONS, ...tls?.parameters };
      return { node: { postgres: { parameters } }, proxy: tls?.proxy ?? {} };
    });
    const { superuserUri } = await bringUp({ dir: this.dir, options: [], onLine, signal });
    const [haproxyPort = 0] = await choosePorts(1);
    this.#parts = { plan, layout, caFile, haproxyPort, superuserUri };
    await this.#makeTables(options.scale);
    const haproxy = this.#startHaproxy();
    const isUp = async (): Promise<boolean> => !haproxy.hasEnded() && this.untilOpen('haproxy').then(() => true);
    await untilReady(haproxy, isUp, { withinMs: START_MS, signal });
    await this.untilWhole();
  }

  async #makeTables(scale: number): Promise<void> {
    await withClient(this.#raised.superuserUri, async (client) => {
      await client.query(`CREATE ROLE ${USER} LOGIN PASSWORD '${this.#password}'`);
      await client.query(`CREATE DATABASE ${USER} OWNER ${USER}`);
    });
    writeFileSync(this.#passFile, `*:*:*:${USER}:${this.#password}\n`, { mode: 0o600 });
    const args = ['-i', '-q', '-s', String(scale), this.#conninfo(this.entrance('pgbaton'))];
    await runToEnd(
      { command: this.#postgresProgram('pgbench'), args, as: null, cwd: this.dir, cpus: null, withinMs: TABLES_MS },
      this.signal,
    );
  }

  #startHaproxy(): Running {
    const { plan, haproxyPort } = this.#raised;
    const nodes = plan.nodes.map(({ name, host, pgPort, apiPort }) => ({ name, host, port: pgPort, checkPort: apiPort }));
    const config = join(this.dir, 'haproxy.cfg');
    writeFileSync(config, haproxyConfig(`${HOST}:${String(haproxyPort)}`, nodes));
    const logFile = join(this.dir, 'log', 'haproxy.log');
    const command = findTool('haproxy', process.env);
    return this.programs.start({ ...this.#around('haproxy'), command, args: ['-db', '-f', config], logFile });
  }

  #around(name: string): {
    readonly name: string;
    readonly cwd: string;
    readonly openFiles: number;
    readonly as: null;
    readonly cpus: null;
  } {
    return { name, cwd: this.dir, openFiles: openFilesLimit(), as: null, cpus: null };
  }

  #postgresProgram(name: string): string {
    return join(this.#raised.plan.postgresBinDir, name);
  }

  get #passFile(): string {
    return join(this.dir, 'pgpass');
  }

  /** What libpq needs; the password is not on a command line that everybody could read. */
  #conninfo({ host, port, user, database, caFile }: Entrance): string {
    const tls = caFile === null ? 'sslmode=disable' : `sslmode=verify-full sslrootcert=${caFile} channel_binding=require`;
    return `host=${host} port=${String(port)} user=${user} dbname=${database} passfile=${this.#passFile} ${tls}`;
  }

  #uriOf(database: string): string {
    const url = new URL(this.#raised.superuserUri);
    url.pathname = database;
    return url.href;
  }

  async #until(what: string, missing: () => Promise<string | null>): Promise<void> {
    const deadlineMs = monotonicMs() + WHOLE_MS;
    for (;;) {
      const found = await missing().catch(String);
      if (found === null) return;
      this.signal.throwIfAborted();
      if (monotonicMs() > deadlineMs) throw new Error(`${what}: ${found}`);
      await sleep(POLL_MS, this.signal);
    }
  }

  get #raised(): Parts {
    if (this.#parts === null) throw new Error('the cluster is not up');
    return this.#parts;
  }
}

/** One certificate for the servers and the proxy, so that a login can be bound to it through either way. */
function tlsSections(
  dir: string,
  osUser: string | null,
): { readonly caFile: string; readonly parameters: Readonly<Record<string, string>>; readonly proxy: Sections } {
  const folder = join(dir, 'tls');
  mkdirSync(folder, { mode: 0o755 });
  const { certFile, keyFile } = writeCertificate(folder, 'server');
  const owner = osUser === null ? null : idsOf(osUser);
  if (owner !== null) for (const file of [certFile, keyFile]) chownSync(file, owner.uid, owner.gid);
  return {
    caFile: certFile,
    parameters: { ssl: 'on', ssl_cert_file: certFile, ssl_key_file: keyFile },
    proxy: { tls: { mode: 'terminate', certFile, keyFile }, serverTls: { mode: 'require', caFile: certFile } },
  };
}
