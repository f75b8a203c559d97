// kill -9 of every process of a cluster, one after another and then two at a time, in an order drawn from a seed (PGBATON_SEED repeats one).
// After each the cluster must heal unaided, and every row that a client was told to be safe must be there.
import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NodeStatus } from '../../shared/domain/cluster-status.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { kill, query, TestCluster, until, withLedger } from '../support/local-cluster.ts';

const HEAL_BY_MS = 30_000;
const PAIRS = 6;
const seed = Number(process.env['PGBATON_SEED'] ?? randomInt(1, 2 ** 31));
const dice = mulberry32(seed);

type Victim = { readonly name: string; readonly pid: () => Promise<number> };

let cluster: TestCluster;
let victims: readonly Victim[];

beforeAll(async () => {
  cluster = await TestCluster.up('anypid');
  const { nodes, etcd } = cluster.describe();
  const inner = nodes.flatMap(({ name, agentUrl }) =>
    (['agent', 'guard', 'postmaster'] as const).map((part): Victim => ({
      name: `${name} ${part}`,
      pid: async () => innerPid(agentUrl, part),
    })),
  );
  const members = etcd.pids.map((_, index): Victim => ({
    name: `etcd ${String(index + 1)}`,
    pid: async () => Promise.resolve(cluster.describe().etcd.pids[index] ?? 0),
  }));
  victims = [...inner, { name: 'proxy', pid: async () => Promise.resolve(cluster.describe().proxy.pid) }, ...members];
});

afterAll(async () => {
  await cluster?.down();
});

describe(`a local cluster of three, seed ${String(seed)}`, () => {
  test('heals from kill -9 of every process, one at a time', async () => {
    expect(victims).toHaveLength(11);
    for (const victim of shuffled(victims)) await surviveLossOf([victim]);
  });

  test('heals from kill -9 of two processes at once', async () => {
    for (let round = 0; round < PAIRS; round += 1) await surviveLossOf(shuffled(victims).slice(0, 2));
  });
});

async function surviveLossOf(chosen: readonly Victim[]): Promise<void> {
  const what = chosen.map(({ name }) => name).join(' and ');
  try {
    await cluster.untilWhole();
    await withLedger(cluster, async () => {
      const before = await Promise.all(chosen.map(async ({ pid }) => pid()));
      for (const pid of before) {
        expect(pid).toBeGreaterThan(1);
        kill(pid, 'SIGKILL');
      }
      const killedAtMs = monotonicMs();
      for (const [index, { name, pid }] of chosen.entries()) {
        await until(`${name} is there again`, HEAL_BY_MS, async () => ![0, before[index]].includes(await pid()));
      }
      const listing = await cluster.untilWhole(HEAL_BY_MS - (monotonicMs() - killedAtMs));
      expect(listing.primaries).toBe(1);
      expect(listing.streamingStandbys).toBe(2);
      // A proxy has its pid before it listens.
      await until('the proxy leads to the primary', HEAL_BY_MS - (monotonicMs() - killedAtMs), async () => {
        const [row] = await query(cluster.uri, 'SELECT pg_is_in_recovery() AS standby');
        return row?.['standby'] === false;
      });
    });
  } catch (error) {
    throw new Error(`seed ${String(seed)}: after kill -9 of ${what}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

async function innerPid(agentUrl: string, part: keyof NodeStatus['pids']): Promise<number> {
  const reply = await fetch(`${agentUrl}/status`, { signal: AbortSignal.timeout(2_000) });
  return ((await reply.json()) as NodeStatus).pids[part] ?? 0;
}

function shuffled<T>(items: readonly T[]): readonly T[] {
  const rest = [...items];
  return items.map(() => rest.splice(Math.floor(dice() * rest.length), 1)[0] as T);
}

/** Small, well known and good enough to shuffle. */
function mulberry32(from: number): () => number {
  let state = from;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
