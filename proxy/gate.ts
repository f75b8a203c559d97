/**
 * What an operator has asked of this proxy, and the timers that end it. It must never stay shut for want of a second word: each pause and drain
 * carries its own end, and only the end of the process has none.
 */
import { monotonicMs } from '../shared/runtime/clock.ts';
import { admissionAt, admits, mayChange, OPEN, type Admission, type Port } from './core/admission.ts';

export type GateStatus =
  | { readonly kind: 'open' }
  | { readonly kind: 'paused'; readonly ports: readonly Port[]; readonly resumesInMs: number }
  /** `resumesInMs` null: the process ends. */
  | { readonly kind: 'draining'; readonly cutsInMs: number; readonly resumesInMs: number | null };

export type GateEvents = {
  /** Held clients may look again. */
  readonly onChange: () => void;
  /** The time of a drain is over: whoever is still there is cut. */
  readonly onCut: () => void;
};

export class Gate {
  #admission: Admission = OPEN;
  #events: GateEvents = { onChange: () => undefined, onCut: () => undefined };
  #endTimer: NodeJS.Timeout | null = null;
  #cutTimer: NodeJS.Timeout | null = null;

  /** Once, by whoever holds the sessions. */
  listen(events: GateEvents): void {
    this.#events = events;
  }

  admits(port: Port): 'yes' | 'hold' | 'refuse' {
    return admits(this.#now(), port);
  }

  pause(ports: readonly Port[], forMs: number): boolean {
    return this.#set({ kind: 'paused', ports, untilMs: monotonicMs() + forMs });
  }

  resume(): boolean {
    return this.#set(OPEN);
  }

  /** `stayMs` null: for good, because the process ends. */
  drain(withinMs: number, stayMs: number | null): boolean {
    const nowMs = monotonicMs();
    const cutAtMs = nowMs + withinMs;
    return this.#set({ kind: 'draining', cutAtMs, untilMs: stayMs === null ? null : cutAtMs + stayMs });
  }

  get status(): GateStatus {
    const admission = this.#now();
    const nowMs = monotonicMs();
    switch (admission.kind) {
      case 'open':
        return OPEN_STATUS;
      case 'paused':
        return { kind: 'paused', ports: admission.ports, resumesInMs: Math.ceil(admission.untilMs - nowMs) };
      case 'draining':
        return {
          kind: 'draining',
          cutsInMs: Math.max(0, Math.ceil(admission.cutAtMs - nowMs)),
          resumesInMs: admission.untilMs === null ? null : Math.ceil(admission.untilMs - nowMs),
        };
    }
  }

  close(): void {
    this.#clearTimers();
  }

  #now(): Admission {
    return admissionAt(this.#admission, monotonicMs());
  }

  /** False: the process ends, and nothing changes that. */
  #set(next: Admission): boolean {
    if (!mayChange(this.#admission)) return false;
    this.#clearTimers();
    this.#admission = next;
    const nowMs = monotonicMs();
    if (next.kind !== 'open' && next.untilMs !== null) this.#endTimer = setTimeout(() => this.#set(OPEN), Math.ceil(next.untilMs - nowMs));
    if (next.kind === 'draining') this.#cutTimer = setTimeout(() => this.#events.onCut(), Math.max(0, Math.ceil(next.cutAtMs - nowMs)));
    this.#events.onChange();
    return true;
  }

  #clearTimers(): void {
    for (const timer of [this.#endTimer, this.#cutTimer]) if (timer !== null) clearTimeout(timer);
    this.#endTimer = null;
    this.#cutTimer = null;
  }
}

const OPEN_STATUS: GateStatus = { kind: 'open' };
