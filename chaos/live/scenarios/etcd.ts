/** Trouble of etcd alone. PostgreSQL and its standbys are well, so nobody may notice any of it. */
import { cpuLoad } from '../../faults/cpu-load.ts';
import { delayEtcdFsync, etcdLeader, freezeEtcdMember, killEtcdMembers } from '../../faults/etcd.ts';
import { between, pick } from '../dice.ts';
import { AROUND_SECONDS, ETCD_TROUBLE, nothingHappens, type Need, type Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { monotonicMs } from '../../../shared/runtime/clock.ts';

const STALL_MS = 10_000;
const OUTAGE_MS = 60_000;
const AFTER_MS = 2_000;

export const etcdStopAll60s: Scenario = {
  name: 'etcd-stop-all-60s',
  faults: ['F11'],
  does: 'kill -9 of every etcd member, and none is started for 60 s',
  holds: 'nothing happens: the standbys keep the primary honest',
  clientsSee: 'nothing',
  heals: 'the members are started again',
  needs: [],
  onContainers: null,
  etcdMembersLeast: 1,
  mode: 'quorum',
  demand: nothingHappens(ETCD_TROUBLE),
  secondsExpected: () => AROUND_SECONDS + OUTAGE_MS / 1_000 + 3,
  prepare: null,
  play: async (stage) => {
    const members = stage.ground.plan.etcd.map(({ name }) => name);
    await stage.strikeFor(killEtcdMembers(stage.ground, members), OUTAGE_MS);
    await stage.pause(AFTER_MS);
  },
};

export const etcdLeaderFreeze10s = stalling('leader', {
  mechanism: 'freeze',
  what: 'SIGSTOP of',
  needs: [],
  stall: async (stage, member) => {
    const fault = freezeEtcdMember(stage.ground, member);
    await stage.strike(fault);
    await stage.pause(STALL_MS);
    const leader = await etcdLeader(stage.ground);
    stage.check('another etcd member leads in its place', leader !== null && leader !== member, leader ?? 'none does');
    await stage.heal(fault);
  },
});

export const etcdFollowerFreeze10s = stalling('follower', {
  mechanism: 'freeze',
  what: 'SIGSTOP of',
  needs: [],
  stall: async (stage, member) => stage.strikeFor(freezeEtcdMember(stage.ground, member), STALL_MS),
});

export const etcdLeaderFsyncStall10s = stalling('leader', {
  mechanism: 'fsync-stall',
  what: 'the disk hangs under',
  needs: ['strace'],
  stall: stallFsync,
});
export const etcdFollowerFsyncStall10s = stalling('follower', {
  mechanism: 'fsync-stall',
  what: 'the disk hangs under',
  needs: ['strace'],
  stall: stallFsync,
});

/** Every fsync takes as long as the whole stall: none ends before it does. */
async function stallFsync(stage: Stage, member: string): Promise<void> {
  const fault = delayEtcdFsync(stage.ground, member, STALL_MS);
  await stage.strike(fault);
  await stage.pause(STALL_MS / 2);
  stage.check('an fsync of the member is held', fault.isFelt(), fault.isFelt() ? 'one thread waits' : 'no thread waits');
  await stage.pause(STALL_MS / 2);
  await stage.heal(fault);
}

type Stalling = {
  readonly mechanism: string;
  readonly what: string;
  readonly needs: readonly Need[];
  readonly stall: (stage: Stage, member: string) => Promise<void>;
};

function stalling(role: 'leader' | 'follower', { mechanism, what, needs, stall }: Stalling): Scenario {
  return {
    name: `etcd-${role}-${mechanism}-10s`,
    faults: ['F9'],
    does: `${what} the etcd member that ${role === 'leader' ? 'leads' : 'follows'}, for 10 s`,
    holds: 'nothing happens',
    clientsSee: 'nothing',
    heals: 'the member goes on',
    needs,
    onContainers: null,
    etcdMembersLeast: 3,
    mode: 'quorum',
    demand: nothingHappens(ETCD_TROUBLE),
    secondsExpected: () => AROUND_SECONDS + STALL_MS / 1_000 + 3,
    prepare: null,
    play: async (stage) => {
      const leader = await stage.until('etcd has a leader', 5_000, async () => etcdLeader(stage.ground));
      const followers = stage.ground.plan.etcd.map(({ name }) => name).filter((name) => name !== leader);
      await stall(stage, role === 'leader' ? leader : pick(stage.random, followers));
      await stage.pause(AFTER_MS);
    },
  };
}

export const cpuLoadWithEtcdStalls: Scenario = {
  name: 'cpu-load-with-etcd-stalls',
  faults: ['F9', 'F10', 'F20'],
  does: 'every core is busy, and random etcd members are stopped for 1 to 3 s, for --minutes',
  holds: 'no needless failover',
  clientsSee: 'slower answers, no error',
  heals: 'the load ends and the members go on',
  needs: [],
  onContainers: null,
  etcdMembersLeast: 3,
  mode: 'quorum',
  demand: { outage: null, freshOutage: null, clientErrorsMax: 0, failovers: { least: 0, most: 0 } },
  secondsExpected: ({ minutes }) => AROUND_SECONDS + minutes * 60,
  prepare: null,
  play: async (stage, { minutes }) => {
    const load = cpuLoad(stage.ground, 1);
    await stage.strike(load);
    const untilMs = monotonicMs() + minutes * 60_000;
    const members = stage.ground.plan.etcd.map(({ name }) => name);
    while (monotonicMs() < untilMs) {
      await stage.strikeFor(freezeEtcdMember(stage.ground, pick(stage.random, members)), between(stage.random, 1_000, 3_000));
      await stage.pause(between(stage.random, 1_000, 5_000));
    }
    await stage.heal(load);
  },
};
