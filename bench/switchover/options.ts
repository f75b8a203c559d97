/** What was asked for on the command line. Pure. */
import { parseArgs } from 'node:util';
import { COURSES, secondsNeeded, type Course } from './course.ts';

export type Options = {
  readonly rounds: number;
  readonly switchovers: number;
  readonly seconds: number;
  readonly scale: number;
  readonly courses: readonly Course[];
  readonly json: boolean;
  readonly strict: boolean;
  readonly keep: boolean;
};

const FULL = { rounds: 4, switchovers: 3, seconds: 30, scale: 10 };
const QUICK: typeof FULL = { rounds: 1, switchovers: 2, seconds: 15, scale: 2 };
const QUICK_COURSES: readonly string[] = ['prepared', 'tls-prepared', 'crowd'];

export const USAGE = `Usage: npm run bench:switchover -- [options]

  --rounds N       runs of pgbench for each course and each way             (4, quick 1)
  --switchovers N  switchovers within one run                               (3, quick 2)
  --seconds N      length of one run                                        (30, quick 15)
  --scale N        scale of pgbench's tables                                (10, quick 2)
  --courses A,B    of ${COURSES.map(({ name }) => name).join(', ')}
                   (all; quick ${QUICK_COURSES.join(', ')})
  --quick          a look in about three minutes; too few switchovers for a verdict
  --json           one line of JSON on stdout; everything else goes to stderr
  --strict         exit code 1 when an acceptance figure is missed or was not measured
  --keep           leave the directories with configurations and logs behind
  --help           only this
`;

const TEXT = { type: 'string' } as const;
const SWITCH = { type: 'boolean', default: false } as const;

/** Null: only help was wanted. Throws what parseArgs throws, and an Error that names the option whose value is none. */
export function readOptions(args: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{ rounds: TEXT, switchovers: TEXT, seconds: TEXT, scale: TEXT, courses: TEXT },
      ...{ quick: SWITCH, json: SWITCH, strict: SWITCH, keep: SWITCH, help: SWITCH },
    },
  });
  if (values.help) return null;
  const defaults = values.quick ? QUICK : FULL;
  const number = (name: keyof typeof FULL): number => {
    const text = values[name] ?? String(defaults[name]);
    if (!/^[1-9]\d{0,4}$/.test(text)) throw new Error(`--${name} takes a whole number from 1, not ${text}`);
    return Number(text);
  };
  const [switchovers, seconds] = [number('switchovers'), number('seconds')];
  const needed = secondsNeeded(switchovers);
  if (seconds < needed) throw new Error(`--seconds: ${String(switchovers)} switchovers need ${String(needed)} s at least`);
  return {
    ...{ rounds: number('rounds'), switchovers, seconds, scale: number('scale') },
    courses: coursesOf(values.courses?.split(',') ?? (values.quick ? QUICK_COURSES : COURSES.map(({ name }) => name))),
    ...{ json: values.json, strict: values.strict, keep: values.keep },
  };
}

function coursesOf(names: readonly string[]): readonly Course[] {
  const unknown = names.find((name) => !COURSES.some((course) => course.name === name));
  if (unknown !== undefined) throw new Error(`--courses: there is no ${unknown}`);
  return COURSES.filter(({ name }) => names.includes(name));
}
