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

  it('reads what routing needs and ignores the rest', () => {
    expect(decodeNodeStatus(answer, 7)).toEqual({
      member: 'n1~aaaaaaaaaaaa',
      postgres: { kind: 'standby', streaming: true },
      epoch: epoch(12n),
      lagBytes: 5,
      askedAtMs: 7,
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
