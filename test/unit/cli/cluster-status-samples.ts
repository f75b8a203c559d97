/** Made-up answers of agents for the tests of what prints them. */
import type { ClusterStatus, NodeStatus } from '../../../shared/domain/cluster-status.ts';

export function sampleNode(name: string, change: Partial<NodeStatus> = {}): NodeStatus {
  return {
    name,
    member: `${name}~0123456789ab`,
    cluster: 'c',
    state: 'following',
    reason: 'the leader is n1',
    leadership: 'follower',
    postgres: { kind: 'standby', streaming: true },
    serverVersion: '17.2',
    pgHost: '10.0.0.1',
    pgPort: 5432,
    agentUrl: `http://${name}:8008`,
    epoch: '3',
    promised: '3',
    history: { timeline: 2, ancestors: [] },
    receivedLsn: '0/3000000',
    replayedLsn: '0/3000000',
    seenAgeMs: 20,
    lagBytes: 0,
    pids: { agent: 1, guard: 2, postmaster: 3 },
    dataDir: '/data',
    alarms: [],
    lastFailover: null,
    healthy: true,
    ...change,
  };
}

export function sampleCluster(change: Partial<ClusterStatus> = {}): ClusterStatus {
  return {
    cluster: 'c',
    leader: {
      name: 'n1',
      member: 'n1~0123456789ab',
      epoch: '3',
      state: 'serving',
      mode: 'quorum',
      k: 1,
      members: ['n2~0123456789ab', 'n3~0123456789ab'],
      timeline: 2,
    },
    nodes: [
      sampleNode('n1', { leadership: 'leader', postgres: { kind: 'primary', open: true }, state: 'serving', reason: 'holds the lease' }),
      sampleNode('n2'),
      sampleNode('n3', { lagBytes: 1_363_149 }),
    ],
    operation: null,
    proxies: [{ id: 'p1', rwPort: 5000, roPort: 5001, url: 'http://p1:8009' }],
    ...change,
  };
}
