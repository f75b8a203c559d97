/**
 * The compose project of this repository as a test sees it: brought up from docker-compose.yml by testcontainers, with either generation of
 * Compose, on free ports; containers are found by the labels both generations set. It knows no pgbaton internals: it asks the command line.
 */
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DockerComposeEnvironment, StartupCheckStrategy } from 'testcontainers';
import type { StartedDockerComposeEnvironment, StartupStatus } from 'testcontainers';
import type { ClusterStatus } from '../../shared/domain/cluster-status.ts';
import { freePort } from './free-ports.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..', '..');
const NODES = ['n1', 'n2', 'n3'] as const;
const COMMAND_MS = 60_000;

export type NodeService = (typeof NODES)[number];

export class ComposeProject {
  readonly name: string;
  readonly #environment: StartedDockerComposeEnvironment;
  readonly #rwPort: number;
  readonly #roPort: number;

  private constructor(name: string, environment: StartedDockerComposeEnvironment, rwPort: number, roPort: number) {
    this.name = name;
    this.#environment = environment;
    this.#rwPort = rwPort;
    this.#roPort = roPort;
  }

  static async up(): Promise<ComposeProject> {
    execFileSync(join(ROOT, 'docker', 'make-secrets.sh'));
    const name = `pgbaton-test-${String(process.pid)}`;
    const rwPort = await freePort();
    const roPort = await freePort();
    const environment = await new DockerComposeEnvironment(ROOT, 'docker-compose.yml')
      .withProjectName(name)
      .withClientOptions(composeClient())
      .withEnvironment({ PGBATON_RW_PORT: String(rwPort), PGBATON_RO_PORT: String(roPort) })
      // The cleaner would be one more image to pull; down() in the suite's own teardown does its work.
      .withAutoCleanup(false)
      .withBuild()
      .withDefaultWaitStrategy(new Created())
      .up();
    return new ComposeProject(name, environment, rwPort, roPort);
  }

  async down(): Promise<void> {
    await this.#environment.down({ removeVolumes: true, timeout: 5_000 });
  }

  get readWrite(): string {
    return connectionString(this.#rwPort);
  }

  get readOnly(): string {
    return connectionString(this.#roPort);
  }

  async kill(service: NodeService): Promise<void> {
    await docker('kill', '--signal', 'KILL', await this.#container(service));
  }

  /** As an operator does it: SIGTERM, and the grace period of the compose file. */
  async stop(service: NodeService): Promise<void> {
    await docker('stop', '--time', '30', await this.#container(service));
  }

  async start(service: NodeService): Promise<void> {
    await docker('start', await this.#container(service));
  }

  /** Every process of the container stands still, in the middle of whatever it does, until `thaw`. */
  async freeze(service: NodeService): Promise<void> {
    await docker('pause', await this.#container(service));
  }

  async thaw(service: NodeService): Promise<void> {
    await docker('unpause', await this.#container(service));
  }

  /** Pulls the network cable: the container runs on, and no connection is told that it has ended. */
  async cutOff(service: NodeService): Promise<void> {
    await docker('network', 'disconnect', `${this.name}_default`, await this.#container(service));
  }

  async reconnect(service: NodeService): Promise<void> {
    await docker('network', 'connect', '--alias', service, `${this.name}_default`, await this.#container(service));
  }

  /** What `pgbaton list` says inside a node's container; null while that node has no answer. */
  async statusFrom(service: NodeService): Promise<ClusterStatus | null> {
    try {
      const asked = ['pgbaton', 'list', '--config', '/etc/pgbaton/node.yml', '--output', 'json'];
      return JSON.parse(await docker('exec', await this.#container(service), ...asked)) as ClusterStatus;
    } catch {
      // A stopped container or an agent that is still starting: the caller polls, with a deadline.
      return null;
    }
  }

  /** Asked over the container's own loopback, so that it can be asked while it is cut off. No server, or none that answers: false. */
  async isPrimaryInside(service: NodeService): Promise<boolean> {
    const script = 'PGPASSWORD=$(cat /run/secrets/superuser-password) PGCONNECT_TIMEOUT=3 psql -h 127.0.0.1 -U postgres -Atc "$0"';
    try {
      return (await docker('exec', await this.#container(service), 'sh', '-c', script, 'select pg_is_in_recovery()')).trim() === 'f';
    } catch {
      return false;
    }
  }

  async logs(service: string): Promise<string> {
    return docker('logs', '--tail', '60', await this.#container(service));
  }

  async #container(service: string): Promise<string> {
    const labels = [`label=com.docker.compose.project=${this.name}`, `label=com.docker.compose.service=${service}`];
    const ids = (await docker('ps', '--all', '--quiet', ...labels.flatMap((label) => ['--filter', label]))).split('\n').filter(Boolean);
    const [id] = ids;
    if (id === undefined || ids.length > 1) throw new Error(`${String(ids.length)} containers for ${service} in ${this.name}`);
    return id;
  }
}

/**
 * Compose has created the containers, and that is all to wait for here: the library would look for the published ports at an address that it
 * guesses (on a machine that is a container itself, not loopback, where the project publishes them), and a project that it gives up is
 * removed with its logs. The suite waits for the cluster and shows the logs when it does not come.
 */
class Created extends StartupCheckStrategy {
  checkStartupState(): Promise<StartupStatus> {
    return Promise.resolve('SUCCESS');
  }
}

export function otherNodes(service: NodeService): readonly NodeService[] {
  return NODES.filter((node) => node !== service);
}

export function nodeService(name: string): NodeService {
  const found = NODES.find((node) => node === name);
  if (found === undefined) throw new Error(`no service is called ${name}`);
  return found;
}

async function docker(...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run('docker', [...args], { timeout: COMMAND_MS, maxBuffer: 16 << 20 });
  return args[0] === 'logs' ? stdout + stderr : stdout;
}

function composeClient(): { executable?: { standalone: true } } {
  try {
    execFileSync('docker', ['compose', 'version'], { stdio: 'ignore' });
    return {};
  } catch {
    return { executable: { standalone: true } };
  }
}

function connectionString(port: number): string {
  const password = readFileSync(join(ROOT, 'docker', 'secrets', 'superuser-password.txt'), 'utf8').trim();
  return `postgres://postgres:${password}@127.0.0.1:${String(port)}/postgres`;
}
