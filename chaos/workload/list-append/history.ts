/** What clients of the lists did, and what is there in the end. Pure words; nothing here judges. */
import type { Op } from '../workload.ts';

export type Append = { readonly kind: 'append'; readonly key: number; readonly value: number };
/** Null: no answer. */
export type Read = { readonly kind: 'read'; readonly key: number; readonly list: readonly number[] | null };
/** In the order in which they were done, in one transaction. At most one append of a key. */
export type Steps = readonly (Append | Read)[];
export type ListOp = Op<Steps>;
/** By key, in one snapshot, after everything was healed. */
export type ListEnd = ReadonlyMap<number, readonly number[]>;

export function appendsOf({ act }: ListOp): readonly Append[] {
  return act.filter((step): step is Append => step.kind === 'append');
}

export function readsOf({ act }: ListOp): readonly (Read & { readonly list: readonly number[] })[] {
  return act.filter((step): step is Read & { readonly list: readonly number[] } => step.kind === 'read' && step.list !== null);
}

/** By value. */
export type Writers = ReadonlyMap<number, { readonly op: ListOp; readonly append: Append }>;

export function writersOf(ops: readonly ListOp[]): Writers {
  return new Map(ops.flatMap((op) => appendsOf(op).map((append) => [append.value, { op, append }])));
}
