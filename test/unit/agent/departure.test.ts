import { describe, expect, it } from 'vitest';
import { departWhenAsked } from '../../../agent/departure.ts';
import type { Facts } from '../../../agent/core/facts.ts';
import { decodeOperation } from '../../../shared/dcs/records.ts';
import { epoch } from '../../../shared/domain/epoch.ts';
import type { OperationRecord } from '../../../shared/domain/leader-record.ts';
import { sleep } from '../../../shared/runtime/deadline.ts';
import { factsOf, N1, N2, peerOf, peersOf, presentOf, recordOf } from '../../support/facts-builder.ts';

const NEVER = new AbortController().signal;
const EARLIER: OperationRecord = {
  id: 'earlier',
  kind: 'switchover',
  from: N1,
  to: N2,
  stage: 'aborted',
  stagesMs: {},
  epoch: epoch(4n),
  why: 'its replay hung',
  requestedAt: '',
};
const peers = peersOf(peerOf(N2));

/** n1 departs; what it knows and what it has asked for can be changed and seen. */
function departing(onTerm: 'leave' | 'stop', start: Facts) {
  const world = { facts: start, asked: null as OperationRecord | null, warned: [] as unknown[], hasEnded: false };
  const change = async ({ value }: { readonly value: string }) => {
    const decoded = decodeOperation(value);
    world.asked = decoded.kind === 'ok' ? decoded.value : null;
    return { kind: 'committed' };
  };
  const parts = {
    config: { onTerm, policy: start.self.policy },
    machine: { store: { operationRevision: null } },
    facts: () => world.facts,
    dcs: { change },
    keys: { operation: 'operation' },
    log: { info: () => undefined, warn: (fields: unknown) => world.warned.push(fields) },
  } as unknown as Parameters<typeof departWhenAsked>[0];
  const done = departWhenAsked(parts, { asked: AbortSignal.abort(), ended: NEVER, end: () => (world.hasEnded = true) });
  return { world, done };
}

describe('an agent that takes its PostgreSQL along', () => {
  it('goes on until another serves, however an earlier move had ended', async () => {
    const { world, done } = departing('stop', factsOf({ peers }, { operation: EARLIER }, N1));
    await sleep(60);
    expect(world).toMatchObject({ hasEnded: false, warned: [], asked: { from: N1, to: N2 } });
    world.facts = factsOf({ peers }, { operation: EARLIER, view: presentOf(recordOf({ epoch: epoch(5n), holder: N2 })) }, N1);
    await done;
    expect(world.hasEnded).toBe(true);
  });

  it('ends when its own move is aborted, and says why', async () => {
    const { world, done } = departing('stop', factsOf({ peers }, {}, N1));
    await sleep(30);
    world.facts = factsOf({ peers }, { operation: { ...EARLIER, id: world.asked?.id ?? '' } }, N1);
    await done;
    expect(world).toMatchObject({ hasEnded: true, warned: [{ why: 'its replay hung' }] });
  });

  it('ends at once when it does not lead, or nobody can take over', async () => {
    for (const facts of [factsOf({ peers }, {}, N2), factsOf({}, {}, N1)]) {
      const { world, done } = departing('stop', facts);
      await done;
      expect(world).toMatchObject({ hasEnded: true, asked: null });
    }
  });

  it('is nothing to an agent that leaves it behind', async () => {
    const { world, done } = departing('leave', factsOf({ peers }, {}, N1));
    await done;
    expect(world).toMatchObject({ hasEnded: false, asked: null });
  });
});
