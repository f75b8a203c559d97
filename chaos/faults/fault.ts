/**
 * What can be broken and mended. Every fault knows how to undo itself, even when it struck only halfway, so that whatever ends a run also ends
 * its faults. A fault never helps the cluster: healing takes away what it did, and leaves the rest to the cluster.
 */
import { messageOf } from '../../shared/errors.ts';

export interface Fault {
  /** What it does to whom, e.g. `freeze n2`. */
  readonly name: string;
  /** `nothing`: when it has struck, nothing of it is left, and all that follows is up to the cluster. */
  readonly leaves: 'a wound' | 'nothing';
  /** Does it, and says in words what was done. */
  strike(): Promise<string>;
  /** Undoes what was done. Repeating it does no harm. */
  heal(): Promise<void>;
}

/** The faults that are in force now. Whoever struck one must have told this first, else nobody heals it after a Ctrl-C. */
export class Wounds {
  readonly #open: Fault[] = [];

  async strike(fault: Fault): Promise<string> {
    if (fault.leaves === 'a wound') this.#open.push(fault);
    return fault.strike();
  }

  async heal(fault: Fault): Promise<void> {
    await fault.heal();
    const at = this.#open.indexOf(fault);
    if (at !== -1) this.#open.splice(at, 1);
  }

  get count(): number {
    return this.#open.length;
  }

  /** The last one first. One that cannot be healed does not keep the others from it; what failed is returned. */
  async healAll(): Promise<readonly string[]> {
    const failures: string[] = [];
    for (const fault of this.#open.toReversed()) {
      try {
        await this.heal(fault);
      } catch (error) {
        failures.push(`${fault.name}: ${messageOf(error)}`);
      }
    }
    return failures;
  }
}
