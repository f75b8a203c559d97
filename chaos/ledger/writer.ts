/**
 * One client that inserts numbered rows and remembers what came of each. It must stay as naive as a client: it knows nothing of nodes, leaders or
 * faults, and never repeats an attempt. Every row is asked, inside its own transaction, who serves it.
 */
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep, withDeadline } from '../../shared/runtime/deadline.ts';
import { isReadOnlyRefusal, outcomeOfFailure } from './classify.ts';
import type { Outcome, Served } from './entry.ts';
import type { History } from './history.ts';
import { closeSession, openSession, type Session } from './session.ts';

export type WriterOptions = {
  readonly writer: number;
  readonly route: string;
  readonly connectionString: string;
  /** Pause between two writes. */
  readonly paceMs: number;
  readonly retryMs: number;
  /** A statement or a connection attempt that takes longer is given up by the client. */
  readonly patienceMs: number;
  /** `kept`: one session until it breaks. `fresh`: a new one for every row. */
  readonly session: 'kept' | 'fresh';
  /**
   * What a kept session does when it is told that the server is a standby. `stay` is how a session that was opened before a fault is still there
   * when the server thinks that it is a primary; it asks again after `refusedMs`.
   */
  readonly onReadOnly: { readonly kind: 'leave' } | { readonly kind: 'stay'; readonly refusedMs: number };
};

/** Two ways to end: no new attempt is begun, then nobody waits any more for those on their way. */
export type Endings = { readonly stop: AbortSignal; readonly abandon: AbortSignal };

/** The first eight digits of the name of a WAL file are the timeline it is written on. */
const INSERT = `INSERT INTO pgbaton_ledger (writer, seq) VALUES ($1, $2) RETURNING
  left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) AS timeline,
  coalesce(host(inet_server_addr()), 'local') || ':' || coalesce(inet_server_port(), 0) AS server,
  pg_current_wal_insert_lsn()::text AS lsn, pg_backend_pid() AS pid`;

type ServedRow = { readonly timeline: string; readonly server: string; readonly lsn: string; readonly pid: number };
type Attempted = { readonly outcome: Outcome; readonly served: Served | null; readonly error: unknown };

export async function runWriter(options: WriterOptions, history: History, endings: Endings): Promise<void> {
  for (let seq = 0; !endings.stop.aborted;) {
    const session = await open(options, history, endings.abandon);
    if (session === null) {
      await sleep(options.retryMs, endings.stop);
      continue;
    }
    seq = await writeUntilBroken(session, { ...options, history, endings, firstSeq: seq });
    await closeSession(session);
    if (!endings.stop.aborted) await sleep(options.session === 'fresh' ? options.paceMs : options.retryMs, endings.stop);
  }
}

/** Null: there is none, and the history knows why. */
async function open(options: WriterOptions, history: History, abandon: AbortSignal): Promise<Session | null> {
  const { connectionString, patienceMs, writer, route, onReadOnly } = options;
  const name = `pgbaton-ledger-${String(writer)}`;
  const opening = await openSession({ connectionString, name, patienceMs, isQuiet: onReadOnly.kind === 'stay' }, abandon);
  if (opening.kind === 'open') return opening.session;
  if (opening.kind === 'failed') history.note({ writer, route, phase: 'connect' }, opening.error);
  return null;
}

/** Returns the next unused number. */
async function writeUntilBroken(
  session: Session,
  {
    history,
    endings,
    firstSeq,
    ...options
  }: WriterOptions & { readonly history: History; readonly endings: Endings; readonly firstSeq: number },
): Promise<number> {
  const { writer, route, onReadOnly } = options;
  let seq = firstSeq;
  while (!endings.stop.aborted) {
    const invokedMs = monotonicMs();
    const { outcome, served, error } = await attempt(session, { ...options, seq }, endings.abandon);
    history.add({ writer, seq, route, invokedMs, endedMs: monotonicMs(), outcome, served });
    seq += 1;
    if (error === null && options.session === 'fresh') return seq;
    if (error === null) {
      await sleep(options.paceMs, endings.stop);
    } else if (onReadOnly.kind === 'stay' && isReadOnlyRefusal(error)) {
      await sleep(onReadOnly.refusedMs, endings.stop);
    } else {
      if (!endings.abandon.aborted) history.note({ writer, route, phase: 'session' }, error);
      return seq;
    }
  }
  return seq;
}

async function attempt(
  session: Session,
  { writer, seq, patienceMs }: Pick<WriterOptions, 'writer' | 'patienceMs'> & { readonly seq: number },
  abandon: AbortSignal,
): Promise<Attempted> {
  session.cancelledWait = false;
  try {
    const answer = await withDeadline(async () => session.client.query<ServedRow>(INSERT, [writer, seq]), patienceMs, abandon);
    if (answer.kind !== 'done') return { outcome: 'unknown', served: null, error: new Error(`no answer within ${String(patienceMs)} ms`) };
    const [row] = answer.value.rows;
    if (row === undefined) throw new Error('the insert returned no row');
    const served = { server: row.server, timeline: Number.parseInt(row.timeline, 16), lsn: row.lsn, backendPid: row.pid };
    return { outcome: session.cancelledWait ? 'unknown' : 'ok', served, error: null };
  } catch (error) {
    return { outcome: outcomeOfFailure(error, true), served: null, error };
  }
}
