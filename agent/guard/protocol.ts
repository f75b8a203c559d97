/**
 * What agent and guard say to each other: JSON lines over a Unix socket in the run directory. The guard is the parent of the postmaster
 * and outlives agent restarts. It is fed deadlines; when one passes while its PostgreSQL may be a primary, it kills every process of it
 * (PROTOCOL P8, A4; I11). Times are CLOCK_MONOTONIC milliseconds of this machine.
 */
export type GuardPurpose =
  | { readonly kind: 'standby' }
  /** A start in place (T5): refused when the deadline has passed, is for another epoch, or the node file promises more than `epoch`. */
  | { readonly kind: 'primary'; readonly epoch: string };

export type GuardRequest =
  | { readonly kind: 'status' }
  /** Spawns the postmaster. `argv[0]` is the postgres binary. Refused while anything of the data directory is still alive. */
  | { readonly kind: 'start'; readonly purpose: GuardPurpose; readonly argv: readonly string[] }
  | { readonly kind: 'signal'; readonly signal: 'reload' | 'fast' }
  /** Writes the promote file and signals the postmaster, after the same checks as a primary start. */
  | { readonly kind: 'promote'; readonly epoch: string }
  /** SIGQUIT to the postmaster plus SIGKILL to every process with cwd = data directory, repeated until verified; answers when done. */
  | { readonly kind: 'kill'; readonly budgetMs: number }
  /** A later deadline of the same or a higher epoch replaces the former; `untilMs` null ends the right at once (and kills a primary). */
  | { readonly kind: 'deadline'; readonly epoch: string; readonly untilMs: number | null }
  /** The guard ends itself; refused while a postmaster lives. */
  | { readonly kind: 'quit' };

export type GuardStatus = {
  readonly guardPid: number;
  readonly postmaster:
    | { readonly kind: 'none' }
    | {
        readonly kind: 'running';
        readonly pid: number;
        readonly purpose: GuardPurpose;
        readonly promoted: boolean;
        readonly startedAtMs: number;
        /** Everything that is left hangs in the kernel with SIGKILL pending: it will never run again, but it is not gone (T8). */
        readonly fenced: boolean;
      }
    /** `verifiedDead`: no process with cwd in the data directory, shared memory free, pid not even a zombie (process-tree.ts). */
    | {
        readonly kind: 'exited';
        readonly pid: number;
        readonly code: number | null;
        readonly signal: string | null;
        readonly atMs: number;
        readonly verifiedDead: boolean;
        readonly why: 'asked' | 'crashed' | 'fenced';
      };
  readonly deadline: { readonly epoch: string; readonly untilMs: number } | null;
};

export type GuardReply =
  | { readonly kind: 'ok'; readonly status: GuardStatus }
  | { readonly kind: 'refused'; readonly why: string; readonly status: GuardStatus };

/** Pushed to every connected agent the moment something changes (a postmaster exit, a fence). */
export type GuardEvent = { readonly kind: 'event'; readonly status: GuardStatus };

/** One line from the agent. Replies carry the id: a kill takes its time, and deadlines must pass it on the way. */
export type GuardCall = { readonly id: number; readonly request: GuardRequest };
/** One line from the guard. */
export type GuardLine = { readonly kind: 'reply'; readonly id: number; readonly reply: GuardReply } | GuardEvent;

/** Longer lines are nobody's; the connection is closed. */
export const LINE_BYTES_MAX = 65_536;
