import { describe, expect, it } from 'vitest';
import { renderList, renderTopology } from '../../../../cli/render/cluster.ts';
import { formatBytes } from '../../../../cli/render/format.ts';
import { renderHistory } from '../../../../cli/render/history.ts';
import { sampleCluster, sampleNode } from '../cluster-status-samples.ts';

describe('list', () => {
  it('shows role, lag and membership of every node', () => {
    const lines = renderList(sampleCluster()).split('\n');
    expect(lines[0]).toBe('c: leader n1 (serving), epoch 3, timeline 2, quorum mode, 1 of 2 standbys acknowledge each commit');
    expect(lines[2]).toMatch(/^n1 +leader, primary +serving +3 +2 +- +- +10\.0\.0\.1:5432 +holds the lease$/);
    expect(lines[4]).toMatch(/^n3 +follower, standby +following +3 +2 +1\.3 MiB +yes /);
  });

  it('keeps a node that does not answer in the table, with the reason', () => {
    const text = renderList(
      sampleCluster({ nodes: [...sampleCluster().nodes, { name: 'n4', agentUrl: 'http://n4', unreachable: 'connection refused' }] }),
    );
    expect(text).toMatch(/^n4 .*unreachable.*connection refused$/m);
  });

  it('says when there is no leader', () => {
    expect(renderList(sampleCluster({ leader: null }))).toMatch(/^c: no leader$/m);
  });

  it('marks a primary that lets nobody in', () => {
    expect(
      renderList(sampleCluster({ nodes: [sampleNode('n1', { leadership: 'leader', postgres: { kind: 'primary', open: false } })] })),
    ).toContain('primary (closed)');
  });
});

describe('topology', () => {
  it('draws the standbys under the leader and the proxies apart', () => {
    expect(renderTopology(sampleCluster())).toBe(
      [
        'c: leader n1 (serving), epoch 3, timeline 2, quorum mode, 1 of 2 standbys acknowledge each commit',
        '└─ n1  leader, primary, 10.0.0.1:5432',
        '   ├─ n2  standby, lag 0 B, sync, 10.0.0.1:5432',
        '   └─ n3  standby, lag 1.3 MiB, sync, 10.0.0.1:5432',
        'proxies',
        '└─ p1  read-write 5000, read-only 5001, http://p1:8009',
        '',
      ].join('\n'),
    );
  });
});

describe('history', () => {
  it('names the node, not its incarnation', () => {
    const text = renderHistory({
      entries: [
        {
          epoch: '2',
          holder: 'n1~0123456789ab',
          timeline: 2,
          floor: { timeline: 1, lsn: '0/3000060' },
          why: 'postgres died',
          at: '2026-01-01T00:00:00.000Z',
        },
      ],
    });
    expect(text).toMatch(/^2 +2026-01-01T00:00:00\.000Z +n1 +2 +1:0\/3000060 +postgres died$/m);
  });
});

describe('bytes', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [5 * 1024 ** 3, '5.0 GiB'],
    [null, '?'],
  ])('%s is %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});
