/**
 * Feeds what a real agent went through to the decisions of today. Pure. The same code must want the same things done; after a change, the first
 * difference is the first decision that the change has turned.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Recording } from '../../agent/loop/recording.ts';
import type { Effect, Event } from '../../agent/machine/events.ts';
import { AgentMachine } from '../../agent/machine/machine.ts';

export type Replayed =
  | { readonly kind: 'identical'; readonly events: number; readonly effects: number }
  | {
      readonly kind: 'different';
      /** Counted from 0. */
      readonly step: number;
      readonly nowMs: number;
      readonly event: Event;
      readonly recorded: readonly Effect[];
      readonly replayed: readonly Effect[];
    };

export function replay({ start, steps }: Recording): Replayed {
  const machine = new AgentMachine(start);
  let effects = 0;
  for (const [step, { event, nowMs, effects: recorded }] of steps.entries()) {
    const replayed = machine.step(event, nowMs);
    if (!isDeepStrictEqual(replayed, recorded)) return { kind: 'different', step, nowMs, event, recorded, replayed };
    effects += replayed.length;
  }
  return { kind: 'identical', events: steps.length, effects };
}
