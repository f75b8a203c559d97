/**
 * Remembers the changes that ended `unknown`, until the caller sends them again. Without it the second call would know nothing of the
 * copies of the first: it would call a change "rejected" that had been there for a moment, and would count a lease from the second sending
 * although the first copy was the one that committed.
 */
import { assert } from '../assert.ts';
import type { Change } from './dcs.ts';

/** A node has one change in flight (S2); whoever collects more has given the oldest ones up. */
const REMEMBERED_MOST = 256;

export class UnsettledChanges {
  readonly #known = new Map<string, { readonly change: Change; readonly sentAtMs: number }>();

  /** When the first copy of this very change was sent; null when nothing is in doubt about it. */
  sentAtMs(change: Change): number | null {
    const known = this.#known.get(change.nonce);
    if (known === undefined) return null;
    const same = known.change.key === change.key && known.change.expected === change.expected && known.change.value === change.value;
    assert(same, 'a change whose outcome is unknown is repeated unaltered, and its nonce is used for nothing else');
    return known.sentAtMs;
  }

  remember(change: Change, sentAtMs: number): void {
    this.#known.set(change.nonce, { change, sentAtMs });
    const [oldest] = this.#known.keys();
    if (this.#known.size > REMEMBERED_MOST && oldest !== undefined) this.#known.delete(oldest);
  }

  settle(change: Change): void {
    this.#known.delete(change.nonce);
  }
}
