/**
 * What happens to a node, as values: everything the machine may know of the world comes in as one of these, with the instant at which it came.
 * A run is its list of (event, now); fed to the machine again, it gives the same effects (chaos/replay).
 */
import type { Epoch } from '../../shared/domain/epoch.ts';
import type { MemberId } from '../../shared/domain/node-id.ts';
import type { Ask, Answer, PromiseReply, StoreItem } from './asks.ts';
import type { PromiseQuestion } from '../core/promise.ts';
import type { GuardStatus } from '../guard/protocol.ts';

export type Event =
  /** The instant of a `wake` has come. */
  | { readonly kind: 'woken' }
  /** Every ask is answered once, under its number. */
  | { readonly kind: 'answered'; readonly id: number; readonly answer: Answer }
  /** A watch shows these; it decides nothing by itself (S5). */
  | { readonly kind: 'shown'; readonly items: readonly StoreItem[] }
  | { readonly kind: 'shown-deleted'; readonly what: 'leader' | 'operation' }
  | { readonly kind: 'guard'; readonly status: GuardStatus | null }
  /** Another agent's words. */
  | { readonly kind: 'heard-down'; readonly epoch: Epoch; readonly holder: MemberId; readonly why: 'down' | 'sick' }
  | { readonly kind: 'heard-claim' }
  | { readonly kind: 'asked-to-promise'; readonly request: number; readonly question: PromiseQuestion }
  /** A member is about to give up its data. */
  | { readonly kind: 'asked-to-leave'; readonly request: number; readonly member: MemberId }
  /** Another agent wants to know how this one is, after a fresh look at its server. */
  | { readonly kind: 'asked-fresh'; readonly request: number }
  /** An operator. */
  | { readonly kind: 'takeover'; readonly force: boolean; readonly declareLost: readonly MemberId[] };

/** What the machine wants done. Order within one step is kept. */
export type Effect =
  /** The next instant at which the machine wants to be woken, whatever else happens; replaces the former one. */
  | { readonly kind: 'wake'; readonly atMs: number }
  | { readonly kind: 'ask'; readonly id: number; readonly ask: Ask }
  /** Nobody waits for this answer any more; it is still given. */
  | { readonly kind: 'abandon'; readonly id: number }
  | { readonly kind: 'tell-claimed'; readonly url: string; readonly epoch: Epoch; readonly timeoutMs: number }
  | { readonly kind: 'reply-promise'; readonly request: number; readonly reply: Exclude<PromiseReply, { kind: 'silent' }> }
  | { readonly kind: 'reply-leave'; readonly request: number; readonly mayGo: boolean }
  | { readonly kind: 'reply-fresh'; readonly request: number }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly event: string; readonly fields: Readonly<Record<string, unknown>> };

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
