/** The checker of split brain is itself checked: histories that no correct cluster produces must be found, and lawful ones that look odd must not. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Entry, Outcome } from '../../../../chaos/ledger/entry.ts';
import { checkEpochs } from '../../../../chaos/ledger/epochs.ts';

let seq = 0;

function ack(invokedMs: number, endedMs: number, timeline: number, server = `s${String(timeline)}`, outcome: Outcome = 'ok'): Entry {
  seq += 1;
  return { writer: 0, seq, route: server, invokedMs, endedMs, outcome, served: { server, timeline, lsn: '0/1', backendPid: 1 } };
}

describe('epochs of acknowledgements', () => {
  it('may only grow: a lawful failover is found without fault', () => {
    const verdict = checkEpochs([ack(0, 1, 1), ack(2, 3, 1), ack(10, 30, 2), ack(31, 32, 2)]);
    expect(verdict).toMatchObject({ checked: 4, untold: 0, stale: [], shared: [] });
  });

  it('a write invoked after the first acknowledgement of a newer timeline, and acknowledged on the old one, is split brain (I4)', () => {
    const newer = ack(10, 30, 2);
    const stale = ack(31, 40, 1);
    expect(checkEpochs([ack(0, 1, 1), newer, stale]).stale).toEqual([{ entry: stale, newest: newer }]);
  });

  it('one that was invoked before, and answered after, was earned before the fence and is no fault', () => {
    expect(checkEpochs([ack(0, 1, 1), ack(10, 30, 2), ack(29, 90, 1)]).stale).toEqual([]);
  });

  it('finds the one stale acknowledgement on a thawed primary among thousands, whatever order the history is in', () => {
    const lawful = Array.from({ length: 2_000 }, (_, at) => ack(at * 10, at * 10 + 5, at < 1_000 ? 1 : 2));
    const stale = ack(15_000, 15_001, 1, 's1');
    const found = checkEpochs([...lawful, stale].toReversed()).stale;
    expect(found.map(({ entry }) => entry)).toEqual([stale]);
    expect(found[0]?.newest.served.timeline).toBe(2);
  });

  it('finds a standby that was promoted by hand and acknowledged a write between two of the true primary', () => {
    expect(checkEpochs([ack(0, 1, 1), ack(2, 3, 2, 'rogue'), ack(4, 5, 1)]).stale).toHaveLength(1);
  });

  it('does not count what was not acknowledged', () => {
    expect(checkEpochs([ack(10, 30, 2), ack(31, 40, 1, 's1', 'unknown'), ack(31, 40, 1, 's1', 'failed')]).stale).toEqual([]);
  });

  it('one timeline on two servers is found, though no epoch decreases (I5)', () => {
    expect(checkEpochs([ack(0, 1, 1), ack(2, 3, 2, 'a'), ack(4, 5, 2, 'b')]).shared).toEqual([{ timeline: 2, servers: ['a', 'b'] }]);
  });

  it('an acknowledgement that tells no timeline is counted, so that a silent history cannot pass', () => {
    expect(checkEpochs([{ ...ack(0, 1, 1), served: null }])).toMatchObject({ checked: 1, untold: 1 });
    expect(checkEpochs([])).toMatchObject({ checked: 0 });
  });

  it('agrees with the definition, pair by pair', () => {
    const op = fc.record({ invokedMs: fc.nat(50), tookMs: fc.nat(20), timeline: fc.integer({ min: 1, max: 4 }) });
    fc.assert(
      fc.property(fc.array(op, { maxLength: 30 }), (ops) => {
        const entries = ops.map(({ invokedMs, tookMs, timeline }) => ack(invokedMs, invokedMs + tookMs, timeline));
        const byDefinition = entries.filter((late) =>
          entries.some((early) => early.endedMs < late.invokedMs && (early.served?.timeline ?? 0) > (late.served?.timeline ?? 0)),
        );
        expect(new Set(checkEpochs(entries).stale.map(({ entry }) => entry))).toEqual(new Set(byDefinition));
      }),
    );
  });
});
