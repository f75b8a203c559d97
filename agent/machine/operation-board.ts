/**
 * Shows how far an operation is, in the order it happened. The record decides, this is for people; but a closed operation must stay closed: a late
 * `draining` over an `aborted` would stop the leader a second time.
 */
import { isOpen, type OperationRecord } from '../../shared/domain/leader-record.ts';
import type { Policy } from '../../shared/domain/policy.ts';
import type { Outbox } from './outbox.ts';

const CLOSED_MAX = 64;
/** Far more stages than an operation has. */
const WAITING_MAX = 32;

export class OperationBoard {
  readonly #outbox: Outbox;
  readonly #policy: Policy;
  readonly #closed = new Set<string>();
  readonly #waiting: OperationRecord[] = [];
  #last = '';
  #writing = false;
  #mayRepeatAtMs = 0;

  constructor(outbox: Outbox, policy: Policy) {
    this.#outbox = outbox;
    this.#policy = policy;
  }

  /**
   * Nothing waits for it. A stage is written once; the closing word as often as the store shows the operation open, because a former holder that was
   * frozen between two stages may open it again.
   */
  show(operation: OperationRecord): void {
    const mark = markOf(operation);
    const isClosing = !isOpen(operation);
    if (this.#waiting.length >= WAITING_MAX || (!isClosing && this.#closed.has(operation.id))) return;
    if (mark === this.#last && !(isClosing && !this.#writing && this.#outbox.reached(this.#mayRepeatAtMs))) return;
    this.#last = mark;
    if (isClosing) this.#close(operation.id);
    this.#waiting.push(operation);
    this.#writeNext();
  }

  #writeNext(): void {
    if (this.#writing) return;
    const operation = this.#waiting.shift();
    if (operation === undefined) return;
    this.#writing = true;
    const budgetMs = 2 * this.#policy.etcdCallMs;
    this.#outbox.ask<'show-operation'>({ kind: 'show-operation', operation, budgetMs }, (written) => {
      this.#writing = false;
      this.#mayRepeatAtMs = this.#outbox.nowMs + budgetMs;
      // A closing word that did not get through is said again by the next decision.
      if (!written) this.#forget(operation);
      this.#writeNext();
    });
  }

  #close(id: string): void {
    if (this.#closed.size >= CLOSED_MAX) this.#closed.clear();
    this.#closed.add(id);
  }

  #forget(operation: OperationRecord): void {
    this.#closed.delete(operation.id);
    if (this.#last === markOf(operation)) this.#last = '';
  }
}

function markOf({ id, stage }: OperationRecord): string {
  return `${id} ${stage}`;
}
