/**
 * Where the parts of the machine put what they want done during one step, and where answers find their way back. It holds the step's `nowMs`, so
 * that no part needs a clock, and the earliest instant anybody wants to be woken at.
 */
import { assert } from '../../shared/assert.ts';
import type { Answer, AnswerTo, AskKind, AskOf, Ask } from './asks.ts';
import type { Effect, LogLevel } from './events.ts';

type Handler = (answer: Answer) => void;

/** Peers, reads, looks, saves and one job: far below this, unless answers are lost. */
const OPEN_ASKS_MAX = 512;

export class Outbox {
  #nowMs = 0;
  #lastId = 0;
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #announcedWakeMs = Number.POSITIVE_INFINITY;
  #effects: Effect[] = [];
  readonly #open = new Map<number, Handler>();

  get nowMs(): number {
    return this.#nowMs;
  }

  begin(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
  }

  /** Sends the ask and returns its number; `onAnswer` runs in a later step. */
  ask<Kind extends AskKind>(ask: AskOf<Kind>, onAnswer: (answer: AnswerTo<Kind>) => void): number {
    assert(this.#open.size < OPEN_ASKS_MAX, 'every ask is answered');
    const id = ++this.#lastId;
    // The table of asks pairs each kind with its answer, and the shell is written against the same table.
    this.#open.set(id, onAnswer as Handler);
    this.#effects.push({ kind: 'ask', id, ask: ask as Ask });
    return id;
  }

  abandon(id: number): void {
    if (this.#open.has(id)) this.send({ kind: 'abandon', id });
  }

  answered(id: number, answer: Answer): void {
    const handler = this.#open.get(id);
    assert(handler !== undefined, 'an answer belongs to an open ask');
    this.#open.delete(id);
    handler(answer);
  }

  send(effect: Effect): void {
    this.#effects.push(effect);
  }

  log(level: LogLevel, event: string, fields: Readonly<Record<string, unknown>>): void {
    this.#effects.push({ kind: 'log', level, event, fields });
  }

  /** Has that instant come? If not, the machine is woken when it does. */
  readonly reached = (atMs: number): boolean => {
    if (atMs <= this.#nowMs) return true;
    if (atMs < this.#wakeAtMs) this.#wakeAtMs = atMs;
    return false;
  };

  /** The effects of this step, in order; the wake-up comes last and only when it has changed. */
  take(): readonly Effect[] {
    const effects = this.#effects;
    this.#effects = [];
    if (this.#wakeAtMs !== this.#announcedWakeMs && Number.isFinite(this.#wakeAtMs)) {
      this.#announcedWakeMs = this.#wakeAtMs;
      effects.push({ kind: 'wake', atMs: this.#wakeAtMs });
    }
    return effects;
  }

  /** The wake-up that was announced has been used up. */
  woken(): void {
    this.#announcedWakeMs = Number.POSITIVE_INFINITY;
  }
}
