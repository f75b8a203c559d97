import { describe, expect, it } from 'vitest';
import { bestView, refusalOf } from '../../../cli/agent-client.ts';
import { sampleCluster } from './cluster-status-samples.ts';

const { leader, nodes } = sampleCluster();

describe('the best of several views', () => {
  it('is the one with the highest epoch, as a number and not as text', () => {
    const older = sampleCluster({ leader: leader === null ? null : { ...leader, epoch: '9' } });
    const newer = sampleCluster({ leader: leader === null ? null : { ...leader, epoch: '10' } });
    expect(bestView([older, newer])).toBe(newer);
    expect(bestView([newer, older])).toBe(newer);
  });

  it('is, among equals, the one that reaches more nodes', () => {
    const cutOff = sampleCluster({ nodes: nodes.map(({ name, agentUrl }) => ({ name, agentUrl, unreachable: 'timeout' })) });
    const whole = sampleCluster();
    expect(bestView([cutOff, whole])).toBe(whole);
  });

  it('is none when nobody answered', () => {
    expect(bestView([])).toBeNull();
  });
});

describe('a refusal', () => {
  it('keeps the code of the agent and does not repeat its title', () => {
    const error = refusalOf(409, { code: 'PGB-1403', message: 'The candidate is unsuitable: n2 is 3 MiB behind', hint: 'x' });
    expect(error).toMatchObject({ code: 'PGB-1403', exitCode: 3, message: 'The candidate is unsuitable: n2 is 3 MiB behind' });
  });

  it('is understood by its status when it says nothing', () => {
    expect(refusalOf(401, null).code).toBe('PGB-1601');
    expect(refusalOf(409, { code: 'toString' }).code).toBe('PGB-1401');
    expect(refusalOf(500, 'x').exitCode).toBe(1);
  });
});
