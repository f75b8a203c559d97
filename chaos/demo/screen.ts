/**
 * What the audience sees. Lines scroll; on a terminal one status line below them is rewritten in place. With JSON asked for, all of it goes to
 * stderr, so that stdout carries the report alone.
 */
import { styleText } from 'node:util';
import { monotonicMs } from '../../shared/runtime/clock.ts';

export type Tone = 'plain' | 'good' | 'bad' | 'quiet' | 'title';

const STYLES = { good: 'green', bad: 'red', quiet: 'dim', title: 'bold' } as const;

export class Screen {
  readonly #stream: NodeJS.WriteStream;
  readonly #colours: boolean;
  #status = '';

  constructor(json: boolean) {
    this.#stream = json ? process.stderr : process.stdout;
    this.#colours = this.#stream.isTTY && process.env['NO_COLOR'] === undefined;
  }

  line(text: string, tone: Tone = 'plain'): void {
    const painted = tone === 'plain' || !this.#colours ? text : styleText(STYLES[tone], text);
    this.#write(`${painted}\n`);
  }

  /** Elapsed time of a fault, then what happened. */
  event(sinceMs: number, text: string, atMs = monotonicMs()): void {
    this.line(`  +${(atMs - sinceMs).toFixed(0).padStart(6)} ms  ${text}`);
  }

  title(text: string): void {
    this.line('');
    this.line(`== ${text}`, 'title');
  }

  box(lines: readonly string[], tone: Tone): void {
    this.line(`  +${'-'.repeat(76)}`, tone);
    for (const line of lines) this.line(`  | ${line}`);
    this.line(`  +${'-'.repeat(76)}`, tone);
  }

  /** Only on a terminal; elsewhere it would be a flood. */
  status(text: string): void {
    if (!this.#stream.isTTY) return;
    this.#status = text.slice(0, Math.max(0, this.#stream.columns - 1));
    this.#stream.write(`\r\u001B[2K${this.#status}`);
  }

  clearStatus(): void {
    if (this.#status === '') return;
    this.#status = '';
    this.#stream.write('\r\u001B[2K');
  }

  #write(text: string): void {
    if (this.#status === '') this.#stream.write(text);
    else this.#stream.write(`\r\u001B[2K${text}${this.#status}`);
  }
}
