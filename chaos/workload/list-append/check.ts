/**
 * The verdict about lists. Pure; it knows transactions, the final lists, and no faults. Every value is sent once, so the final list of a key tells in
 * which order its appends were, and a read tells after which of them it was. Only what acknowledged transactions read counts: what another one read
 * was never promised to be true.
 */
import type { Checked, Flaw } from '../workload.ts';
import { findCycles, type Cycle } from './cycles.ts';
import { dependencies } from './dependencies.ts';
import { appendsOf, readsOf, writersOf, type Append, type ListEnd, type ListOp, type Writers } from './history.ts';

export function checkLists(ops: readonly ListOp[], end: ListEnd): Checked {
  const writers = writersOf(ops);
  const order = orderOf(end);
  return {
    surfaced: ops.filter((op) => op.outcome === 'unknown' && appendsOf(op).some((append) => isThere(append, order))).length,
    flaws: [
      ...appendsThatWentWrong(ops, order),
      ...valuesThatShouldNotBe(end, writers),
      ...wrongReads(ops, end, writers),
      ...staleReads(ops, order),
      ...findCycles(dependencies(ops, end, writers)).map((cycle): Flaw => ({ kind: 'cycle', what: told(cycle) })),
    ],
  };
}

/** By key, then by value: its place in the final list. */
type Order = ReadonlyMap<number, ReadonlyMap<number, number>>;

function orderOf(end: ListEnd): Order {
  return new Map([...end].map(([key, list]) => [key, new Map(list.map((value, at) => [value, at]))]));
}

function isThere({ key, value }: Append, order: Order): boolean {
  return order.get(key)?.has(value) === true;
}

function appendsThatWentWrong(ops: readonly ListOp[], order: Order): readonly Flaw[] {
  return ops.flatMap((op): readonly Flaw[] => {
    const absent = appendsOf(op).filter((append) => !isThere(append, order));
    if (op.outcome === 'ok') return absent.map((append) => ({ kind: 'lost', what: named(append, op) }));
    const isPart = op.outcome === 'unknown' && absent.length > 0 && absent.length < appendsOf(op).length;
    return isPart ? [{ kind: 'torn', what: `only ${absent.map((append) => named(append, op)).join(', ')} is missing` }] : [];
  });
}

function valuesThatShouldNotBe(end: ListEnd, writers: Writers): readonly Flaw[] {
  return [...end].flatMap(([key, list]) => [...phantoms(list, key, writers, 'there'), ...doubled(list, `key ${String(key)}`)]);
}

function phantoms(list: readonly number[], key: number, writers: Writers, how: string): readonly Flaw[] {
  return list.flatMap((value): readonly Flaw[] => {
    const writer = writers.get(value);
    if (writer?.append.key !== key) return [{ kind: 'phantom', what: `never sent, and ${how}: ${String(value)} in key ${String(key)}` }];
    return writer.op.outcome === 'failed' ? [{ kind: 'phantom', what: `rolled back, and ${how}: ${named(writer.append, writer.op)}` }] : [];
  });
}

function doubled(list: readonly number[], where: string): readonly Flaw[] {
  const seen = new Set<number>();
  return list.flatMap((value): readonly Flaw[] => {
    if (seen.has(value)) return [{ kind: 'doubled', what: `${String(value)} in ${where}` }];
    seen.add(value);
    return [];
  });
}

function wrongReads(ops: readonly ListOp[], end: ListEnd, writers: Writers): readonly Flaw[] {
  return ops
    .filter(({ outcome }) => outcome === 'ok')
    .flatMap((op) =>
      readsOf(op).flatMap(({ key, list }): readonly Flaw[] => {
        const where = `key ${String(key)} by ${placed(op)}`;
        const final = end.get(key) ?? [];
        const strange = phantoms(list, key, writers, `read by ${placed(op)}`);
        const twice = doubled(list, where);
        // A value that must not be anywhere spoils the order too, and is told once.
        const at = strange.length + twice.length > 0 ? -1 : list.findIndex((value, place) => final[place] !== value);
        const parting = `${where} read ${String(list[at])} at place ${String(at)}, where there is ${String(final[at] ?? 'nothing')} at the end`;
        return [...strange, ...twice, ...(at === -1 ? [] : [{ kind: 'not-prefix', what: parting } as const])];
      }),
    );
}

type Reached = { readonly endedMs: number; readonly length: number };

/** An append that was acknowledged before a transaction began is in what that one reads. */
function staleReads(ops: readonly ListOp[], order: Order): readonly Flaw[] {
  const acknowledged = ops.filter(({ outcome }) => outcome === 'ok');
  const reachedBy = new Map<number, Reached[]>();
  for (const op of acknowledged.toSorted((a, b) => a.endedMs - b.endedMs)) {
    for (const { key, value } of appendsOf(op)) {
      const place = order.get(key)?.get(value);
      const reached = reachedBy.get(key) ?? [];
      const before = reached.at(-1)?.length ?? 0;
      if (place !== undefined && place + 1 > before) reachedBy.set(key, [...reached, { endedMs: op.endedMs, length: place + 1 }]);
    }
  }
  return acknowledged.flatMap((op) =>
    readsOf(op).flatMap(({ key, list }): readonly Flaw[] => {
      const due = reachedBy.get(key)?.findLast(({ endedMs }) => endedMs < op.invokedMs)?.length ?? 0;
      if (list.length >= due) return [];
      return [
        {
          kind: 'stale',
          what: `key ${String(key)} by ${placed(op)}: ${String(list.length)} values, ${String(due)} were acknowledged before`,
        },
      ];
    }),
  );
}

function told({ anomaly, edges }: Cycle): string {
  const first = edges[0];
  return `${anomaly}: ${edges.map(({ from, kind, key }) => `${String(from)} –${kind} of key ${String(key)}→ `).join('')}${String(first?.from)}`;
}

function named({ key, value }: Append, op: ListOp): string {
  return `${String(value)} in key ${String(key)} by ${placed(op)}`;
}

function placed({ id, origin }: ListOp): string {
  const where = origin === null ? '' : ` on ${origin.node}, timeline ${String(origin.timeline)}`;
  return `transaction ${String(id)}${where}`;
}
