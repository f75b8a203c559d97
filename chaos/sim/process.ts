/**
 * A process that can be killed, frozen and thawed. What is meant for a dead one is lost; what is meant for a frozen one waits, in order, and happens at
 * the thaw: the kernel goes on accepting its connections and buffering its bytes.
 */
import type { World } from './world.ts';

export class Process {
  readonly #world: World;
  #life = 0;
  #isAlive = false;
  /** Several causes may hold it frozen at once. */
  #freezes = 0;
  #waiting: (() => void)[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isFrozen(): boolean {
    return this.#freezes > 0;
  }

  get isRunning(): boolean {
    return this.#isAlive && this.#freezes === 0;
  }

  start(): void {
    this.#life += 1;
    this.#isAlive = true;
    this.#waiting = [];
  }

  kill(): void {
    this.#life += 1;
    this.#isAlive = false;
    this.#waiting = [];
  }

  freeze(): void {
    this.#freezes += 1;
  }

  thaw(): void {
    this.#freezes -= 1;
    if (this.#freezes > 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    const life = this.#life;
    for (const act of waiting) if (this.#life === life) this.run(act);
  }

  /** Now, or at the thaw; never in another life. */
  run(act: () => void): void {
    if (!this.#isAlive) return;
    if (this.#freezes > 0) this.#waiting.push(act);
    else act();
  }

  after(delayMs: number, act: () => void): void {
    const life = this.#life;
    this.#world.after(delayMs, () => {
      if (this.#life === life) this.run(act);
    });
  }

  /** For news from outside that belongs to this life only. */
  inThisLife<News extends readonly unknown[]>(act: (...news: News) => void): (...news: News) => void {
    const life = this.#life;
    return (...news) => {
      if (this.#life === life) this.run(() => act(...news));
    };
  }
}

/** A recipe of the simulated world: yields how long the next thing takes, in ms. */
export type Script<Result> = Generator<number, Result, void>;

/** Runs a script as part of a process: it ends when the process does. */
export function runScript<Result>(owner: Process, script: Script<Result>, onEnd: (result: Result) => void): void {
  const go = (): void => {
    const step = script.next();
    if (step.done === true) onEnd(step.value);
    else owner.after(step.value, go);
  };
  go();
}
