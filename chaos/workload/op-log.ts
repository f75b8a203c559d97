/** What the clients of one workload have lived through: every settled operation. It only grows and is bounded; it judges nothing. */
import { monotonicMs } from '../../shared/runtime/clock.ts';
import type { Transacted } from './transaction.ts';
import type { Op } from './workload.ts';

/** Hours of what the clients of a workload do; the history ends with an error rather than fill the memory. */
const MAX_OPS = 1_000_000;

export class OpLog<Act> {
  readonly #ops: Op<Act>[] = [];
  #begun = 0;

  /** The number of an attempt; no two have the same. */
  begin(): number {
    this.#begun += 1;
    return this.#begun;
  }

  settle(
    from: Pick<Op<Act>, 'id' | 'client' | 'route' | 'invokedMs'>,
    { outcome, origin }: Pick<Transacted<unknown>, 'outcome' | 'origin'>,
    act: Act,
  ): void {
    if (this.#ops.length >= MAX_OPS) throw new Error(`the history is full: ${String(MAX_OPS)} operations`);
    this.#ops.push({ ...from, endedMs: monotonicMs(), outcome, origin, act });
  }

  /** A copy: later operations do not change it. */
  ops(): readonly Op<Act>[] {
    return this.#ops.slice();
  }
}
