/** What was asked for on the command line. Pure. */
import { parseArgs } from 'node:util';

export type Options = {
  readonly rounds: number;
  readonly seconds: number;
  readonly copyMegabytes: number;
  readonly idleSessions: number;
  readonly scale: number;
  readonly pin: boolean;
  readonly json: boolean;
  readonly strict: boolean;
  readonly keep: boolean;
};

export const USAGE = `Usage: npm run bench:proxy -- [options]

  --rounds N    how often everything is measured, in alternating order   (5, quick 2)
  --seconds N   length of one pgbench run                                (5, quick 2)
  --copy-mb N   how much one COPY moves                                  (1000, quick 100)
  --idle N      idle sessions that are held; 0 leaves this part out      (10000, quick 1000)
  --scale N     scale of pgbench's tables                                (10, quick 1)
  --quick       a look in about two minutes; its figures are rough
  --no-pin      do not give the proxies a core of their own
  --json        one line of JSON on stdout; everything else goes to stderr
  --strict      exit code 1 when an acceptance figure is missed
  --keep        leave the directory with configurations and logs behind
`;

const FULL = { rounds: 5, seconds: 5, 'copy-mb': 1_000, idle: 10_000, scale: 10 };
const QUICK: typeof FULL = { rounds: 2, seconds: 2, 'copy-mb': 100, idle: 1_000, scale: 1 };
const NUMBER = { type: 'string' } as const;
const SWITCH = { type: 'boolean', default: false } as const;

/** Null: only help was wanted. Throws what parseArgs throws, and an Error that names the option whose number is none. */
export function readOptions(args: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: NUMBER,
      seconds: NUMBER,
      'copy-mb': NUMBER,
      idle: NUMBER,
      scale: NUMBER,
      quick: SWITCH,
      'no-pin': SWITCH,
      json: SWITCH,
      strict: SWITCH,
      keep: SWITCH,
      help: SWITCH,
    },
  });
  if (values.help) return null;
  const defaults = values.quick ? QUICK : FULL;
  const number = (name: keyof typeof FULL, least: number): number => {
    const text = values[name];
    if (text === undefined) return defaults[name];
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least) throw new Error(`--${name} takes a whole number from ${String(least)}, not ${text}`);
    return value;
  };
  return {
    rounds: number('rounds', 1),
    seconds: number('seconds', 1),
    copyMegabytes: number('copy-mb', 1),
    idleSessions: number('idle', 0),
    scale: number('scale', 1),
    pin: !values['no-pin'],
    json: values.json,
    strict: values.strict,
    keep: values.keep,
  };
}
