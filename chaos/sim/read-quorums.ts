/**
 * I2 of PROTOCOL P11, looked at directly: is there a read quorum whose promises would let somebody claim who lacks this write? It asks the WAL itself, and
 * takes the claim rules (P5.4) at their word: what they would allow is what counts, not what anybody happens to try.
 */
import type { LeaderRecord } from '../../shared/domain/leader-record.ts';
import { readQuorumSize, subsetsOfSize } from '../../shared/domain/member-set.ts';
import type { MemberId } from '../../shared/domain/node-id.ts';
import { contains } from '../../shared/domain/wal-position.ts';
import type { SimNode } from './node.ts';
import { toLsn, type Wal, type WalRecord } from './wal.ts';

export type Whose = {
  /** Null: nobody has that incarnation's directory any more. */
  readonly nodeOf: (member: MemberId) => SimNode | null;
  /** Its timeline was begun by hand, so it may not claim; what it acknowledged before is still there. */
  readonly isHandMade: (wal: Wal) => boolean;
};

export function whoCouldLose(
  write: WalRecord,
  record: LeaderRecord,
  nodes: readonly SimNode[],
  { nodeOf, isHandMade }: Whose,
): { readonly quorum: readonly MemberId[]; readonly claimant: string } | null {
  const size = readQuorumSize(record.set);
  if (size === 'holder-only') return null;
  for (const quorum of subsetsOfSize(record.set.members, size)) {
    const wals = quorum.map((member) => nodeOf(member)?.directory?.wal);
    // A member whose data is gone can promise nothing.
    if (!wals.every((wal) => wal !== undefined)) continue;
    const required = Math.max(...wals.map((wal) => reachedOn(wal, Number(record.timeline))));
    for (const { name, directory } of nodes) {
      if (directory === null || !directory.isWhole || isHandMade(directory.wal)) continue;
      const extent = directory.wal.extentAt(directory.wal.end);
      if (!contains(extent, record.floor)) continue;
      if (required > 0 && !contains(extent, { timeline: record.timeline, lsn: toLsn(required) })) continue;
      if (!directory.wal.has(write)) return { quorum, claimant: name };
    }
  }
  return null;
}

function reachedOn(wal: Wal, timeline: number): number {
  if (wal.timeline === timeline) return wal.end;
  return wal.ancestors.find((ancestor) => ancestor.timeline === timeline)?.end ?? 0;
}
