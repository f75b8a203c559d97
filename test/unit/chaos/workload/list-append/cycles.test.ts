import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findCycles, type Edge } from '../../../../../chaos/workload/list-append/cycles.ts';

const edge = (from: number, to: number, kind: Edge['kind'] = 'ww'): Edge => ({ from, to, kind, key: 0 });

describe('the search for circles', () => {
  it('finds none where everything comes one after the other, also with several ways', () => {
    expect(findCycles([edge(1, 2), edge(2, 3), edge(1, 3, 'rw'), edge(3, 4, 'wr')])).toEqual([]);
    expect(findCycles([])).toEqual([]);
  });

  it('tells the worst circle of a knot, and of those a shortest one', () => {
    const knot = [edge(1, 2, 'rw'), edge(2, 1, 'rw'), edge(2, 3), edge(3, 4), edge(4, 2), edge(4, 5), edge(5, 2)];
    expect(findCycles(knot)).toMatchObject([{ anomaly: 'G0' }]);
    expect(findCycles(knot)[0]?.edges).toHaveLength(3);
  });

  it('tells one for each knot, and nothing of what merely leads from one to the other', () => {
    const two = [edge(1, 2), edge(2, 1), edge(2, 3), edge(3, 4, 'wr'), edge(4, 3)];
    expect(
      findCycles(two)
        .map(({ anomaly }) => anomaly)
        .toSorted(),
    ).toEqual(['G0', 'G1c']);
  });

  it('is not stopped by a history longer than a stack', () => {
    const long = Array.from({ length: 50_000 }, (_, at) => edge(at, at + 1));
    expect(findCycles(long)).toEqual([]);
    expect(findCycles([...long, edge(50_000, 0, 'rw')])).toMatchObject([{ anomaly: 'G-single' }]);
  }, 30_000);

  it('says that there is a circle exactly when the edges cannot be put in an order', () => {
    const edges = fc.array(
      fc.record({ from: fc.nat(6), to: fc.nat(6), kind: fc.constantFrom('ww', 'wr', 'rw'), key: fc.constant(0) } as const),
      { maxLength: 14 },
    );
    fc.assert(
      fc.property(edges, (drawn) => {
        const real = drawn.filter(({ from, to }) => from !== to);
        const cycles = findCycles(drawn);
        expect(cycles.length > 0).toBe(!canBeOrdered(real));
        for (const { edges: circle } of cycles)
          for (const [at, one] of circle.entries()) expect(circle[at - 1]?.to ?? circle.at(-1)?.to).toBe(one.from);
      }),
    );
  });

  /** Takes away whoever has nobody before him, as long as there is one. */
  function canBeOrdered(edges: readonly Edge[]): boolean {
    const rest = edges.filter(({ from }) => edges.some(({ to }) => to === from));
    return rest.length === edges.length ? edges.length === 0 : canBeOrdered(rest);
  }
});
