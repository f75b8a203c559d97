/**
 * Shows how far an operation is, in the order it happened. The record decides, this is for people; but a closed operation must stay closed: a late
 * `draining` over an `aborted` would stop the leader a second time.
 */
import type { Dcs } from '../../shared/dcs/dcs.ts';
import type { Keys } from '../../shared/dcs/keys.ts';
import { encodeOperation } from '../../shared/dcs/records.ts';
import { isOpen, type OperationRecord } from '../../shared/domain/leader-record.ts';

const CLOSED_MAX = 64;

export class OperationBoard {
  readonly #dcs: Dcs;
  readonly #keys: Keys;
  readonly #callMs: number;
  readonly #closed = new Set<string>();
  #last = '';
  #tail: Promise<unknown> = Promise.resolve();

  constructor(parts: { readonly dcs: Dcs; readonly keys: Keys; readonly callMs: number }) {
    this.#dcs = parts.dcs;
    this.#keys = parts.keys;
    this.#callMs = parts.callMs;
  }

  /** Nothing waits for it. The same stage is written once. */
  show(operation: OperationRecord): void {
    const mark = `${operation.id} ${operation.stage}`;
    if (mark === this.#last || this.#closed.has(operation.id)) return;
    this.#last = mark;
    if (!isOpen(operation)) this.#close(operation.id);
    const put = { key: this.#keys.operation, value: encodeOperation(operation) };
    this.#tail = this.#tail.then(async () => {
      const written = await this.#dcs.put(put, { budgetMs: 2 * this.#callMs, signal: AbortSignal.timeout(4 * this.#callMs) });
      // A closing word that did not get through is said again by the next decision.
      if (!written) this.#forget(operation.id, mark);
    });
  }

  #close(id: string): void {
    if (this.#closed.size >= CLOSED_MAX) this.#closed.clear();
    this.#closed.add(id);
  }

  #forget(id: string, mark: string): void {
    this.#closed.delete(id);
    if (this.#last === mark) this.#last = '';
  }
}
