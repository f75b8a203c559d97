/**
 * A compose project that is made to be broken: brought up under a name and in a range of addresses of its own, its containers found by the labels
 * that both generations of Compose set, and removed with its volumes. It knows nothing of what runs inside, nor of faults.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { pickSubnet } from '../../cli/local/network-plan.ts';
import { systemRandom } from '../../shared/runtime/random.ts';
import { addressesOf, type Addresses } from './addresses.ts';
import { command, composeProgram, docker, type CommandOptions } from './docker.ts';

/** Building the images from nothing is most of it. */
const UP_MS = 900_000;
const DOWN_MS = 120_000;

export type ComposeProjectOptions = {
  /** What it is for; a part of its name. */
  readonly purpose: string;
  /** Read one after the other, relative to the root of the repository. */
  readonly files: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
};

export class ComposeProject {
  readonly name: string;
  readonly addresses: Addresses;
  readonly #root: string;
  readonly #files: readonly string[];
  readonly #env: Readonly<Record<string, string>>;

  constructor({ purpose, files, env = {} }: ComposeProjectOptions) {
    const root = repositoryRoot();
    if (root === null) throw new Error('docker-compose.yml is not part of the installed package: it needs a checkout of the repository');
    const subnet = freeSubnet();
    this.#root = root;
    this.#files = files;
    this.name = `pgbaton-${purpose}-${String(process.pid)}`;
    this.addresses = addressesOf(subnet);
    // The engine chooses the published ports; nobody here uses them.
    this.#env = { PGBATON_CHAOS_SUBNET: subnet, PGBATON_RW_PORT: '0', PGBATON_RO_PORT: '0', ...env };
  }

  /** Through the proxy of the project. The passwords have to be there. */
  get uri(): string {
    const { proxyHost, proxyPort } = this.addresses;
    return `postgres://postgres:${superuserPassword()}@${proxyHost}:${String(proxyPort)}/postgres`;
  }

  /** Makes the passwords and the images first, where they are missing. */
  async up({ signal, onLine }: { readonly signal: AbortSignal; readonly onLine: (line: string) => void }): Promise<void> {
    await makeSecrets();
    await command(join(this.#root, 'scripts', 'base-image.sh'), [], { signal, withinMs: UP_MS });
    onLine(`docker compose up: project ${this.name}`);
    await this.#compose(['up', '--detach', '--build'], { signal, withinMs: UP_MS });
  }

  /** Also after an `up` that came only halfway. */
  async down(): Promise<void> {
    await this.#compose(['down', '--volumes', '--remove-orphans', '--timeout', '1'], { withinMs: DOWN_MS });
  }

  /** Nothing runs any more, and everything can be looked at. */
  async stop(): Promise<void> {
    await this.#compose(['stop', '--timeout', '5'], { withinMs: DOWN_MS });
  }

  get files(): readonly string[] {
    return this.#files.map((file) => join(this.#root, file));
  }

  /** Of the container that Compose made for the service. */
  async container(service: string): Promise<string> {
    const labels = [`label=com.docker.compose.project=${this.name}`, `label=com.docker.compose.service=${service}`];
    const told = await docker(['ps', '--all', '--quiet', ...labels.flatMap((label) => ['--filter', label])]);
    const ids = told.split('\n').filter((line) => line !== '');
    const [id] = ids;
    if (id === undefined || ids.length > 1) throw new Error(`${String(ids.length)} containers for ${service} in ${this.name}`);
    return id;
  }

  /** The network in which everybody reaches everybody. */
  get network(): string {
    return `${this.name}_default`;
  }

  async saveLogs(services: readonly string[], into: string): Promise<void> {
    mkdirSync(into, { recursive: true });
    for (const service of services) {
      let log = '';
      await docker(['logs', await this.container(service)], { onOutput: (text) => (log += text) });
      writeFileSync(join(into, `${service}.log`), log);
    }
  }

  async #compose(args: readonly string[], options: CommandOptions): Promise<void> {
    const [program, ...first] = composeProgram() ?? ['docker-compose'];
    const files = this.files.flatMap((file) => ['--file', file]);
    const project = ['--project-directory', this.#root, '--project-name', this.name];
    await command(program, [...first, ...project, ...files, ...args], { ...options, env: this.#env });
  }
}

/** Keeps those that are there. */
export async function makeSecrets(): Promise<void> {
  await command(join(repositoryRoot() ?? '.', 'docker', 'make-secrets.sh'), []);
}

export function superuserPassword(): string {
  return readFileSync(join(repositoryRoot() ?? '.', 'docker', 'secrets', 'superuser-password.txt'), 'utf8').trim();
}

/** The folder of docker-compose.yml, from the sources or from what was compiled. Null: this is an installed package. */
export function repositoryRoot(): string | null {
  for (let dir = import.meta.dirname; dir !== dirname(dir); dir = dirname(dir))
    if (existsSync(join(dir, 'docker-compose.yml')) && existsSync(join(dir, 'package.json'))) return dir;
  return null;
}

/** The engine refuses what overlaps its own networks; what this machine has besides is looked up here. */
function freeSubnet(): string {
  const taken = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family }) => family === 'IPv4')
    .map(({ address, cidr }) => ({ address, prefixLength: Number(cidr?.split('/')[1] ?? '32') }));
  const subnet = pickSubnet(taken, systemRandom);
  if (subnet === null) throw new Error('no free range of addresses in 10.0.0.0/8');
  return subnet;
}
