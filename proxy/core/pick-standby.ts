/**
 * Which of the qualified standbys takes the next read-only session: the least loaded one, equals in turn. Pure. It must never leave a
 * client without a standby while one qualifies: "avoid" is a preference.
 */
import type { MemberId } from '../../shared/domain/node-id.ts';

export type StandbyLoad = { readonly member: MemberId; readonly sessions: number };

export function pickStandby(
  candidates: readonly StandbyLoad[],
  by: { readonly turn: number; readonly avoid: ReadonlySet<MemberId> },
): MemberId | null {
  const preferred = candidates.filter(({ member }) => !by.avoid.has(member));
  const pool = preferred.length > 0 ? preferred : candidates;
  const least = Math.min(...pool.map(({ sessions }) => sessions));
  // Sorted, so that the turn means the same whatever order the view happens to list the nodes in.
  const equals = pool
    .filter(({ sessions }) => sessions === least)
    .map(({ member }) => member)
    .toSorted();
  return equals[by.turn % equals.length] ?? null;
}
