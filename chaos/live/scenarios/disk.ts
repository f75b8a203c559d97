/** The primary's disk fills, or hangs: every write waits and no error is told. */
import { Client } from 'pg';
import { fillDisk, hangDisk, isOnOwnDisk, moveOntoOwnDisk, type DiskKind } from '../../faults/disk.ts';
import { directUri } from '../../faults/ground.ts';
import { killNode } from '../../faults/kill-node.ts';
import { switchover } from '../../faults/switchover.ts';
import { AROUND_SECONDS, GRAY, oneFailover, type Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

const TAKEN_OVER_WITHIN_MS = 30_000;
const WHOLE_WITHIN_MS = 60_000;
const SEGMENTS_MAX = 64;
const STATEMENT_MS = 5_000;

export const diskFull: Scenario = {
  name: 'disk-full',
  faults: ['F18'],
  does: "the file system of the primary's data fills up",
  holds: 'another node takes over, the data stays, and the node comes back when there is room',
  clientsSee: 'writes fail and sessions end until another node serves',
  heals: 'the filler is deleted',
  needs: ['mounts'],
  onContainers: null,
  etcdMembersLeast: 1,
  mode: 'quorum',
  demand: oneFailover(GRAY),
  secondsExpected: () => AROUND_SECONDS + 30,
  prepare: async (stage) => leadFromOwnDisk(stage, 'tmpfs'),
  play: async (stage) => {
    const fault = fillDisk(stage.ground, stage.leader);
    await stage.strike(fault);
    await useUpWal(stage);
    await stage.untilAnotherLeads(stage.leader, TAKEN_OVER_WITHIN_MS);
    await stage.pause(3_000);
    await stage.heal(fault);
  },
};

export const diskHang: Scenario = {
  name: 'disk-hang',
  faults: ['F19'],
  does: "every write to the primary's disk waits, without an error",
  holds: 'another node takes over although the old primary answers every question that needs no write',
  clientsSee: 'commits wait, then sessions end with an unknown outcome; new ones wait at the proxy until another node serves',
  heals: 'the disk goes on, and what waited must not be acknowledged',
  needs: ['mounts'],
  onContainers: null,
  etcdMembersLeast: 1,
  mode: 'quorum',
  demand: oneFailover(GRAY),
  secondsExpected: () => AROUND_SECONDS + 30,
  prepare: async (stage) => leadFromOwnDisk(stage, 'image'),
  play: async (stage) => {
    const fault = hangDisk(stage.ground, stage.leader);
    await stage.strike(fault);
    await stage.untilAnotherLeads(stage.leader, TAKEN_OVER_WITHIN_MS / 2);
    await stage.pause(2_000);
    await stage.heal(fault);
    await stage.pause(3_000);
  },
};

/** A standby is stopped, moved onto a disk of its own, and made the leader. Once done it serves for the following trials too. */
async function leadFromOwnDisk(stage: Stage, kind: DiskKind): Promise<void> {
  if (isOnOwnDisk(stage.ground, stage.leader)) return;
  const [standby = ''] = stage.standbys.toSorted((a, b) => Number(isOnOwnDisk(stage.ground, b)) - Number(isOnOwnDisk(stage.ground, a)));
  if (!isOnOwnDisk(stage.ground, standby)) {
    const node = killNode(stage.ground, standby);
    try {
      await node.strike();
      await moveOntoOwnDisk(stage.ground, standby, kind);
    } finally {
      await node.heal();
    }
    await stage.pause(1_000);
    await stage.untilWhole(WHOLE_WITHIN_MS);
  }
  await switchover(stage.ground, standby, stage.signal).strike();
  await stage.untilWhole(WHOLE_WITHIN_MS);
}

/** Segment after segment, until the server has no room for the next and ends. */
async function useUpWal(stage: Stage): Promise<void> {
  const client = new Client({
    connectionString: directUri(stage.ground, stage.leader),
    connectionTimeoutMillis: STATEMENT_MS,
    query_timeout: STATEMENT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    for (let segment = 0; segment < SEGMENTS_MAX; segment += 1) await client.query('SELECT pg_switch_wal(), txid_current()');
    stage.say(`the server found room for ${String(SEGMENTS_MAX)} segments`);
  } catch {
    // That is what was wanted: the server ended in the middle of a statement, or waits for room.
    stage.say('the server has no room for more WAL');
  } finally {
    await client.end().catch(() => undefined);
  }
}
