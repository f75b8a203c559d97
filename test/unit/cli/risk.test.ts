import { describe, expect, it } from 'vitest';
import { failoverRisks, switchoverRisks } from '../../../cli/risk.ts';
import { sampleCluster } from './cluster-status-samples.ts';

describe('the risk of a switchover', () => {
  it('names the lag in bytes, the members and the pause', () => {
    const text = switchoverRisks(sampleCluster(), 'n3').join('\n');
    expect(text).toContain('n3 is 1.3 MiB behind and in the set');
    expect(text).toContain('2 members, 1 acknowledge');
    expect(text).toContain('0.2 s');
  });
});

describe('the risk of a failover', () => {
  const request = { to: 'n2', declareLost: [], force: false };

  it('says how many promises it takes, and that nothing acknowledged is lost with them', () => {
    expect(failoverRisks(sampleCluster(), request).join('\n')).toContain('needs 2 promises out of 2 members');
  });

  it('says that acknowledged commits are lost when members are given up', () => {
    const text = failoverRisks(sampleCluster(), { ...request, declareLost: ['n3'], force: true }).join('\n');
    expect(text).toContain('ARE LOST');
    expect(text).not.toContain('no acknowledged commit can be lost');
  });

  it('promises nothing in async mode', () => {
    const { leader } = sampleCluster();
    const text = failoverRisks(
      sampleCluster({ leader: leader === null ? null : { ...leader, mode: 'async', members: [], k: 0 } }),
      request,
    ).join('\n');
    expect(text).toContain('Whatever has not arrived is lost');
    expect(text).not.toContain('no acknowledged commit can be lost');
  });

  it('promises nothing when nobody knows the leader', () => {
    expect(failoverRisks(sampleCluster({ leader: null }), request).join('\n')).toContain('cannot be said');
  });
});
