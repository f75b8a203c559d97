// A standby from which another one streams: its walsenders decide acknowledgements once it is promoted, and show nobody by which set (P7.6).
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { memberSet } from '../../../../shared/domain/member-set.ts';
import { clientOf, factsOf, followOf, makeNode, mayLead, NEVER, nodeFileOf, ok, type RealNode } from '../../../support/real-node.ts';
import { until } from '../../../support/until.ts';

let primary: RealNode;
let middle: RealNode;
let last: RealNode;

async function join(node: RealNode, source: RealNode, systemId: string): Promise<void> {
  await ok(node.postgres.clone({ source: followOf(source, node, 1n), member: node.member, systemId }, NEVER));
  await node.nodeFile.save(nodeFileOf(node, 1n), 2_000);
  await ok(node.postgres.start({ kind: 'standby', follow: followOf(source, node, 1n), resting: { kind: 'placeholder' } }, NEVER));
  await until('it streams', 10_000, async () => (await factsOf(node)).receiver === 'streaming');
}

async function walsenders(): Promise<readonly number[]> {
  const client = await clientOf(middle);
  const { rows } = await client.query<{ pid: number }>('select pid from pg_stat_replication');
  await client.end();
  return rows.map(({ pid }) => pid);
}

beforeAll(async () => {
  [primary, middle, last] = await Promise.all([makeNode('a'), makeNode('b'), makeNode('c')]);
  const made = await primary.postgres.initialize(primary.member, NEVER);
  if (made.kind === 'failed') throw new Error(made.why);
  await mayLead(primary, 1n);
  await ok(primary.postgres.start({ kind: 'primary', epoch: epoch(1n), inForce: { kind: 'no-wait' } }, NEVER));
  await ok(primary.postgres.setOpen(true, NEVER));
  await join(middle, primary, made.systemId);
  await join(last, middle, made.systemId);
});

afterAll(async () => {
  await Promise.all([primary.remove(), middle.remove(), last.remove()]);
});

describe('a standby that others stream from', () => {
  it('keeps its walsenders when it leaves the placeholder for a real set', async () => {
    const before = await walsenders();
    expect(before).toHaveLength(1);
    await ok(middle.postgres.writeSync({ kind: 'any', set: memberSet([last.member], 1) }, NEVER));
    expect(await walsenders()).toEqual(before);
  });

  it('ends them when it leaves a real set, be it only for the placeholder, and they come back', async () => {
    const before = await walsenders();
    expect(before).toHaveLength(1);
    await ok(middle.postgres.writeSync({ kind: 'placeholder' }, NEVER));
    await ok(middle.postgres.proveSync({ kind: 'placeholder' }, 3_000, NEVER));
    await until('another walsender is there', 5_000, async () => {
      const now = await walsenders();
      return now.length === 1 && !before.includes(now[0] ?? 0);
    });
  });
});
