/** Where a verb may talk to. Results go to `out`, everything else to `err`, so that a pipe gets results only. */
import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow';

export type Terminal = {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** A person can be asked: input and the side the question is written to are both terminals. */
  readonly canAsk: boolean;
  readonly outIsTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Colour only repeats what the words say. */
  readonly paint: (style: Style, text: string) => string;
};

export function processTerminal(): Terminal {
  const outIsTerminal = process.stdout.isTTY;
  const wantsColour = process.env['NO_COLOR'] === undefined && (outIsTerminal || (process.env['FORCE_COLOR'] ?? '0') !== '0');
  return {
    out: (text) => {
      process.stdout.write(text);
    },
    err: (text) => {
      process.stderr.write(text);
    },
    canAsk: process.stdin.isTTY && process.stderr.isTTY,
    outIsTerminal,
    env: process.env,
    paint: (style, text) => (wantsColour ? styleText(style, text) : text),
  };
}
