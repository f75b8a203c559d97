/**
 * The simulator's side of the failpoints (agent/loop/failpoints.ts): what one node's next ask of a kind is to meet. Armed by a fault, spent by the first
 * ask that has the name.
 */
import { failpointOf, type Ask } from '../../agent/machine/asks.ts';

export type FailpointAct =
  /** The agent ends, as by kill -9, just before it asks, or just after it has been answered. */
  | { readonly kind: 'agent-dies'; readonly when: 'before' | 'after' }
  | { readonly kind: 'machine-dies'; readonly when: 'before' | 'after' }
  /** It is answered with a failure, although what was asked for may have been done. */
  | { readonly kind: 'fails'; readonly when: 'before' | 'after' }
  | { readonly kind: 'is-late'; readonly ms: number }
  /** The agent ends with its change of the record still on the way; its next life begins, and only then the change arrives (S4). */
  | { readonly kind: 'outlives'; readonly backMs: number; readonly lateMs: number };

/** Those whose answer is an outcome and may therefore be a failure. */
export const FAILABLE = [
  'save-file',
  'start',
  'kill',
  'follow',
  'revoke',
  'write-sync',
  'prove-sync',
  'promote',
  'set-open',
  'checkpoint',
  'feed-guard',
  'clone',
  'rewind',
] as const;

export const FAILPOINTS = [
  ...FAILABLE,
  'park-clients',
  'stop-fast',
  'look',
  'change-record/T1',
  'change-record/T2',
  'change-record/T3',
  'change-record/T6',
  'change-record/T7',
  'change-record/T8',
  'change-record/T9',
  'change-record/T9-abort',
  'change-record/renew',
] as const;

export type Failpoint = (typeof FAILPOINTS)[number];

export class ArmedFailpoint {
  #armed: { readonly name: Failpoint; readonly act: FailpointAct } | null = null;

  #isClosed = false;

  arm(name: Failpoint, act: FailpointAct): void {
    this.#armed = { name, act };
    this.#isClosed = false;
  }

  disarm(): void {
    this.#armed = null;
  }

  /** Nothing goes wrong any more, not even what was begun before. */
  close(): void {
    this.#armed = null;
    this.#isClosed = true;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** What this ask is to meet; null: nothing. */
  take(ask: Ask): { readonly name: Failpoint; readonly act: FailpointAct } | null {
    if (this.#armed === null || this.#armed.name !== failpointOf(ask)) return null;
    const armed = this.#armed;
    this.#armed = null;
    return armed;
  }
}
