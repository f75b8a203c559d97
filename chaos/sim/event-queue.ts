/** What happens next: a binary heap by (time, order of scheduling), so that equal times keep their order and a seed its story. */
export class EventQueue {
  readonly #times: number[] = [];
  readonly #orders: number[] = [];
  readonly #acts: (() => void)[] = [];
  #scheduled = 0;

  get size(): number {
    return this.#times.length;
  }

  get nextAtMs(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY;
  }

  push(atMs: number, act: () => void): void {
    const times = this.#times;
    const order = this.#scheduled++;
    let hole = times.length;
    times.push(atMs);
    this.#orders.push(order);
    this.#acts.push(act);
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if ((times[parent] ?? 0) <= atMs) break;
      this.#move(parent, hole);
      hole = parent;
    }
    this.#set(hole, atMs, order, act);
  }

  /** The queue must not be empty. */
  pop(): () => void {
    const first = this.#acts[0];
    const atMs = this.#times.pop() ?? 0;
    const order = this.#orders.pop() ?? 0;
    const act = this.#acts.pop();
    if (first === undefined || act === undefined) throw new RangeError('the event queue is empty');
    const size = this.#times.length;
    if (size === 0) return first;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#isBefore(child + 1, child)) child += 1;
      const time = this.#times[child] ?? 0;
      if (time > atMs || (time === atMs && (this.#orders[child] ?? 0) > order)) break;
      this.#move(child, hole);
      hole = child;
    }
    this.#set(hole, atMs, order, act);
    return first;
  }

  #isBefore(a: number, b: number): boolean {
    const first = this.#times[a] ?? 0;
    const second = this.#times[b] ?? 0;
    return first < second || (first === second && (this.#orders[a] ?? 0) < (this.#orders[b] ?? 0));
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from] ?? 0;
    this.#orders[to] = this.#orders[from] ?? 0;
    const act = this.#acts[from];
    if (act !== undefined) this.#acts[to] = act;
  }

  #set(at: number, timeMs: number, order: number, act: () => void): void {
    this.#times[at] = timeMs;
    this.#orders[at] = order;
    this.#acts[at] = act;
  }
}
