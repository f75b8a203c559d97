/**
 * The monotonic clock of one machine: begins anywhere, may run a little fast or slow, and stands still while the whole machine is paused (a virtual
 * machine that is moved), but not while a process is merely stopped.
 */
import type { World } from './world.ts';

export class Clock {
  readonly #world: World;
  readonly #rate: number;
  #baseMs: number;
  #sinceMs = 0;
  #isStanding = false;
  #hasStood = false;

  constructor(world: World, baseMs: number, rate: number) {
    this.#world = world;
    this.#baseMs = baseMs;
    this.#rate = rate;
  }

  get nowMs(): number {
    return this.#isStanding ? this.#baseMs : this.#baseMs + (this.#world.nowMs - this.#sinceMs) * this.#rate;
  }

  /** It has stood still: no lease by this clock says anything about the others' time. */
  get hasStood(): boolean {
    return this.#hasStood;
  }

  /** How long in the world's time until this clock shows that instant. */
  delayUntil(atMs: number): number {
    return Math.max(0, (atMs - this.nowMs) / this.#rate);
  }

  stand(): void {
    this.#baseMs = this.nowMs;
    this.#isStanding = true;
    this.#hasStood = true;
  }

  go(): void {
    this.#isStanding = false;
    this.#sinceMs = this.#world.nowMs;
  }
}
