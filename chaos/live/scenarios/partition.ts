/**
 * Components that cannot reach each other. Clients past the proxy stay connected to the side that is cut off, so that nothing acknowledged there
 * can hide.
 */
import { readFileSync } from 'node:fs';
import type { Fault } from '../../faults/fault.ts';
import { partition } from '../../faults/partition.ts';
import { PROXY_NAME } from '../../../cli/local/plan.ts';
import { monotonicMs, wallClockIso } from '../../../shared/runtime/clock.ts';
import { Bystanders } from '../bystanders.ts';
import { between, pick } from '../dice.ts';
import { newsBeyondMs } from '../proxy-news.ts';
import {
  AROUND_SECONDS,
  ETCD_TROUBLE,
  NODE_LOST,
  nothingHappens,
  oneFailover,
  STANDBY_LOST,
  type Demand,
  type Scenario,
} from '../scenario.ts';
import type { Stage } from '../stage.ts';

const TAKEN_OVER_WITHIN_MS = 20_000;
const AFTER_HEAL_MS = 4_000;
/** An application's pool, and room beside it in the connections that a PostgreSQL has by default. */
const BYSTANDERS = 40;
const CUT_WITHIN_MS = 100;

const etcdOf = ({ ground }: Stage): readonly string[] => ground.plan.etcd.map(({ name }) => name);

/** Cut for some seconds; with a failover due, until it has happened. */
function cutting(options: {
  readonly name: string;
  readonly does: string;
  readonly holds: string;
  readonly clientsSee: string;
  readonly demand: Demand;
  readonly cut: (stage: Stage) => Fault;
  readonly faults: readonly string[];
  readonly onContainers?: string;
}): Scenario {
  const { cut, onContainers = null, ...told } = options;
  const isFailoverDue = told.demand.failovers.least > 0;
  return {
    ...told,
    heals: onContainers === null ? 'the rules are taken away' : 'the rules are taken away, or the network is connected again',
    needs: ['namespaces', 'nft'],
    onContainers,
    etcdMembersLeast: 1,
    mode: 'quorum',
    secondsExpected: () => AROUND_SECONDS + 12,
    prepare: null,
    play: async (stage) => {
      const fault = cut(stage);
      await stage.strike(fault);
      if (isFailoverDue) await stage.untilAnotherLeads(stage.leader, TAKEN_OVER_WITHIN_MS);
      await stage.pause(between(stage.random, 3_000, 8_000));
      await stage.heal(fault);
      await stage.pause(AFTER_HEAL_MS);
    },
  };
}

/**
 * Nobody tells these sessions anything: their packets are dropped. The proxy has to, as soon as it knows better than they do. Its log, which says when that
 * was, is only at hand on this machine.
 */
function watchingCuts(scenario: Scenario): Scenario {
  return {
    ...scenario,
    play: async (stage, options) => {
      if (stage.groundIfLocal === null) return scenario.play(stage, options);
      const bystanders = await Bystanders.open(stage.field.uri, BYSTANDERS);
      try {
        await scenario.play(stage, options);
        stage.checkWithin(
          'the last session of the old leader ends after the proxy knows of the new one',
          cutAfterMs(stage, bystanders),
          CUT_WITHIN_MS,
        );
      } finally {
        await bystanders.close();
      }
    },
  };
}

/** Null: it did not learn of a new leader, or a session lived on. */
function cutAfterMs(stage: Stage, bystanders: Bystanders): number | null {
  const newsMs = newsBeyondMs(readFileSync(stage.ground.layout.log(PROXY_NAME), 'utf8'), stage.epoch);
  const ends = bystanders.endedMs();
  if (newsMs === null || !ends.every((end) => end !== null)) return null;
  const sinceBootMs = newsMs - Date.parse(wallClockIso()) + monotonicMs();
  return Math.max(...ends) - sinceBootMs;
}

const everybodyElse = (stage: Stage): readonly string[] => [...stage.standbys, ...etcdOf(stage), PROXY_NAME];

export const partitionPrimary = watchingCuts(
  cutting({
    name: 'partition-primary',
    faults: ['F13'],
    does: 'the primary node is cut off from standbys, etcd and proxy',
    holds: 'a standby takes over, and the old primary acknowledges nothing to the sessions it still has',
    clientsSee:
      'open sessions end, and a commit on its way has an unknown outcome; new sessions wait at the proxy until another node serves; whoever still reaches the old primary gets nothing acknowledged',
    demand: oneFailover(NODE_LOST),
    cut: ({ means, leader }) => means.cutOffNode(leader),
    onContainers: "docker network disconnect of the primary's container, connected again to heal",
  }),
);

export const partitionPrimaryDeaf = cutting({
  name: 'partition-primary-deaf',
  faults: ['F14'],
  does: 'nothing that others send reaches the primary node; what it sends arrives',
  holds: 'a standby takes over, and the old primary acknowledges nothing',
  clientsSee: 'open sessions end, and a commit on its way has an unknown outcome; new sessions wait at the proxy until another node serves',
  demand: oneFailover(NODE_LOST),
  cut: (stage) => partition(stage.ground, { component: stage.leader, from: everybodyElse(stage), direction: 'deaf' }),
});

export const partitionPrimaryMute = cutting({
  name: 'partition-primary-mute',
  faults: ['F14'],
  does: 'nothing that the primary node sends reaches others; what they send arrives',
  holds: 'a standby takes over, and the old primary acknowledges nothing',
  clientsSee: 'open sessions end, and a commit on its way has an unknown outcome; new sessions wait at the proxy until another node serves',
  demand: oneFailover(NODE_LOST),
  cut: (stage) => partition(stage.ground, { component: stage.leader, from: everybodyElse(stage), direction: 'mute' }),
});

export const partitionPrimaryFromEtcd = cutting({
  name: 'partition-primary-from-etcd',
  faults: ['F13'],
  does: 'the primary node is cut off from every etcd member, and from nothing else',
  holds: 'nothing happens: its standbys confirm that they have promised nobody else',
  clientsSee: 'nothing',
  demand: nothingHappens(ETCD_TROUBLE),
  cut: (stage) => partition(stage.ground, { component: stage.leader, from: etcdOf(stage), direction: 'both' }),
});

export const partitionPrimaryFromStandbys = cutting({
  name: 'partition-primary-from-standbys',
  faults: ['F13'],
  does: 'the primary node is cut off from its standbys, and from nothing else',
  holds: 'a standby takes over: a primary without standbys cannot acknowledge',
  clientsSee: 'commits wait until another node leads; then open sessions end with an unknown outcome',
  demand: oneFailover(null),
  cut: (stage) => partition(stage.ground, { component: stage.leader, from: stage.standbys, direction: 'both' }),
});

export const partitionPrimaryFromOneStandby = cutting({
  name: 'partition-primary-from-one-standby',
  faults: ['F13'],
  does: 'the link between the primary and one of its standbys is cut',
  holds: 'commits go on: the other standby acknowledges, and one bad link is no reason for a failover',
  clientsSee: 'at most a short pause, no error',
  demand: nothingHappens(STANDBY_LOST),
  cut: (stage) => partition(stage.ground, { component: stage.leader, from: [pick(stage.random, stage.standbys)], direction: 'both' }),
});

export const partitionStandby = cutting({
  name: 'partition-standby',
  faults: ['F13'],
  does: 'one standby node is cut off from everybody',
  holds: 'commits go on: the other standby acknowledges',
  clientsSee: 'at most a short pause, no error',
  demand: nothingHappens(STANDBY_LOST),
  cut: ({ means, standbys }) => means.cutOffNode(standbys[0] ?? ''),
  onContainers: "docker network disconnect of a standby's container, connected again to heal",
});

export const partitionProxyFromEtcd = cutting({
  name: 'partition-proxy-from-etcd',
  faults: ['F8'],
  does: 'the proxy is cut off from every etcd member',
  holds: 'nothing happens: the proxy asks the agents',
  clientsSee: 'nothing',
  demand: nothingHappens(ETCD_TROUBLE),
  cut: (stage) => partition(stage.ground, { component: PROXY_NAME, from: etcdOf(stage), direction: 'both' }),
});
