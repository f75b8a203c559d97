import { describe, expect, it } from 'vitest';
import { summarize } from '../../../cli/cluster-summary.ts';
import { sampleCluster, sampleNode } from './cluster-status-samples.ts';

describe('the summary of a cluster', () => {
  it('finds nothing missing when one primary is open and everybody else streams and counts', () => {
    expect(summarize(sampleCluster())).toEqual({ primaries: 1, streamingStandbys: 2, missing: null });
  });

  it('counts a primary that is still closed, because two primaries must never look like one', () => {
    const nodes = [...sampleCluster().nodes.slice(0, 2), sampleNode('n3', { postgres: { kind: 'primary', open: false } })];
    expect(summarize(sampleCluster({ nodes }))).toMatchObject({ primaries: 2, missing: '2 primaries' });
  });

  it('misses a node that does not answer', () => {
    const nodes = [...sampleCluster().nodes.slice(0, 2), { name: 'n3', agentUrl: 'http://n3', unreachable: 'refused' }];
    expect(summarize(sampleCluster({ nodes }))).toEqual({ primaries: 1, streamingStandbys: 1, missing: '1 of 2 standbys stream' });
  });

  it('misses a standby that streams but is not in the set', () => {
    const { leader } = sampleCluster();
    expect(leader).not.toBeNull();
    if (leader === null) return;
    expect(summarize(sampleCluster({ leader: { ...leader, members: ['n2~0123456789ab'] } })).missing).toBe(
      '1 of 2 standbys are in the set',
    );
    expect(summarize(sampleCluster({ leader: { ...leader, mode: 'async', members: [] } })).missing).toBeNull();
  });

  it.each(['promoting', 'handing-over', 'released'] as const)('is not complete while the leader is %s', (state) => {
    const { leader } = sampleCluster();
    expect(summarize(sampleCluster({ leader: leader === null ? null : { ...leader, state } })).missing).toContain(state);
  });
});
