/**
 * The compose file as a newcomer uses it, judged from outside: writes go through the published port while a machine is lost, by SIGKILL, by a
 * pulled cable, and by a freeze that ends. Needs a Docker engine; there is no skipping, because a suite that did not run must not look green.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client } from 'pg';
import { checkLedger, isClean } from '../../chaos/ledger/check.ts';
import { DEFAULT_LEDGER, Ledger } from '../../chaos/ledger/ledger.ts';
import { createLedgerTable, readLedgerRows } from '../../chaos/ledger/read-rows.ts';
import type { ClusterStatus } from '../../shared/domain/cluster-status.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { ComposeProject, nodeService, otherNodes } from '../support/compose-project.ts';
import type { NodeService } from '../support/compose-project.ts';
import { until } from '../support/until.ts';

const FORMED_MS = 120_000;
const FAILOVER_MS = 30_000;
const REJOIN_MS = 120_000;

let project: ComposeProject;
let ledger: Ledger;

beforeAll(async () => {
  project = await ComposeProject.up();
  try {
    await until('three nodes are one cluster, two of them streaming', FORMED_MS, async () => isComplete(await project.statusFrom('n1')));
    await createLedgerTable(project.readWrite);
  } catch (error) {
    const logs = await allLogs();
    await project.down();
    throw new Error(logs, { cause: error });
  }
});

afterAll(async () => {
  await project?.down();
});

beforeEach(async () => {
  // Every ledger counts from the beginning: a row of the test before would stand in for a lost one of the same number.
  await ask(project.readWrite, 'truncate pgbaton_ledger');
  ledger = new Ledger({ ...DEFAULT_LEDGER, connectionString: project.readWrite });
});

afterEach(async ({ task }) => {
  await ledger?.stop();
  // The containers are gone with their logs before anybody could look.
  if (task.result?.state === 'fail') process.stderr.write(`${await allLogs()}\n`);
});

describe('the compose project', () => {
  it('answers reads on the read-only port from a standby', async () => {
    expect(await ask(project.readOnly, 'select pg_is_in_recovery() as answer')).toBe(true);
  });

  it('loses no acknowledged row when the leader is killed, and takes it back as a standby', async () => {
    const leader = await leaderOf('n1');
    await writeUntilFlowing();
    await project.kill(leader);
    await expectWritesToResume();
    const [witness] = otherNodes(leader);
    expect(await leaderOf(witness ?? leader)).not.toBe(leader);
    await expectNothingLost();
    await project.start(leader);
    await until(`${leader} streams again`, REJOIN_MS, async () => isComplete(await project.statusFrom(leader)));
  });

  it('moves before the leader’s container stops, and takes it back without a recovery', async () => {
    const leader = await leaderOf('n1');
    await writeUntilFlowing();
    const [witness = leader] = otherNodes(leader);
    await project.stop(leader);
    expect(await leaderOf(witness)).not.toBe(leader);
    await expectWritesToResume();
    await expectNothingLost();
    const log = await project.logs(leader);
    expect(log).toContain('departure.handing-over');
    expect(log).toContain('departure.stopped');
    await project.start(leader);
    await until(`${leader} streams again`, REJOIN_MS, async () => isComplete(await project.statusFrom(leader)));
  });

  it('loses no acknowledged row when the leader is cut off, and the old leader stops by itself', async () => {
    const leader = await leaderOf('n1');
    await writeUntilFlowing();
    await project.cutOff(leader);
    await expectWritesToResume();
    const [witness] = otherNodes(leader);
    expect(await leaderOf(witness ?? leader)).not.toBe(leader);
    await until('the old leader no longer takes writes', FAILOVER_MS, async () => !(await project.isPrimaryInside(leader)));
    await expectNothingLost();
    await project.reconnect(leader);
    await until(`${leader} streams again`, REJOIN_MS, async () => isComplete(await project.statusFrom(leader)));
    expect(await project.isPrimaryInside(leader)).toBe(false);
  });

  it('loses no acknowledged row when the leader is frozen, and takes it back as a standby when it thaws', async () => {
    const leader = await leaderOf('n1');
    await writeUntilFlowing();
    await project.freeze(leader);
    await expectWritesToResume();
    const [witness] = otherNodes(leader);
    expect(await leaderOf(witness ?? leader)).not.toBe(leader);
    await project.thaw(leader);
    await until(`${leader} streams again`, REJOIN_MS, async () => isComplete(await project.statusFrom(leader)));
    expect(await project.isPrimaryInside(leader)).toBe(false);
    await expectNothingLost();
  });
});

async function allLogs(): Promise<string> {
  const logs = ['n1', 'n2', 'n3', 'proxy'].map(async (service) => `--- ${service}\n${await project.logs(service)}`);
  return (await Promise.all(logs)).join('\n');
}

function isComplete(status: ClusterStatus | null): boolean {
  if (status === null || status.leader?.state !== 'serving' || status.leader.members.length < 2) return false;
  const streaming = status.nodes.filter((node) => 'postgres' in node && node.postgres.kind === 'standby' && node.postgres.streaming);
  return status.nodes.length === 3 && streaming.length === 2;
}

async function leaderOf(asked: NodeService): Promise<NodeService> {
  let name: string | null = null;
  await until('a leader is serving', FAILOVER_MS, async () => {
    const status = await project.statusFrom(asked);
    name = status?.leader?.state === 'serving' ? status.leader.name : null;
    return name !== null;
  });
  return nodeService(name ?? '');
}

async function writeUntilFlowing(): Promise<void> {
  ledger.start();
  await until('writes flow', FAILOVER_MS, () => ledger.attempts > 100);
}

/** The fault is there when this is called: whatever is acknowledged after the last answers still on their way comes from a new leader. */
async function expectWritesToResume(): Promise<void> {
  const faultMs = monotonicMs();
  await until('writes are acknowledged again', FAILOVER_MS, () => (ledger.lastAckMs ?? 0) > faultMs + 500);
  const mark = ledger.attempts;
  await until('writes keep flowing', FAILOVER_MS, () => ledger.attempts > mark + 200);
}

async function expectNothingLost(): Promise<void> {
  await ledger.stop();
  const entries = ledger.entries();
  const verdict = checkLedger(entries, await readLedgerRows(project.readWrite));
  expect(verdict.checked).toBeGreaterThan(100);
  expect({ ...verdict, clean: isClean(verdict) }).toMatchObject({ lost: [], duplicated: [], resurrected: [], clean: true });
}

async function ask(connectionString: string, sql: string): Promise<unknown> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    const { rows } = await client.query<{ answer: unknown }>(sql);
    return rows[0]?.answer;
  } finally {
    await client.end();
  }
}
