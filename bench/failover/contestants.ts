/**
 * The products as the race sees them: one compose project each, reached at the same addresses, writing to the same kind of table. What differs is
 * told here and nowhere else: how to ask who leads, whether all is well, and for a switchover.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { ComposeProject, superuserPassword } from '../../chaos/containers/compose-project.ts';
import { docker } from '../../chaos/containers/docker.ts';
import type { Field } from '../../chaos/faults/ground.ts';
import { nodeOf } from '../../chaos/faults/ground.ts';
import { etcdIsWhole } from '../../chaos/faults/etcd.ts';
import { Sight } from '../../chaos/live/sight.ts';
import { httpUrl } from '../../cli/local/plan.ts';
import { httpJson } from '../../shared/http/client.ts';
import { nameOf, type Entrant } from './course.ts';
import { haproxyConfig, patroniYaml, PEER_SETTINGS, type PeerSetting } from './peer-config.ts';

export interface Contestant {
  readonly name: string;
  readonly project: ComposeProject;
  readonly field: Field;
  /** A fault falls anywhere within the longest period of its loop. */
  readonly periodMs: number;
  leader(): Promise<string | null>;
  /** Null when everything is well; otherwise what is missing. */
  missing(): Promise<string | null>;
  /** Resolves when the product says that it is done. */
  switchover(leader: string): Promise<void>;
  /** Files of this machine that were made for it. */
  forget(): void;
}

const BASE_FILES = ['docker-compose.yml', 'docker/chaos.yml'];
const NODES = 3;
const ASK_MS = 1_500;
const SWITCHOVER_MS = 60_000;
/** How often a holder renews: what its faults may fall between. */
const PGBATON_PERIOD_MS = 1_000;
const MS_PER_S = 1_000;

export function contestantFor(entrant: Entrant, number: number): Contestant {
  return entrant.product === 'pgbaton'
    ? new Pgbaton(nameOf(entrant), number, entrant.isSynchronous)
    : new Patroni(nameOf(entrant), number, entrant);
}

function fieldOf({ addresses, uri }: ComposeProject): Field {
  return { plan: addresses, uri };
}

class Pgbaton implements Contestant {
  readonly name: string;
  readonly project: ComposeProject;
  readonly field: Field;
  readonly periodMs = PGBATON_PERIOD_MS;
  readonly #sight: Sight;

  constructor(name: string, number: number, isSynchronous: boolean) {
    this.name = name;
    const env = { PGBATON_BENCH_MODE: isSynchronous ? 'quorum' : 'async' };
    this.project = new ComposeProject({ purpose: `bench${String(number)}`, files: [...BASE_FILES, 'bench/failover/pgbaton.yml'], env });
    this.field = fieldOf(this.project);
    this.#sight = new Sight(this.field.plan);
  }

  async leader(): Promise<string | null> {
    return (await this.#sight.servingLeader())?.name ?? null;
  }

  async missing(): Promise<string | null> {
    return (await etcdIsWhole(this.field)) ? this.#sight.missing() : 'an etcd member is not well';
  }

  async switchover(leader: string): Promise<void> {
    const id = await this.project.container(leader);
    const words = ['pgbaton', 'switchover', '--yes', '--config', '/etc/pgbaton/node.yml'];
    await docker(['exec', id, ...words], { withinMs: SWITCHOVER_MS });
  }

  forget(): void {
    // Nothing was written for it.
  }
}

const clusterSchema = z.object({
  members: z.array(z.object({ name: z.string(), role: z.string(), state: z.string(), lag: z.unknown().optional() })),
});
type Members = z.infer<typeof clusterSchema>['members'];

class Patroni implements Contestant {
  readonly name: string;
  readonly project: ComposeProject;
  readonly field: Field;
  readonly periodMs: number;
  readonly #dir: string;
  readonly #isSynchronous: boolean;

  constructor(
    name: string,
    number: number,
    { setting, isSynchronous }: { readonly setting: PeerSetting; readonly isSynchronous: boolean },
  ) {
    const timings = PEER_SETTINGS[setting];
    this.name = name;
    this.periodMs = timings.loopWaitS * MS_PER_S;
    this.#isSynchronous = isSynchronous;
    this.#dir = mkdtempSync(join(tmpdir(), 'pgbaton-race-'));
    // Read by another user inside the containers. The folder is closed to nobody; the password is that of a cluster of some minutes.
    chmodSync(this.#dir, 0o755);
    const env = { PGBATON_BENCH_DIR: this.#dir };
    this.project = new ComposeProject({
      purpose: `bench${String(number)}`,
      files: [...BASE_FILES, 'bench/failover/peer/compose.yml'],
      env,
    });
    this.field = fieldOf(this.project);
    writeFileSync(join(this.#dir, 'patroni.yml'), patroniYaml({ timings, isSynchronous, password: superuserPassword() }));
    const nodes = [...this.project.addresses.inside].map(([member, host]) => ({ name: member, host, port: 5432, checkPort: 8008 }));
    writeFileSync(join(this.#dir, 'haproxy.cfg'), haproxyConfig('*:5432', nodes));
  }

  async leader(): Promise<string | null> {
    const members = await this.#members();
    return members?.find(isRunningLeader)?.name ?? null;
  }

  async missing(): Promise<string | null> {
    if (!(await etcdIsWhole(this.field))) return 'an etcd member is not well';
    const members = await this.#members();
    if (members === null) return 'nobody answers';
    if (!members.some(isRunningLeader)) return 'no leader';
    const standbys = members.filter(({ role, state }) => state === 'streaming' && /replica|standby/.test(role));
    if (standbys.length < NODES - 1) return `${String(standbys.length)} standbys stream`;
    const voters = standbys.filter(({ role }) => role === 'quorum_standby');
    return this.#isSynchronous && voters.length < NODES - 1 ? `${String(voters.length)} standbys count for a quorum` : null;
  }

  async switchover(leader: string): Promise<void> {
    const { host, apiPort } = nodeOf(this.field.plan, leader);
    const url = `${httpUrl(host, apiPort)}/switchover`;
    const answer = await httpJson({ url, method: 'POST', body: { leader }, timeoutMs: SWITCHOVER_MS });
    // The body is a sentence and no JSON, which the client reports as a failure to read it; that the leader has changed is looked up by the caller.
    if (answer.kind === 'ok' && answer.status >= 400) throw new Error(`Patroni refused the switchover: HTTP ${String(answer.status)}`);
  }

  forget(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /** What the nodes say of the cluster; the one that leads by its own word knows best. */
  async #members(): Promise<Members | null> {
    const answers = await Promise.all(
      this.field.plan.nodes.map(async ({ name, host, apiPort }) => {
        const answer = await httpJson({ url: `${httpUrl(host, apiPort)}/cluster`, timeoutMs: ASK_MS });
        const parsed = answer.kind === 'ok' && answer.status === 200 ? clusterSchema.safeParse(answer.body) : null;
        return parsed?.success === true ? { name, members: parsed.data.members } : null;
      }),
    );
    const told = answers.filter((one) => one !== null);
    const ofLeader = told.find(({ name, members }) => members.some((member) => member.name === name && isRunningLeader(member)));
    return (ofLeader ?? told[0])?.members ?? null;
  }
}

function isRunningLeader({ role, state }: Members[number]): boolean {
  return role === 'leader' && state === 'running';
}
