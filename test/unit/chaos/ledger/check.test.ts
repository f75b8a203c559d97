/** The checker itself is checked: every forged history below is bad in one way, and must be found bad in exactly that way. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkLedger, isClean } from '../../../../chaos/ledger/check.ts';
import type { Entry, Outcome } from '../../../../chaos/ledger/entry.ts';

function entry(writer: number, seq: number, outcome: Outcome = 'ok'): Entry {
  return { writer, seq, route: 'proxy', invokedMs: seq * 10, endedMs: seq * 10 + 1, outcome, served: null };
}

describe('the ledger check', () => {
  it('passes when exactly the acknowledged rows are there', () => {
    const verdict = checkLedger(
      [entry(0, 0), entry(0, 1), entry(1, 0)],
      [
        { writer: 0, seq: 0 },
        { writer: 0, seq: 1 },
        { writer: 1, seq: 0 },
      ],
    );
    expect(verdict).toMatchObject({ checked: 3, lost: [], duplicated: [], resurrected: [], foreign: [] });
    expect(isClean(verdict)).toBe(true);
  });

  it('finds one lost row in a thousand', () => {
    const entries = Array.from({ length: 1_000 }, (_, seq) => entry(0, seq));
    const rows = entries.filter(({ seq }) => seq !== 617);
    expect(checkLedger(entries, rows).lost).toEqual([{ writer: 0, seq: 617 }]);
  });

  it('is not deceived by a doubled row that makes the count right', () => {
    const verdict = checkLedger(
      [entry(0, 0), entry(0, 1)],
      [
        { writer: 0, seq: 0 },
        { writer: 0, seq: 0 },
      ],
    );
    expect(verdict.lost).toEqual([{ writer: 0, seq: 1 }]);
    expect(verdict.duplicated).toEqual([{ writer: 0, seq: 0 }]);
    expect(isClean(verdict)).toBe(false);
  });

  it('does not take the row of one writer for that of another', () => {
    expect(
      checkLedger(
        [entry(0, 5), entry(1, 9)],
        [
          { writer: 1, seq: 5 },
          { writer: 1, seq: 9 },
        ],
      ),
    ).toMatchObject({ lost: [{ writer: 0, seq: 5 }], foreign: [{ writer: 1, seq: 5 }] });
  });

  it('finds a row that was rolled back and is there all the same', () => {
    expect(
      checkLedger(
        [entry(0, 0, 'failed'), entry(0, 1)],
        [
          { writer: 0, seq: 0 },
          { writer: 0, seq: 1 },
        ],
      ).resurrected,
    ).toEqual([{ writer: 0, seq: 0 }]);
  });

  it('accepts an unknown outcome either way', () => {
    expect(
      checkLedger(
        [entry(0, 0, 'unknown'), entry(0, 1, 'unknown'), entry(0, 2)],
        [
          { writer: 0, seq: 1 },
          { writer: 0, seq: 2 },
        ],
      ),
    ).toMatchObject({ lost: [], foreign: [], surfaced: 1, checked: 1 });
  });

  it('does not judge rows that were written after the snapshot', () => {
    expect(
      isClean(
        checkLedger(
          [entry(0, 0)],
          [
            { writer: 0, seq: 0 },
            { writer: 0, seq: 1 },
            { writer: 2, seq: 0 },
          ],
        ),
      ),
    ).toBe(true);
  });

  it('reports exactly the rows that were removed, whatever they are', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(300), { minLength: 1 }), fc.func(fc.boolean()), (seqs, keep) => {
        const entries = seqs.toSorted((a, b) => a - b).map((seq) => entry(seq % 3, seq));
        const kept = entries.filter(({ seq }) => keep(seq));
        expect(checkLedger(entries, kept).lost.length).toBe(entries.length - kept.length);
      }),
    );
  });
});
