// The health paths: what a balancer may send where.
import { describe, expect, test } from 'vitest';
import { HEALTH_PATHS, isHealthy, parseLag, type HealthPath } from '../../../../agent/api/health.ts';
import type { NodeStatus, PostgresStatus } from '../../../../shared/domain/cluster-status.ts';

function status(postgres: PostgresStatus, change: Partial<NodeStatus> = {}): NodeStatus {
  return {
    name: 'n1',
    member: null,
    cluster: 'c',
    state: 'following',
    reason: '',
    leadership: 'follower',
    postgres,
    serverVersion: null,
    pgHost: 'h',
    pgPort: 1,
    agentUrl: '',
    epoch: '1',
    promised: '1',
    history: null,
    receivedLsn: null,
    replayedLsn: null,
    seenAgeMs: 20,
    lagBytes: 100,
    pids: { agent: 1, guard: null, postmaster: null },
    dataDir: '',
    alarms: [],
    lastFailover: null,
    healthy: true,
    ...change,
  };
}

const open: PostgresStatus = { kind: 'primary', open: true };
const standby: PostgresStatus = { kind: 'standby', streaming: true };

function healthyPaths(node: NodeStatus, lagBytesMax: number | null = null): readonly HealthPath[] {
  return HEALTH_PATHS.filter((path) => isHealthy(node, { path, lagBytesMax }));
}

describe('isHealthy', () => {
  test.each<readonly [string, NodeStatus, readonly HealthPath[]]>([
    [
      'the leader with authority',
      status(open, { leadership: 'leader' }),
      ['/primary', '/read-write', '/leader', '/read-only', '/health', '/liveness', '/readiness'],
    ],
    ['a primary whose authority has ended', status(open, { leadership: 'leader', healthy: false }), ['/health', '/liveness']],
    ['a primary that somebody else has deposed', status(open), ['/health', '/liveness']],
    ['a primary that keeps clients out', status({ kind: 'primary', open: false }, { leadership: 'leader' }), ['/health', '/liveness']],
    ['a streaming standby', status(standby), ['/replica', '/read-only', '/health', '/liveness', '/readiness']],
    ['a standby without a stream', status({ kind: 'standby', streaming: false }), ['/health', '/liveness']],
    ['a stopped server', status({ kind: 'stopped' }), ['/liveness']],
  ])('%s', (_, node, paths) => {
    expect(healthyPaths(node)).toEqual(paths);
  });

  test('a standby behind the limit, or of unknown lag, is no replica', () => {
    expect(healthyPaths(status(standby), 100)).toContain('/replica');
    expect(healthyPaths(status(standby), 99)).not.toContain('/replica');
    expect(healthyPaths(status(standby, { lagBytes: null }), 99)).not.toContain('/replica');
  });
});

test.each([
  [undefined, null],
  ['', null],
  ['1048576', 1_048_576],
  ['16MB', 16 * 1024 ** 2],
  ['2 kB', 2_048],
  ['1gb', 1024 ** 3],
  ['-1', undefined],
  ['16 miles', undefined],
])('lag %j is read as %j', (text, bytes) => {
  expect(parseLag(text)).toBe(bytes);
});
