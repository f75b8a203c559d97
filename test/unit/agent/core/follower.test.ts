// A node that does not hold the record and runs as a primary all the same.
import { describe, expect, test } from 'vitest';
import { decide } from '../../../../agent/core/decide.ts';
import type { Decision } from '../../../../agent/core/decision.ts';
import type { Facts } from '../../../../agent/core/facts.ts';
import { EMPTY_MEMORY } from '../../../../agent/core/memory.ts';
import type { GuardPurpose } from '../../../../agent/guard/protocol.ts';
import { factsOf, NOW_MS, primary } from '../../../support/facts-builder.ts';

function deposed(purpose: GuardPurpose, promoted: boolean, change: Partial<Facts> = {}): Decision {
  const postmaster = { kind: 'running', pid: 3, purpose, promoted, startedAtMs: NOW_MS - 60_000, fenced: false } as const;
  const guard = { guardPid: 2, deadline: null, postmaster };
  return decide(factsOf({ server: { state: primary(500n), seenAtMs: NOW_MS }, guard, ...change }), EMPTY_MEMORY);
}

const killed = [{ kind: 'job', job: { kind: 'kill', why: 'deposed' } }];

describe('a primary of somebody else’s epoch', () => {
  test.each<readonly [string, GuardPurpose, boolean]>([
    ['started as one', { kind: 'primary', epoch: '3' }, false],
    ['promoted by us', { kind: 'standby' }, true],
  ])('is killed without ado when it was %s', (_, purpose, promoted) => {
    expect(deposed(purpose, promoted)).toMatchObject({ state: 'rejoining', alarm: null, actions: killed });
  });

  test('is killed, and told to the operator, when somebody promoted our standby', () => {
    const made = deposed({ kind: 'standby' }, false);
    expect(made.alarm).toContain('PGB-1316');
    expect(made.actions).toEqual(killed);
  });

  test('is left to the promise that is being kept: it ends it too, and answers', () => {
    const made = deposed({ kind: 'standby' }, false, { job: { kind: 'promise', sinceMs: NOW_MS - 5 } });
    expect(made.alarm).toContain('PGB-1316');
    expect(made.actions).toEqual([]);
  });
});
