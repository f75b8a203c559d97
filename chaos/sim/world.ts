/**
 * Virtual time, and everything that will happen in it. Nothing in the simulator reads a real clock or rolls real dice: a seed is a story. The hash of
 * the trace tells whether two runs told the same one.
 */
import { EventQueue } from './event-queue.ts';
import { Random } from './random.ts';
import type { Mark } from './sometimes.ts';

/** A broken promise of the product; the run of this seed ends with it. */
export class Violation extends Error {
  override readonly name = 'Violation';
  /** The invariant's number, or what else was promised. */
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.invariant = invariant;
  }
}

export type TraceLine = { readonly atMs: number; readonly who: string; readonly text: string };

export class World {
  readonly seed: number;
  readonly #queue = new EventQueue();
  readonly #marks: Set<string>;
  readonly #tell: ((line: TraceLine) => void) | null;
  #nowMs = 0;
  #events = 0;
  #hashA = 0x811c_9dc5;
  #hashB = 0x0100_0193;

  /** `marks` collects rare states that were seen; `tell` null: nobody reads the trace, so that its lines are not even made. */
  constructor(seed: number, marks: Set<string>, tell: ((line: TraceLine) => void) | null) {
    this.seed = seed;
    this.#marks = marks;
    this.#tell = tell;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  get events(): number {
    return this.#events;
  }

  /** Of everything that was noted and when; equal for equal runs. */
  get hash(): string {
    return `${(this.#hashA >>> 0).toString(16).padStart(8, '0')}${(this.#hashB >>> 0).toString(16).padStart(8, '0')}`;
  }

  random(stream: string): Random {
    return new Random(this.seed, stream);
  }

  after(delayMs: number, act: () => void): void {
    this.#queue.push(this.#nowMs + (delayMs > 0 ? delayMs : 0), act);
  }

  /** Runs until that instant, or until `isOver` says so. */
  run(untilMs: number, isOver: () => boolean = () => false): void {
    const queue = this.#queue;
    while (queue.nextAtMs <= untilMs && !isOver()) {
      this.#nowMs = queue.nextAtMs;
      this.#events += 1;
      this.#mix(this.#nowMs * 1024);
      queue.pop()();
    }
    if (this.#nowMs < untilMs && queue.nextAtMs > untilMs) this.#nowMs = untilMs;
  }

  /** A fact of the run, small and numeric, for the hash. */
  note(a: number, b = 0): void {
    this.#mix(a);
    this.#mix(b);
  }

  /** A rare state has been reached. */
  mark(name: Mark): void {
    this.#marks.add(name);
  }

  get isTold(): boolean {
    return this.#tell !== null;
  }

  /** `text` is only made when somebody reads it. */
  tell(who: string, text: () => string): void {
    this.#tell?.({ atMs: this.#nowMs, who, text: text() });
  }

  #mix(value: number): void {
    const word = value | 0;
    this.#hashA = Math.imul(this.#hashA ^ word, 0x0100_0193);
    this.#hashB = Math.imul(this.#hashB ^ (word + (this.#hashA >>> 7)), 0x85eb_ca6b);
  }
}
