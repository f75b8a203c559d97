/** Which traffic runs beside the ledger, as it was asked for. The ledger itself always runs: it measures how long writes stood still. */
import type { Random } from '../../shared/runtime/random.ts';
import type { Field } from '../faults/ground.ts';
import { Bank } from '../workload/bank/bank.ts';
import { ListAppend } from '../workload/list-append/list-append.ts';
import { WORKLOADS, type Workload, type WorkloadName } from '../workload/workload.ts';

export const WORKLOAD_CHOICES = ['ledger', ...WORKLOADS, 'all'] as const;
export type WorkloadChoice = (typeof WORKLOAD_CHOICES)[number];

type Make = (field: Field, run: number, random: Random) => Workload;

const MAKERS: Readonly<Record<WorkloadName, Make>> = {
  bank: (field, run, random) => new Bank(field, run, random),
  'list-append': (field, run, random) => new ListAppend(field, run, random),
};

export function chosen(choice: WorkloadChoice): readonly WorkloadName[] {
  return choice === 'all' ? WORKLOADS : WORKLOADS.filter((name) => name === choice);
}

/** `run`: no two on the same cluster have the same. `randomFor`: each throws dice of its own. */
export function makeWorkloads(
  choice: WorkloadChoice,
  { field, run, randomFor }: { readonly field: Field; readonly run: number; readonly randomFor: (name: WorkloadName) => Random },
): readonly Workload[] {
  return chosen(choice).map((name) => MAKERS[name](field, run, randomFor(name)));
}
