/**
 * Which transaction came after which, as the final lists and the reads prove it. Pure. Of transactions that are not there, nothing follows; neither does
 * it from a read that is no beginning of the final list, which is a flaw by itself.
 */
import type { Edge } from './cycles.ts';
import { readsOf, type ListEnd, type ListOp, type Writers } from './history.ts';

export function dependencies(ops: readonly ListOp[], end: ListEnd, writers: Writers): readonly Edge[] {
  const edges: Edge[] = [];
  const depend = (from: number | undefined, to: number | undefined, kind: Edge['kind'], key: number): void => {
    if (from !== undefined && to !== undefined && from !== to) edges.push({ from, to, kind, key });
  };
  const writerOf = (value: number | undefined): number | undefined => (value === undefined ? undefined : writers.get(value)?.op.id);
  for (const [key, list] of end) {
    for (const [at, value] of list.entries()) depend(writerOf(list[at - 1]), writerOf(value), 'ww', key);
  }
  for (const op of ops.filter(({ outcome }) => outcome === 'ok')) {
    for (const { key, list } of readsOf(op)) {
      const final = end.get(key) ?? [];
      if (list.some((value, at) => final[at] !== value)) continue;
      depend(writerOf(list.at(-1)), op.id, 'wr', key);
      depend(op.id, writerOf(final[list.length]), 'rw', key);
    }
  }
  return edges;
}
