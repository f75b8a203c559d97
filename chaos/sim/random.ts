/**
 * Seeded chance (sfc32), in streams of their own: a new draw in one place must not reshuffle all the others, or a seed would tell another story
 * after every change of the simulator.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, stream = '') {
    this.#a = seed >>> 0;
    this.#b = Math.imul(seed ^ 0x9e37_79b9, 0x85eb_ca6b) >>> 0;
    this.#c = 0x1234_5678;
    for (let at = 0; at < stream.length; at += 1) this.#c = Math.imul(this.#c ^ stream.charCodeAt(at), 0x0100_0193) >>> 0;
    for (let round = 0; round < 12; round += 1) this.#next();
  }

  /** [0, 1) */
  next(): number {
    return this.#next() / 0x1_0000_0000;
  }

  /** [from, to) */
  between(from: number, to: number): number {
    return from + (to - from) * this.next();
  }

  /** 0 … below − 1 */
  int(below: number): number {
    return Math.floor(this.next() * below);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.int(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  /** Mostly near `from`, now and then near `to`: what latencies look like. */
  skewed(from: number, to: number): number {
    const x = this.next();
    return from + (to - from) * x * x * x;
  }

  #next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + sum) | 0;
    return sum >>> 0;
  }
}
