/**
 * What `store repair` puts into a store that has gone back (PROTOCOL S6): the newest record that any node acted on, above every epoch that anybody has
 * promised. It goes by what nodes swear to from their own disks, never by what the store says; and it must never guess for a node that is silent.
 */
import { maxEpoch, nextEpoch, type Epoch } from '../../shared/domain/epoch.ts';
import { isOlder, type HistoryEntry, type LeaderRecord, type RecordMark } from '../../shared/domain/leader-record.ts';
import { nameOf, type MemberId, type NodeName } from '../../shared/domain/node-id.ts';
import type { Ancestor, TimelineHistory, TimelineId } from '../../shared/domain/timeline.ts';

/** What one node has on its disk. */
export type Witness = {
  readonly name: NodeName;
  readonly member: MemberId;
  readonly promised: Epoch;
  readonly accepted: LeaderRecord | null;
  /** Of its WAL; null: it cannot be read now. */
  readonly history: TimelineHistory | null;
  /** How far the record has come in the store that it sees and trusts; null: it trusts none. */
  readonly trusts: RecordMark | null;
};

export type Testimony = {
  readonly witnesses: readonly Witness[];
  /** Nodes that are known and do not answer. */
  readonly silent: readonly NodeName[];
  /** Nodes that the operator gives up, with whatever only they knew. */
  readonly declaredLost: readonly NodeName[];
  /** What stands in the store; null: nothing. */
  readonly current: LeaderRecord | null;
};

export type Repair =
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'repair'; readonly record: LeaderRecord; readonly history: HistoryEntry; readonly by: NodeName };

export function planRepair({ witnesses, silent, declaredLost, current }: Testimony): Repair {
  const [first, ...others] = witnesses.flatMap((one) => (one.accepted === null ? [] : [{ name: one.name, accepted: one.accepted }]));
  if (first === undefined) return refused('no node remembers a leader');
  const newest = others.reduce((best, one) => (isOlder(best.accepted, one.accepted) ? one : best), first);
  const record = newest.accepted;
  const stranger =
    others.find(({ accepted }) => accepted.systemId !== record.systemId) ??
    (first.accepted.systemId === record.systemId ? undefined : first);
  if (stranger !== undefined)
    return refused(
      `${stranger.name} is of system ${stranger.accepted.systemId}, ${newest.name} of ${record.systemId}: these are two clusters`,
    );
  // Then it is not the store that has gone back, but the one that asks has been led to another.
  const content = witnesses.find(({ trusts }) => trusts !== null && !isOlder(trusts, record));
  if (content !== undefined)
    return refused(`${content.name} sees epoch ${record.epoch.toString()} in the store it uses: look where etcd.endpoints lead`);
  // A silent node may have led since: whatever was acknowledged then would be given up without anybody having said so.
  const known = [...silent, ...[record.holder, ...record.set.members].map(nameOf)];
  const missing = [...new Set(known)].filter((name) => !declaredLost.includes(name) && witnesses.every((one) => one.name !== name));
  if (missing.length > 0)
    return refused(`${missing.join(', ')} ${missing.length === 1 ? 'does' : 'do'} not answer, and may know of a newer leader`);
  const ancestors = ancestorsOf(record, witnesses);
  if (ancestors === null) return refused(`no node can say how timeline ${String(record.floor.timeline)} came to be`);
  const epochs = witnesses.flatMap((one) => [one.promised, ...(one.accepted === null ? [] : [one.accepted.epoch])]);
  const epoch = nextEpoch(maxEpoch(record.epoch, ...epochs, ...(current === null ? [] : [current.epoch])));
  const { holder, timeline, floor } = record;
  return {
    kind: 'repair',
    by: newest.name,
    record: { ...record, epoch, seq: Math.max(record.seq, current?.seq ?? 0) + 1 },
    history: {
      epoch,
      holder,
      timeline,
      floor,
      ancestors,
      trigger: 'repair',
      why: `the store had gone back; put back as ${newest.name} knew it, at epoch ${record.epoch.toString()}`,
      at: '',
    },
  };
}

/** How the floor's timeline came to be, from the WAL of anybody who has it. */
function ancestorsOf({ floor }: LeaderRecord, witnesses: readonly Witness[]): readonly Ancestor[] | null {
  for (const { history } of witnesses) {
    const ancestors = history === null ? null : roadBefore(floor.timeline, history);
    if (ancestors !== null) return ancestors;
  }
  return null;
}

function roadBefore(timeline: TimelineId, history: TimelineHistory): readonly Ancestor[] | null {
  if (history.timeline === timeline) return history.ancestors;
  const at = history.ancestors.findIndex((one) => one.timeline === timeline);
  return at === -1 ? null : history.ancestors.slice(0, at);
}

function refused(why: string): Repair {
  return { kind: 'refused', why };
}
