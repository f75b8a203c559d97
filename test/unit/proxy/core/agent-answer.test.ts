import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { decodeNodeStatus } from '../../../../proxy/core/agent-answer.ts';

describe('decodeNodeStatus', () => {
  const answer = {
    name: 'n1',
    member: 'n1~aaaaaaaaaaaa',
    postgres: { kind: 'standby', streaming: true },
    epoch: '12',
    lagBytes: 5,
    more: 'ignored',
  };

  it('reads how much is replayed, dated by the clock of the proxy', () => {
    const told = { ...answer, history: { timeline: 2, ancestors: [{ timeline: 1, end: '0/10' }] }, replayedLsn: '0/20', seenAgeMs: 3 };
    expect(decodeNodeStatus(told, 7)).toMatchObject({
      replayed: { history: { timeline: 2, ancestors: [{ timeline: 1, end: 16n }] }, lsn: 32n },
      seenAtMs: 4,
    });
    const damaged = { ...told, history: { timeline: 2, ancestors: [{ timeline: 1, end: 'x' }] } };
    expect(decodeNodeStatus(damaged, 7)).toMatchObject({ replayed: null });
  });

  it('reads what routing needs and ignores the rest', () => {
    expect(decodeNodeStatus(answer, 7)).toEqual({
      member: 'n1~aaaaaaaaaaaa',
      postgres: { kind: 'standby', streaming: true },
      epoch: epoch(12n),
      lagBytes: 5,
      askedAtMs: 7,
      replayed: null,
      seenAtMs: null,
    });
  });

  it.each([
    ['an epoch that is no number', { ...answer, epoch: 'x' }],
    ['a negative lag', { ...answer, lagBytes: -1 }],
    ['an unknown state of PostgreSQL', { ...answer, postgres: { kind: 'odd' } }],
    ['no object', 'text'],
  ])('treats %s as no answer', (_what, body) => {
    expect(decodeNodeStatus(body, 0)).toBeNull();
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (body) => {
        decodeNodeStatus(body, 0);
      }),
    );
  });
});
