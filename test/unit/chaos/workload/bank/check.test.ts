/** The checker itself is checked: every forged history below is bad in one way, and must be found bad in exactly that way. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkBank, type BankEnd, type BankOp, type TransferRow } from '../../../../../chaos/workload/bank/check.ts';
import type { Flaw } from '../../../../../chaos/workload/workload.ts';
import type { Outcome } from '../../../../../chaos/ledger/entry.ts';

const START = { accounts: 3, each: 100 };
const origin = { node: 'n1', server: 's1', timeline: 1, lsn: '0/1', backendPid: 1 };

function transfer(id: number, [from, to, amount]: readonly [number, number, number], outcome: Outcome = 'ok'): BankOp {
  return {
    id,
    client: 0,
    route: 'proxy',
    invokedMs: id * 10,
    endedMs: id * 10 + 1,
    outcome,
    origin,
    act: { kind: 'transfer', from, to, amount },
  };
}

function look(id: number, balances: readonly number[], mayBeStale = false): BankOp {
  const seen = new Map(balances.entries());
  return { ...transfer(id, [0, 1, 1]), act: { kind: 'look', mayBeStale, balances: seen } };
}

/** What is there when exactly these transfers were done. */
function endOf(...done: readonly BankOp[]): BankEnd {
  const rows = done.flatMap(({ id, act }): readonly TransferRow[] =>
    act.kind === 'transfer' ? [{ id, from: act.from, to: act.to, amount: act.amount }] : [],
  );
  const balances = new Map(Array.from({ length: START.accounts }, (_, account) => [account, START.each]));
  for (const { from, to, amount } of rows) {
    balances.set(from, (balances.get(from) ?? 0) - amount);
    balances.set(to, (balances.get(to) ?? 0) + amount);
  }
  return { balances, transfers: rows };
}

const kinds = (flaws: readonly Flaw[]): readonly string[] => [...new Set(flaws.map(({ kind }) => kind))];
const [one, two] = [transfer(1, [0, 1, 30]), transfer(2, [1, 2, 5])];

describe('the check of the bank', () => {
  it('passes when the acknowledged transfers are there and every look was of one moment', () => {
    const ops = [one, two, look(3, [70, 125, 105]), look(4, [70, 130, 100], true), transfer(5, [2, 0, 1], 'failed')];
    expect(checkBank(START, ops, endOf(one, two))).toEqual({ surfaced: 0, flaws: [] });
  });

  it('takes an unknown transfer either way, and counts it when it is there', () => {
    const unknown = transfer(3, [0, 2, 7], 'unknown');
    expect(checkBank(START, [one, unknown], endOf(one))).toEqual({ surfaced: 0, flaws: [] });
    expect(checkBank(START, [one, unknown], endOf(one, unknown))).toEqual({ surfaced: 1, flaws: [] });
  });

  it('finds a lost transfer, and names it', () => {
    const { flaws } = checkBank(START, [one, two], endOf(one));
    expect(flaws).toEqual([{ kind: 'lost', what: 'transfer 2 (5 from 1 to 2) on n1, timeline 1' }]);
  });

  it('finds a transfer that was done twice', () => {
    expect(kinds(checkBank(START, [one, two], endOf(one, two, two)).flaws)).toEqual(['doubled']);
  });

  it('finds a transfer that was rolled back and one that nobody sent, and one that was sent otherwise', () => {
    const failed = transfer(3, [0, 1, 1], 'failed');
    expect(kinds(checkBank(START, [one, failed], endOf(one, failed)).flaws)).toEqual(['phantom']);
    expect(kinds(checkBank(START, [one], endOf(one, two)).flaws)).toEqual(['phantom']);
    expect(kinds(checkBank(START, [one], endOf(transfer(1, [0, 1, 31]))).flaws)).toEqual(['phantom']);
  });

  it('finds a look that saw half of a transfer, on the leader and on a standby', () => {
    for (const mayBeStale of [false, true])
      expect(kinds(checkBank(START, [look(1, [70, 100, 100], mayBeStale)], endOf()).flaws)).toEqual(['torn']);
  });

  it('finds a look at fewer accounts, but lets a standby not have come as far as their opening', () => {
    expect(kinds(checkBank(START, [look(1, [200, 100])], endOf()).flaws)).toEqual(['torn']);
    expect(kinds(checkBank(START, [look(1, [])], endOf()).flaws)).toEqual(['torn']);
    expect(checkBank(START, [look(1, [], true)], endOf()).flaws).toEqual([]);
  });

  it('believes only looks that were acknowledged', () => {
    expect(checkBank(START, [{ ...look(1, [0, 0, 0]), outcome: 'failed' }], endOf()).flaws).toEqual([]);
  });

  it('finds a balance below nothing that makes the total right', () => {
    expect(kinds(checkBank(START, [look(1, [-10, 210, 100])], endOf()).flaws)).toEqual(['negative']);
  });

  it('finds balances that are not what their transfers make, although the total is right', () => {
    const swapped = new Map([...endOf(one, two).balances].map(([account, balance]) => [2 - account, balance]));
    expect(kinds(checkBank(START, [one, two], { ...endOf(one, two), balances: swapped }).flaws)).toEqual(['unbalanced']);
    // The row of a transfer is there, and its money has not moved.
    expect(kinds(checkBank(START, [one], { ...endOf(one), balances: endOf().balances }).flaws)).toEqual(['unbalanced']);
  });

  it('reports exactly the transfers that were removed, whatever they are', () => {
    const amounts = fc.array(fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 3 }), fc.boolean()), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(amounts, (drawn) => {
        const ops = drawn.map(([from, step, amount], id) => transfer(id, [from, (from + step) % 3, amount]));
        const kept = ops.filter((_, at) => drawn[at]?.[3]);
        const { flaws } = checkBank(START, ops, endOf(...kept));
        expect(flaws.map(({ kind }) => kind)).toEqual(ops.slice(kept.length).map(() => 'lost'));
      }),
    );
  });
});
