/**
 * One transaction of one client, and what may be concluded from how it ended. It must never send a COMMIT that nobody waits for any more: the outcome
 * was told by then.
 */
import { z } from 'zod';
import { withDeadline } from '../../shared/runtime/deadline.ts';
import { outcomeOfFailure, sqlStateOf } from '../ledger/classify.ts';
import type { Outcome } from '../ledger/entry.ts';
import type { Session } from '../ledger/session.ts';
import type { Origin } from './workload.ts';

export type Ask = (text: string, values?: readonly unknown[]) => Promise<readonly unknown[]>;

/** `take-back`: nothing is to stay of it, by the client's own will. */
export type Wish<Value> = { readonly kind: 'commit' | 'take-back'; readonly value: Value };

export type Transacted<Value> = {
  readonly outcome: Outcome;
  /** Null unless the body came to its end. */
  readonly value: Value | null;
  readonly origin: Origin | null;
  /** False: it broke, or answers a client that has given up on it. */
  readonly isSessionUsable: boolean;
};

export type Isolation = 'READ COMMITTED' | 'SERIALIZABLE';
export type Limits = { readonly isolation: Isolation; readonly patienceMs: number; readonly abandon: AbortSignal };

/** The first eight digits of the name of a WAL file are the timeline it is written on; a standby writes none. */
const ORIGIN = `SELECT current_setting('cluster_name') AS node,
  coalesce(host(inet_server_addr()), 'local') || ':' || coalesce(inet_server_port(), 0) AS server,
  CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END AS timeline,
  CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END::text AS lsn,
  pg_backend_pid() AS pid`;
const originSchema = z.object({ node: z.string(), server: z.string(), timeline: z.string().nullable(), lsn: z.string(), pid: z.number() });
const ROLLBACK_MS = 1_000;

type Progress<Value> = { origin: Origin | null; value: Value | null; isCommitSent: boolean };

export async function transact<Value>(
  session: Session,
  { isolation, patienceMs, abandon }: Limits,
  body: (ask: Ask) => Promise<Wish<Value>>,
): Promise<Transacted<Value>> {
  const progress: Progress<Value> = { origin: null, value: null, isCommitSent: false };
  session.cancelledWait = false;
  try {
    const ended = await withDeadline(async (signal) => run(session, { isolation, signal, progress }, body), patienceMs, abandon);
    if (ended.kind === 'done')
      return concluded(progress, ended.value === 'committed' && session.cancelledWait ? 'unknown' : OUTCOMES[ended.value], true);
    return concluded(progress, progress.isCommitSent ? 'unknown' : 'failed', false);
  } catch (error) {
    // A statement that was refused leaves the session as good as before, once the transaction is over.
    const isUsable = REFUSALS.has(sqlStateOf(error) ?? '') && (await isRolledBack(session));
    return concluded(progress, outcomeOfFailure(error, progress.isCommitSent), isUsable);
  }
}

const OUTCOMES = { committed: 'ok', 'taken-back': 'failed' } as const;
/** Two transactions in each other's way. */
const REFUSALS = new Set(['40001', '40P01']);

function concluded<Value>({ origin, value }: Progress<Value>, outcome: Outcome, isSessionUsable: boolean): Transacted<Value> {
  return { outcome, value, origin, isSessionUsable };
}

async function run<Value>(
  { client }: Session,
  { isolation, signal, progress }: { readonly isolation: Isolation; readonly signal: AbortSignal; readonly progress: Progress<Value> },
  body: (ask: Ask) => Promise<Wish<Value>>,
): Promise<keyof typeof OUTCOMES> {
  await client.query(`BEGIN ISOLATION LEVEL ${isolation}`);
  const ask: Ask = async (text, values = []) => {
    signal.throwIfAborted();
    const { rows } = await client.query<Record<string, unknown>>(text, [...values]);
    return rows;
  };
  const [told] = await ask(ORIGIN);
  progress.origin = originOf(told);
  const { kind, value } = await body(ask);
  progress.value = value;
  signal.throwIfAborted();
  if (kind === 'take-back') {
    await client.query('ROLLBACK');
    return 'taken-back';
  }
  progress.isCommitSent = true;
  const { command } = await client.query('COMMIT');
  // The server answers so, and with no error, when the transaction had failed before.
  return command === 'COMMIT' ? 'committed' : 'taken-back';
}

function originOf(row: unknown): Origin {
  const { node, server, timeline, lsn, pid } = originSchema.parse(row);
  return { node, server, timeline: timeline === null ? null : Number.parseInt(timeline, 16), lsn, backendPid: pid };
}

async function isRolledBack({ client }: Session): Promise<boolean> {
  try {
    return (await withDeadline(async () => client.query('ROLLBACK'), ROLLBACK_MS)).kind === 'done';
  } catch {
    // It broke meanwhile.
    return false;
  }
}
