/** What became of each workload beside the ledger, over all trials of a scenario. Pure. */
import { WORKLOADS, perKind, type FlawKind, type WorkloadName, type WorkloadVerdict } from '../workload/workload.ts';
import type { Trial } from './judge.ts';

export type WorkloadRow = {
  readonly workload: WorkloadName;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly surfaced: number;
  readonly reads: number;
  /** Trials after which nobody could look. */
  readonly unread: number;
  readonly flaws: Readonly<Record<FlawKind, number>>;
};

export function workloadRows(trials: readonly Trial[]): readonly WorkloadRow[] {
  const verdicts = trials.flatMap(({ workloads }) => workloads);
  return WORKLOADS.flatMap((workload): readonly WorkloadRow[] => {
    const own = verdicts.filter((verdict) => verdict.workload === workload);
    const sum = (of: (verdict: WorkloadVerdict) => number): number => own.reduce((total, one) => total + of(one), 0);
    if (own.length === 0) return [];
    return [
      {
        workload,
        acknowledged: sum(({ acknowledged }) => acknowledged),
        unknown: sum(({ unknown }) => unknown),
        surfaced: sum(({ surfaced }) => surfaced),
        reads: sum(({ reads }) => reads),
        unread: sum(({ isRead }) => (isRead ? 0 : 1)),
        flaws: perKind((kind) => sum(({ flaws }) => flaws[kind].length)),
      },
    ];
  });
}
