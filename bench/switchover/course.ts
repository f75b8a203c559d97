/** What runs: the courses, who runs them, and when within a run the switchovers fall. Pure. */

/** `plain`: nothing is encrypted. `tls`: TLS of the clients and of the servers. Logins are SCRAM in both. */
export type Security = 'plain' | 'tls';
export type Mode = 'simple' | 'extended' | 'prepared';

export type Bounds = { readonly medianMs: number | null; readonly maxMs: number };

export type Course = {
  readonly name: string;
  readonly security: Security;
  readonly mode: Mode;
  /** Clients of pgbench. */
  readonly busy: number;
  /** Sessions beside them that have logged in, set something, and do nothing. */
  readonly idle: number;
  /** How long pgbaton may let a client wait at a switchover. */
  readonly bounds: Bounds;
};

const MODES: readonly Mode[] = ['simple', 'extended', 'prepared'];
const EIGHT = { busy: 8, idle: 0, bounds: { medianMs: 200, maxMs: 600 } } as const;

export const COURSES: readonly Course[] = [
  ...MODES.map((mode): Course => ({ name: mode, security: 'plain', mode, ...EIGHT })),
  ...MODES.map((mode): Course => ({ name: `tls-${mode}`, security: 'tls', mode, ...EIGHT })),
  { name: 'crowd', security: 'plain', mode: 'prepared', busy: 16, idle: 184, bounds: { medianMs: null, maxMs: 500 } },
];

export const CONTESTANTS = ['pgbaton', 'haproxy'] as const;
export type Contestant = (typeof CONTESTANTS)[number];

/** Who goes first takes turns. */
export function orderIn(round: number): readonly Contestant[] {
  return round % 2 === 0 ? CONTESTANTS : CONTESTANTS.toReversed();
}

/** pgbench has to be under way before anything happens to it. */
const LEAD_MS = 3_000;
/** Of every run, behind its last switchover: who was stopped has to be seen to go on. */
export const TAIL_MS = 8_000;

/** When the switchovers begin, counted from the start of a run. The first and the last are as far from the ends as they have to be. */
export function momentsMs(secondsOfRun: number, switchovers: number): readonly number[] {
  const last = secondsOfRun * 1_000 - TAIL_MS;
  const step = switchovers === 1 ? 0 : (last - LEAD_MS) / (switchovers - 1);
  return Array.from({ length: switchovers }, (_, at) => LEAD_MS + at * step);
}

/** The least time that leaves room for so many: one takes about two seconds, and the cluster has to be whole again before the next. */
export function secondsNeeded(switchovers: number): number {
  return (LEAD_MS + TAIL_MS) / 1_000 + (switchovers - 1) * 4;
}
