/** From the runs to the figures of each course and each way, and to the acceptance. Pure. Nothing is left out: what did not come to its end is counted. */
import { criterion, type Criterion } from '../criteria.ts';
import { summarize, type Summary } from '../statistics.ts';
import { CONTESTANTS, type Contestant, type Course } from './course.ts';
import type { Stall } from './stalls.ts';

export type IdleCount = {
  /** Usable, with what they had set, at another server than before. */
  readonly moved: number;
  /** Usable, at the same server. */
  readonly stayed: number;
  /** Ended, or without what they had set; each is counted once. */
  readonly cut: number;
};

export type Switchover = Stall & {
  /** Milliseconds from the request to each stage, by the cluster's own word. */
  readonly stagesMs: Readonly<Record<string, number>>;
  readonly commandMs: number;
  readonly wholeMs: number;
  readonly idle: IdleCount;
};

export type Run = {
  readonly transactions: number;
  readonly failed: number;
  /** Sessions of pgbench that ended before the run. */
  readonly lostSessions: number;
  /** Rows of pgbench's history beyond the transactions it counts; negative: acknowledged, and lost. */
  readonly surplusRows: number;
  readonly calmMs: number | null;
  /** All clients gave up, so that pgbench ended before its time. */
  readonly endedEarly: boolean;
  readonly switchovers: readonly Switchover[];
};

/** `why`: what broke a run off, and then there is none. */
export type Heat = { readonly round: number; readonly course: string; readonly contestant: Contestant } & (
  | { readonly run: Run; readonly why: null }
  | { readonly run: null; readonly why: string }
);

export type Figure = {
  readonly course: string;
  readonly contestant: Contestant;
  readonly runs: number;
  readonly brokenOff: number;
  readonly endedEarly: number;
  readonly switchovers: number;
  readonly stallMs: Summary | null;
  readonly gapMs: Summary | null;
  readonly calmMs: Summary | null;
  readonly transactions: number;
  readonly failed: number;
  readonly lostSessions: number;
  /** Of all runs together, never against each other: one row twice does not make up for one that is lost. */
  readonly rowsBeyond: number;
  readonly rowsLost: number;
  readonly idle: IdleCount;
  /** Of each stage, and of the command and the cluster at the end: when it was reached, from the request on. */
  readonly reachedMs: Readonly<Record<string, Summary>>;
};

const SWITCHOVERS_LEAST = 10;

export function figuresOf(courses: readonly Course[], heats: readonly Heat[]): readonly Figure[] {
  return courses.flatMap(({ name }) =>
    CONTESTANTS.flatMap((contestant) => {
      const own = heats.filter((heat) => heat.course === name && heat.contestant === contestant);
      return own.length === 0 ? [] : [figureOf(name, contestant, own)];
    }),
  );
}

function figureOf(course: string, contestant: Contestant, heats: readonly Heat[]): Figure {
  const runs = heats.flatMap(({ run }) => (run === null ? [] : [run]));
  const switchovers = runs.flatMap((run) => run.switchovers);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const present = (values: readonly (number | null)[]): Summary | null => summarize(values.filter((value) => value !== null));
  return {
    ...{ course, contestant, runs: runs.length, brokenOff: heats.length - runs.length, switchovers: switchovers.length },
    endedEarly: runs.filter((run) => run.endedEarly).length,
    stallMs: present(switchovers.map(({ stallMs }) => stallMs)),
    gapMs: present(switchovers.map(({ gapMs }) => gapMs)),
    calmMs: present(runs.map(({ calmMs }) => calmMs)),
    transactions: sum(runs.map(({ transactions }) => transactions)),
    failed: sum(runs.map(({ failed }) => failed)),
    lostSessions: sum(runs.map(({ lostSessions }) => lostSessions)),
    rowsBeyond: sum(runs.map(({ surplusRows }) => Math.max(0, surplusRows))),
    rowsLost: sum(runs.map(({ surplusRows }) => Math.max(0, -surplusRows))),
    idle: {
      moved: sum(switchovers.map(({ idle }) => idle.moved)),
      stayed: sum(switchovers.map(({ idle }) => idle.stayed)),
      cut: sum(switchovers.map(({ idle }) => idle.cut)),
    },
    reachedMs: reachedOf(switchovers),
  };
}

function reachedOf(switchovers: readonly Switchover[]): Readonly<Record<string, Summary>> {
  const moments = switchovers.map(({ stagesMs, commandMs, wholeMs }) => ({
    ...stagesMs,
    'command done': commandMs,
    'cluster whole': wholeMs,
  }));
  const names = [...new Set(moments.flatMap((one) => Object.keys(one)))];
  const all = names.map((name) => [name, summarize(moments.flatMap((one: Readonly<Record<string, number>>) => one[name] ?? []))] as const);
  return Object.fromEntries(all.flatMap(([name, summary]) => (summary === null ? [] : [[name, summary] as const])));
}

export function acceptanceOf(courses: readonly Course[], figures: readonly Figure[]): readonly Criterion[] {
  return courses.flatMap((course) => {
    const figure = figures.find((one) => one.course === course.name && one.contestant === 'pgbaton') ?? null;
    return criteriaOf(course, figure);
  });
}

function criteriaOf({ name, bounds }: Course, figure: Figure | null): readonly Criterion[] {
  const none = (what: string, value: number | null): Criterion => criterion(`${name}: ${what}`, value, { most: 0 });
  const stall = (what: string, value: number | null, most: number): Criterion =>
    withEnough(figure, criterion(`${name}: stall, ${what} ms`, value, { most }));
  return [
    none('runs broken off', figure?.brokenOff ?? null),
    none('failed transactions', figure?.failed ?? null),
    none('sessions cut', figure === null ? null : figure.lostSessions + figure.idle.cut),
    none('rows lost or twice', figure === null ? null : figure.rowsLost + figure.rowsBeyond),
    ...(bounds.medianMs === null ? [] : [stall('median', figure?.stallMs?.median ?? null, bounds.medianMs)]),
    stall('max', figure?.stallMs?.max ?? null, bounds.maxMs),
  ];
}

/** A few that went well do not show that ten would; one that went wrong does show that ten would not. */
function withEnough(figure: Figure | null, judged: Criterion): Criterion {
  const isEnough = (figure?.stallMs?.n ?? 0) >= SWITCHOVERS_LEAST;
  return judged.verdict === 'pass' && !isEnough ? { ...judged, verdict: 'unknown' } : judged;
}
