/**
 * T4: a standby whose receiver is cut replays to its boundary and becomes a primary on the reserved timeline. The decision, the proof of the
 * set and the note in the node file lie with the caller; the guard checks deadline and promise once more at the act. Whatever goes wrong after
 * the guard was asked leaves a possible primary: the caller kills it.
 */
import { parseLsn } from '../../shared/domain/lsn.ts';
import type { Epoch } from '../../shared/domain/epoch.ts';
import type { TimelineId } from '../../shared/domain/timeline.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { send } from '../guard/process-tree.ts';
import { walDirectory } from './context.ts';
import type { ControlSession, Statement } from './control-connection.ts';
import { writeStubs } from './history-files.ts';
import { MONITOR_ROLE, REPLICATION_ROLE, REWIND_ROLE } from './hba.ts';
import { DONE, failed, poll, type LocalServer } from './local-server.ts';
import { text, type Observer } from './observe.ts';
import type { Outcome } from './port.ts';
import { receiversOf, terminateReceivers } from './receiver.ts';
import { readControlData } from './wal-boundary.ts';

const REPLAY_POLL_MS = 3;
const PROMOTE_POLL_MS = 3;
const CONFLICT_PATIENCE_MS = 50;
/** Generous: on a machine under load an impatient question would waste the whole promotion. */
const QUERY_DEADLINE_MS = 3_000;

const REPLAY: Statement = {
  name: 'replay',
  text: `
  select pg_is_in_recovery()::text as in_recovery, pg_last_wal_replay_lsn()::text as replayed,
    case when pg_is_in_recovery() then pg_get_wal_replay_pause_state() end as paused,
    (select wait_event from pg_stat_activity where backend_type = 'startup') as waits_for,
    (select wait_event_type from pg_stat_activity where backend_type = 'startup') as wait_type`,
};

const IN_RECOVERY: Statement = { name: 'in-recovery', text: 'select pg_is_in_recovery()::text as in_recovery' };

const CLIENTS_SQL = `
  select pid::text as pid from pg_stat_activity
  where backend_type = 'client backend' and usename not in ('${MONITOR_ROLE}', '${REPLICATION_ROLE}', '${REWIND_ROLE}')`;

export type PromoteOptions = { readonly epoch: Epoch; readonly timeline: TimelineId; readonly noProgressMs: number };

export async function promote(server: LocalServer, observer: Observer, options: PromoteOptions, signal: AbortSignal): Promise<Outcome> {
  await server.config.load();
  const session = await server.session();
  const [replay] = await Promise.all([replayToBoundary(server, session, options.noProgressMs, signal), server.setOpen(false)]);
  if (replay.kind === 'failed') return replay;
  const facts = await observer.facts(QUERY_DEADLINE_MS);
  if (!facts.inRecovery) return failed('PGB-1314', 'the server is a primary already');
  if (facts.history.timeline >= options.timeline)
    return failed('PGB-1314', `the own timeline ${String(facts.history.timeline)} is not below the reserved ${String(options.timeline)}`);
  // Last of all: a standby that has to restart over a stub never comes up.
  await writeStubs(walDirectory(server.context.config.dataDir), facts.history.timeline, options.timeline, server.context.osUser);
  await server.ask({ kind: 'promote', epoch: options.epoch.toString() });
  const promoted = await poll({ everyMs: PROMOTE_POLL_MS, deadlineMs: options.noProgressMs, signal }, async () => {
    const [row] = await session.query(IN_RECOVERY, QUERY_DEADLINE_MS);
    return row !== undefined && text(row, 'in_recovery') === 'false' ? true : null;
  });
  if (promoted !== true)
    return failed('PGB-1314', `still in recovery ${String(options.noProgressMs)} ms after the promotion was triggered`);
  return checkPromoted(session, options.timeline);
}

/** It writes the reserved timeline, and no other. What a session is told of it is the server's shared state: an old session sees what a new one would. */
async function checkPromoted(session: ControlSession, reserved: TimelineId): Promise<Outcome> {
  const [row] = await session.query('select substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) as timeline', QUERY_DEADLINE_MS);
  const timeline = row === undefined ? Number.NaN : Number.parseInt(text(row, 'timeline') ?? '', 16);
  return timeline === reserved
    ? DONE
    : failed('PGB-1314', `PostgreSQL chose timeline ${String(timeline)}, reserved was ${String(reserved)}`);
}

/** All local WAL replayed, no receiver: the startup process waits for its next retry. "Replayed = received" would never come true in mid-record. */
async function replayToBoundary(server: LocalServer, session: ControlSession, noProgressMs: number, signal: AbortSignal): Promise<Outcome> {
  let furthest = parseLsn('0/0');
  let movedAtMs = monotonicMs();
  let clearedAtMs = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    const pid = server.postmasterPid();
    if (pid === null) return failed('PGB-1314', 'the server is not running');
    // The source stopped, and the startup process began anew with it before it had read that there is none any more. Such a receiver has no credential and
    // brings nothing; but as long as one is there nothing is promoted.
    const hasReceiver = receiversOf(pid).length > 0;
    if (hasReceiver) terminateReceivers(pid);
    const [row] = await session.query(REPLAY, QUERY_DEADLINE_MS);
    if (row === undefined || text(row, 'in_recovery') !== 'true') return failed('PGB-1314', 'the server is a primary already');
    if (!hasReceiver && text(row, 'waits_for') === 'RecoveryRetrieveRetryInterval') return DONE;
    if (text(row, 'paused') !== 'not paused') {
      const why = await whyNotResume(server, session, signal);
      if (why !== null) return failed('PGB-1314', why);
      await session.query('select pg_wal_replay_resume()', QUERY_DEADLINE_MS);
    }
    const replayed = parseLsn(text(row, 'replayed') ?? '');
    if (replayed !== null && furthest !== null && replayed > furthest) {
      furthest = replayed;
      movedAtMs = monotonicMs();
    }
    const stillMs = monotonicMs() - movedAtMs;
    if (stillMs > noProgressMs)
      return failed(
        'PGB-1314',
        hasReceiver
          ? 'a WAL receiver does not end'
          : `replay has not moved for ${String(noProgressMs)} ms, it waits for ${text(row, 'waits_for') ?? 'nothing it names'}`,
      );
    // A reader that conflicts with replay holds the promotion up for as long as its query takes.
    if (
      stillMs > CONFLICT_PATIENCE_MS &&
      monotonicMs() - clearedAtMs > CONFLICT_PATIENCE_MS &&
      waitsForReader(text(row, 'waits_for'), text(row, 'wait_type'))
    ) {
      // By signal, because the monitoring role may not end the sessions of a superuser.
      for (const client of await session.query(CLIENTS_SQL, QUERY_DEADLINE_MS)) send(Number(text(client, 'pid')), 'SIGTERM');
      clearedAtMs = monotonicMs();
    }
    await new Promise((resolve) => {
      setTimeout(resolve, REPLAY_POLL_MS);
    });
  }
  return failed('PGB-1314', 'given up by the caller');
}

function waitsForReader(waitEvent: string | null, waitType: string | null): boolean {
  return waitType === 'Lock' || waitType === 'BufferPin' || (waitEvent ?? '').startsWith('RecoveryConflict');
}

/** Replay that paused because a setting is too small ends the server when it is resumed or promoted. */
async function whyNotResume(server: LocalServer, session: ControlSession, signal: AbortSignal): Promise<string | null> {
  const control = await readControlData(server.context, server.context.config.dataDir, signal);
  if (control === null) return 'replay is paused, and the control file cannot be read';
  for (const [name, needed] of Object.entries(control.limits)) {
    const [row] = await session.query('select current_setting($1) as value', QUERY_DEADLINE_MS, [name]);
    const own = row === undefined ? null : text(row, 'value');
    if (own !== null && Number(own) < needed) return `${name} is ${own}, the former primary had ${String(needed)}`;
  }
  return null;
}
