/** Text stream → lines, with a bound: whoever sends more than that without a line break is not one of us. Pure. */
import { LINE_BYTES_MAX } from './protocol.ts';

export class LineReader {
  #rest = '';

  /** The complete lines so far; null when the sender exceeded the bound. */
  push(text: string): readonly string[] | null {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    return this.#rest.length > LINE_BYTES_MAX ? null : lines.filter((line) => line !== '');
  }
}
