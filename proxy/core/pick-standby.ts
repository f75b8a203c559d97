/**
 * Which of the qualified standbys takes the next read-only session: the least loaded one, where lag weighs like load; equals in turn. Pure. It must never leave a
 * client without a standby while one qualifies: "avoid" is a preference.
 */
import type { MemberId } from '../../shared/domain/node-id.ts';

export type StandbyLoad = {
  readonly member: MemberId;
  readonly sessions: number;
  /** Of the largest lag that is allowed, from 0 to 1. */
  readonly lagShare: number;
};

/** A standby at the limit of its lag gets half as many sessions as one that is level. Rough steps: a lag of a few bytes must not end the turns. */
function weightOf({ sessions, lagShare }: StandbyLoad): number {
  return (sessions + 1) * (1 + Math.round(lagShare * 4) / 4);
}

export function pickStandby(
  candidates: readonly StandbyLoad[],
  by: { readonly turn: number; readonly avoid: ReadonlySet<MemberId> },
): MemberId | null {
  const preferred = candidates.filter(({ member }) => !by.avoid.has(member));
  const pool = preferred.length > 0 ? preferred : candidates;
  const least = Math.min(...pool.map(weightOf));
  // Sorted, so that the turn means the same whatever order the view happens to list the nodes in.
  const equals = pool
    .filter((one) => weightOf(one) === least)
    .map(({ member }) => member)
    .toSorted();
  return equals[by.turn % equals.length] ?? null;
}
