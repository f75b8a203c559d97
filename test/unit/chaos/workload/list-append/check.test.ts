/** The checker itself is checked: every forged history below is bad in one way, and must be found bad in exactly that way. */
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../../../../chaos/ledger/entry.ts';
import { checkLists } from '../../../../../chaos/workload/list-append/check.ts';
import type { Append, ListEnd, ListOp, Read } from '../../../../../chaos/workload/list-append/history.ts';
import type { Flaw } from '../../../../../chaos/workload/workload.ts';

const append = (key: number, value: number): Append => ({ kind: 'append', key, value });
const read = (key: number, ...list: readonly number[]): Read => ({ kind: 'read', key, list });

/** All at once, unless told otherwise: then no order in time binds them. */
function transaction(id: number, act: readonly (Append | Read)[], change: Partial<ListOp> = {}): ListOp {
  const origin = { node: 'n1', server: 's1', timeline: 1, lsn: '0/1', backendPid: 1 };
  return { id, client: id, route: 'proxy', invokedMs: 0, endedMs: 1_000, outcome: 'ok', origin, act, ...change };
}

const ended = (outcome: Outcome): Partial<ListOp> => ({ outcome });
const lists = (...all: readonly (readonly number[])[]): ListEnd => new Map(all.entries());
const kinds = (flaws: readonly Flaw[]): readonly string[] => flaws.map(({ kind }) => kind);

const first = transaction(1, [append(0, 1), append(1, 2)]);
const second = transaction(2, [read(0, 1), append(0, 3)]);

describe('the check of the lists', () => {
  it('passes when reads are beginnings of the final lists, and transactions one after the other', () => {
    const ops = [
      first,
      second,
      transaction(3, [read(0, 1, 3), read(1, 2)]),
      transaction(4, [read(0), read(1), read(7)]),
      transaction(5, [append(1, 4), read(1, 2, 4)]),
    ];
    expect(checkLists(ops, lists([1, 3], [2, 4]))).toEqual({ surfaced: 0, flaws: [] });
  });

  it('takes an unknown transaction either way, and counts it when it is there', () => {
    const ops = [first, { ...second, ...ended('unknown') }];
    expect(checkLists(ops, lists([1], [2]))).toEqual({ surfaced: 0, flaws: [] });
    expect(checkLists(ops, lists([1, 3], [2]))).toEqual({ surfaced: 1, flaws: [] });
  });

  it('finds a lost append, and names it', () => {
    expect(checkLists([first, second], lists([1], [2])).flaws).toEqual([
      { kind: 'lost', what: '3 in key 0 by transaction 2 on n1, timeline 1' },
    ]);
  });

  it('finds a value that is there twice, and one that was read twice', () => {
    expect(kinds(checkLists([first], lists([1, 1], [2])).flaws)).toEqual(['doubled']);
    expect(kinds(checkLists([first, transaction(2, [read(0, 1, 1)])], lists([1], [2])).flaws)).toEqual(['doubled']);
  });

  it('finds a value that is there although it was rolled back, never sent, or sent to another list', () => {
    const failed = transaction(3, [append(0, 9)], ended('failed'));
    expect(kinds(checkLists([first, failed], lists([1, 9], [2])).flaws)).toEqual(['phantom']);
    expect(kinds(checkLists([first], lists([1, 8], [2])).flaws)).toEqual(['phantom']);
    expect(kinds(checkLists([first, transaction(3, [append(0, 9)])], lists([1], [2, 9])).flaws)).toEqual(['lost', 'phantom']);
  });

  it('finds a read of what was rolled back, although it is not there in the end', () => {
    const failed = transaction(3, [append(0, 9)], ended('failed'));
    expect(kinds(checkLists([first, failed, transaction(4, [read(0, 1, 9)])], lists([1], [2])).flaws)).toEqual(['phantom']);
    expect(checkLists([first, failed, transaction(4, [read(0, 1, 9)], ended('failed'))], lists([1], [2])).flaws).toEqual([]);
  });

  it('finds an unknown transaction of which only a part is there', () => {
    expect(kinds(checkLists([{ ...first, ...ended('unknown') }], lists([1])).flaws)).toEqual(['torn']);
  });

  it('finds reads that are no beginning of the final order: of what is gone, and in another order', () => {
    const unknown = { ...second, ...ended('unknown') };
    expect(kinds(checkLists([first, unknown, transaction(4, [read(0, 1, 3)])], lists([1], [2])).flaws)).toEqual(['not-prefix']);
    const other = transaction(5, [append(0, 5)]);
    expect(kinds(checkLists([transaction(1, [append(0, 1)]), other, transaction(6, [read(0, 5)])], lists([1, 5])).flaws)).toEqual([
      'not-prefix',
    ]);
  });

  it('finds a read that does not know what was acknowledged before it began, and only then', () => {
    const early = transaction(1, [append(0, 1)], { endedMs: 10 });
    const late = (invokedMs: number): ListOp => transaction(2, [read(0)], { invokedMs });
    expect(kinds(checkLists([early, late(11)], lists([1])).flaws)).toEqual(['stale']);
    expect(checkLists([early, late(10)], lists([1])).flaws).toEqual([]);
    // What was appended after an acknowledged value cannot excuse that this one is not known.
    const later = transaction(3, [append(0, 2)], { endedMs: 500 });
    expect(kinds(checkLists([early, later, transaction(4, [read(0, 1)], { invokedMs: 501 })], lists([1, 2])).flaws)).toEqual(['stale']);
  });
});

describe('circles', () => {
  const circle = (ops: readonly ListOp[], end: ListEnd): readonly string[] => {
    const { flaws } = checkLists(ops, end);
    expect(new Set(kinds(flaws))).toEqual(new Set(['cycle']));
    return flaws.map(({ what }) => what.split(':')[0] ?? '');
  };

  it('of writes are found: two transactions, each before the other', () => {
    expect(
      circle([transaction(1, [append(0, 1), append(1, 2)]), transaction(2, [append(0, 3), append(1, 4)])], lists([1, 3], [4, 2])),
    ).toEqual(['G0']);
  });

  it('of what was read are found: each read what the other wrote', () => {
    expect(circle([transaction(1, [append(0, 1), read(1, 2)]), transaction(2, [append(1, 2), read(0, 1)])], lists([1], [2]))).toEqual([
      'G1c',
    ]);
  });

  it('with one read that came too early are found: half of a transaction was seen', () => {
    expect(circle([transaction(1, [append(0, 1), append(1, 2)]), transaction(2, [read(0, 1), read(1)])], lists([1], [2]))).toEqual([
      'G-single',
    ]);
  });

  it('with a lost update are found', () => {
    const ops = [transaction(1, [read(0), append(0, 1)]), transaction(2, [read(0), append(0, 2)])];
    expect(circle(ops, lists([1, 2]))).toEqual(['G-single']);
  });

  it('with two reads that came too early are found: each did not see the other', () => {
    expect(circle([transaction(1, [read(0), append(1, 1)]), transaction(2, [read(1), append(0, 2)])], lists([2], [1]))).toEqual(['G2']);
  });

  it('name the transactions, the kinds and the lists', () => {
    const { flaws } = checkLists(
      [transaction(1, [append(0, 1), append(1, 2)]), transaction(2, [append(0, 3), append(1, 4)])],
      lists([1, 3], [4, 2]),
    );
    expect(flaws[0]?.what).toMatch(/^G0: (1 –ww of key 0→ 2 –ww of key 1→ 1|2 –ww of key 1→ 1 –ww of key 0→ 2)$/);
  });
});
