/**
 * A scenario: what is done to a whole cluster under load, and what must hold all the same. What must hold is stated before it runs and does not
 * depend on what is known to work.
 */
import type { DurabilityMode } from '../../shared/domain/leader-record.ts';
import type { Stage } from './stage.ts';

export const BACKENDS = ['processes', 'namespaces', 'containers'] as const;
export type Backend = (typeof BACKENDS)[number];

/** What a machine must offer, beyond running the programs, for the scenario to be possible. */
export type Need = 'namespaces' | 'containers' | 'nft' | 'strace' | 'freezer' | 'mounts';

/** The longest time without an acknowledged write that is allowed. `stated`: a goal of the project; `own`: set here, where there is none. */
export type Bound = { readonly medianMs: number | null; readonly maxMs: number; readonly origin: 'stated' | 'own' };

/** Beyond what holds for every scenario: nothing lost, doubled or invented, no split brain, equal nodes, and whole again unaided. */
export type Demand = {
  /** Of writers that keep their session. Null: the fault makes a longer pause legitimate. */
  readonly outage: Bound | null;
  /** The same for writers that make a new session for every row. */
  readonly freshOutage: Bound | null;
  /** Of applications; null: sessions of the old primary end, or nobody gets in. */
  readonly clientErrorsMax: number | null;
  /** Claims of leadership. Every one above `most` is a needless failover. */
  readonly failovers: { readonly least: number; readonly most: number };
};

export type Scenario = {
  /** States its mechanism. */
  readonly name: string;
  /** Rows of the catalogue of faults. */
  readonly faults: readonly string[];
  readonly does: string;
  readonly holds: string;
  /** Applications behind the proxy, if everything holds. */
  readonly clientsSee: string;
  readonly heals: string;
  /** Of a local cluster. Containers need an engine, and nothing of this. */
  readonly needs: readonly Need[];
  /** By what means it is done to a container, where `does` says how it is done to processes. Null: it is not. */
  readonly onContainers: string | null;
  readonly etcdMembersLeast: 1 | 3;
  /** Of the cluster it is played on. In `async` nobody has to acknowledge, and nothing is promised. */
  readonly mode: DurabilityMode;
  readonly demand: Demand;
  /** For the time left; a trial includes warming up and healing. */
  readonly secondsExpected: (options: PlayOptions) => number;
  /** Before the clients begin. Null: nothing. */
  readonly prepare: ((stage: Stage) => Promise<void>) | null;
  readonly play: (stage: Stage, options: PlayOptions) => Promise<void>;
};

/** Where it can be played, on a machine that has everything. */
export function backendsOf({ needs, onContainers }: Pick<Scenario, 'needs' | 'onContainers'>): readonly Backend[] {
  const places: Readonly<Record<Backend, boolean>> = {
    processes: !needs.includes('namespaces') && !needs.includes('containers'),
    namespaces: !needs.includes('containers'),
    containers: onContainers !== null,
  };
  return BACKENDS.filter((backend) => places[backend]);
}

export type PlayOptions = { readonly minutes: number };

/** New sessions go through a proxy that has to learn, and take a few round trips more. */
const FRESH_EXTRA_MS = 400;

function forFresh(outage: Bound | null): Bound | null {
  return outage === null ? null : { medianMs: null, maxMs: outage.maxMs + FRESH_EXTRA_MS, origin: 'own' };
}

/** What most faults of a primary demand: one node takes over, once. */
export function oneFailover(outage: Bound | null): Demand {
  return { outage, freshOutage: forFresh(outage), clientErrorsMax: null, failovers: { least: 1, most: 1 } };
}

/** A fault that must not be felt. */
export function nothingHappens(outage: Bound): Demand {
  return { outage, freshOutage: forFresh(outage), clientErrorsMax: 0, failovers: { least: 0, most: 0 } };
}

export const POSTGRES_CRASH: Bound = { medianMs: 200, maxMs: 600, origin: 'stated' };
export const NODE_LOST: Bound = { medianMs: 1_200, maxMs: 2_000, origin: 'stated' };
export const PLANNED_MOVE: Bound = { medianMs: 200, maxMs: 600, origin: 'stated' };
export const ETCD_TROUBLE: Bound = { medianMs: null, maxMs: 200, origin: 'stated' };
/** One standby fewer: the other acknowledges, and whoever waited for the lost one waits no longer than it takes to notice. */
export const STANDBY_LOST: Bound = { medianMs: null, maxMs: 1_000, origin: 'own' };
/** A primary that does not die but does not serve: nobody promises how quickly that is found out, but it must be. */
export const GRAY: Bound = { medianMs: null, maxMs: 5_000, origin: 'own' };

/**
 * A node lost, on containers: while it is being lost the engine works on the same cores, taking interfaces down and answering for names that are
 * gone, and every packet takes one bridge more. The goals of the project are about the processes.
 */
export const NODE_LOST_ON_CONTAINERS: Bound = { medianMs: 1_600, maxMs: 2_500, origin: 'own' };

/** The scenario as it is played there: what is done in the words of the place, held against the bounds of the place. */
export function playedOn(backend: Backend, scenario: Scenario): Scenario {
  const { demand, onContainers } = scenario;
  if (backend !== 'containers' || onContainers === null) return scenario;
  const isNodeLost = demand.outage === NODE_LOST;
  return { ...scenario, does: onContainers, demand: isNodeLost ? oneFailover(NODE_LOST_ON_CONTAINERS) : demand };
}

/** Seconds that every trial takes before and after what it is about. */
export const AROUND_SECONDS = 8;
