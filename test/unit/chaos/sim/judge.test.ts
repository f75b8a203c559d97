/** A judge that never finds anybody guilty would let every seed pass: each of these forged steps must be called what it is. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Cluster } from '../../../../chaos/sim/cluster.ts';
import type { SimNode } from '../../../../chaos/sim/node.ts';
import { optionsOf } from '../../../../chaos/sim/options.ts';
import { Violation, World } from '../../../../chaos/sim/world.ts';
import { epoch, nextEpoch } from '../../../../shared/domain/epoch.ts';
import { lsn } from '../../../../shared/domain/lsn.ts';
import type { LeaderRecord } from '../../../../shared/domain/leader-record.ts';
import { memberSet } from '../../../../shared/domain/member-set.ts';
import { DEFAULT_POLICY } from '../../../../shared/domain/policy.ts';

const SEED = 7;
const QUIET_MS = 2_000;

let cluster: Cluster;
let leader: SimNode;
let standby: SimNode;
let record: LeaderRecord;

beforeEach(() => {
  const options = { ...optionsOf(SEED), nodes: 3, policy: DEFAULT_POLICY, isColdStart: false, clients: 2, paceMs: 20, faults: [] };
  cluster = new Cluster(new World(SEED, new Set(), null), options);
  cluster.start();
  cluster.world.run(QUIET_MS);
  if (cluster.leader === null || cluster.store.record === null) throw new Error('the cluster has not come up');
  leader = cluster.leader;
  record = cluster.store.record;
  const other = cluster.nodes.find((node) => node !== leader);
  if (other === undefined) throw new Error('the leader is alone');
  standby = other;
  expect(cluster.judge.acknowledgedCount).toBeGreaterThan(10);
});

function accused(forged: () => void): string {
  try {
    forged();
  } catch (error) {
    if (error instanceof Violation) return error.invariant;
    throw error;
  }
  return 'nothing';
}

/** A record that may follow this one. */
function later(changes: Partial<LeaderRecord>): LeaderRecord {
  return { ...record, seq: record.seq + 1, ...changes };
}

function markerOf(node: SimNode): LeaderRecord['holder'] {
  const marker = node.directory?.marker;
  if (marker === null || marker === undefined) throw new Error(`${node.name} has no directory`);
  return marker;
}

describe('the judge', () => {
  it('lets an honest renewal pass', () => {
    expect(accused(() => cluster.judge.onRecord({ ...record }, record))).toBe('nothing');
  });

  it('I1: a claim by a node that lacks an acknowledged write', () => {
    const wal = standby.directory?.wal;
    if (wal === undefined) throw new Error('no directory');
    const claim = later({ epoch: nextEpoch(record.epoch), holder: markerOf(standby), state: { kind: 'promoting' } });
    wal.cutAt(Number(record.floor.lsn));
    expect(accused(() => cluster.judge.onRecord(claim, record))).toBe('I1');
  });

  it('I3, I9: a set in force that does not intersect with what the record lets others read from', () => {
    expect(accused(() => cluster.judge.onSetWritten(leader, { kind: 'no-wait' }))).toBe('I9');
    const stranger = memberSet([markerOf(leader)], 1);
    expect(accused(() => cluster.judge.onSetWritten(leader, { kind: 'any', set: stranger }))).toBe('I3');
  });

  it('I6: a record that goes back', () => {
    expect(accused(() => cluster.judge.onRecord({ ...record, epoch: epoch(record.epoch - 1n) }, record))).toBe('I6');
  });

  it('I8: a promise that is answered before it is durable', () => {
    const extent = { history: { timeline: record.timeline, ancestors: [] }, lsn: lsn(1n << 40n) };
    const answer = { member: markerOf(standby), name: standby.name, promised: epoch(99n), extent, priority: 50, acceptedEpoch: null };
    cluster.killPostmaster(standby);
    expect(accused(() => cluster.judge.onPromised(standby, answer))).toBe('I8');
  });

  it('I10: a record given away with a final position while PostgreSQL lives', () => {
    expect(accused(() => cluster.judge.onRecord(later({ state: { kind: 'released', final: record.floor } }), record))).toBe('I10');
  });

  it('I10: a PostgreSQL that is started while its final position stands', () => {
    const { directory } = leader;
    if (directory === null) throw new Error('no directory');
    leader.life = null;
    cluster.judge.onRecord(later({ state: { kind: 'released', final: record.floor } }), record);
    expect(accused(() => cluster.judge.onStart(standby, directory, null))).toBe('nothing');
    expect(accused(() => cluster.judge.onStart(leader, directory, null))).toBe('I10');
  });

  it('I12: a promotion behind the floor', () => {
    const { directory } = leader;
    if (directory === null) throw new Error('no directory');
    expect(accused(() => cluster.judge.onPromote(leader, directory, Number(record.timeline), record.epoch))).toMatch(/^I(5|12)$/);
  });

  it('I14: a half-made directory that is started', () => {
    const { directory } = standby;
    if (directory === null) throw new Error('no directory');
    directory.isWhole = false;
    expect(accused(() => cluster.judge.onStart(standby, directory, null))).toBe('I14');
  });
});
