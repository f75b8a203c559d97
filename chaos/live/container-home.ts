/**
 * Trials on containers: the compose project of the repository, as a newcomer starts it, with the doors of docker/chaos.yml. Clients, observers and
 * the judge are the same as on a local cluster, and reach the containers by address: the engine has to run on this very machine.
 */
import { ComposeProject, repositoryRoot } from '../containers/compose-project.ts';
import { composeProgram, engineAnswers } from '../containers/docker.ts';
import { containerMeans } from '../containers/container-faults.ts';
import type { Home, Raising, Site } from './site.ts';

const FILES = ['docker-compose.yml', 'docker/chaos.yml'];
const SERVICES = ['etcd1', 'etcd2', 'etcd3', 'n1', 'n2', 'n3', 'proxy'];

export class ContainerHome implements Home {
  readonly #project = new ComposeProject({ purpose: 'chaos', files: FILES });
  readonly #raising: Raising;

  constructor(raising: Raising) {
    this.#raising = raising;
  }

  get where(): string {
    return `the stopped containers and the volumes of the project ${this.#project.name}; \`docker compose -p ${this.#project.name} down -v\` removes them`;
  }

  /** The containers run; the cluster in them forms meanwhile. */
  async raise(): Promise<Site> {
    const project = this.#project;
    await project.up(this.#raising);
    const { addresses } = project;
    return {
      field: { plan: addresses, uri: project.uri },
      means: containerMeans(project),
      doors: addresses.doors,
      ground: null,
      saveLogs: async (into) => project.saveLogs(SERVICES, into),
    };
  }

  async down(keep: boolean): Promise<void> {
    if (keep) await this.#project.stop();
    else await this.#project.down();
  }
}

/** What is missing here for trials on containers, in words; empty when nothing is. */
export function missingForContainers(): readonly string[] {
  const missing: readonly (readonly [isMissing: boolean, what: string])[] = [
    [repositoryRoot() === null, 'a checkout of the repository'],
    [!engineAnswers(), 'a Docker engine that answers'],
    [composeProgram() === null, 'docker compose or docker-compose'],
  ];
  return missing.filter(([isMissing]) => isMissing).map(([, what]) => what);
}
