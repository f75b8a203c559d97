/**
 * Putting a value of synchronous_standby_names in force, and proving it (PROTOCOL P7.5, P7.6). Writing is not proof: a reload that returned has
 * reached neither every backend nor every walsender, and leaving the empty list takes effect only when the checkpointer gets to it.
 */
import { parseMemberId } from '../../shared/domain/node-id.ts';
import { appError } from '../../shared/errors.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import type { ControlSession } from './control-connection.ts';
import { DONE, failed, poll, type LocalServer } from './local-server.ts';
import { text } from './observe.ts';
import type { Outcome, SyncSetting } from './port.ts';
import { makesCommitsWait, sameSync } from './settings.ts';
import { expectedPriority, renderSync } from './sync-names.ts';

const PLACEHOLDER: SyncSetting = { kind: 'placeholder' };
const POLL_MS = 3;
const STEP_DEADLINE_MS = 5_000;
const CONNECT_DEADLINE_MS = 1_000;
const QUERY_DEADLINE_MS = 1_000;
const PROBE_SQL = "select pg_logical_emit_message(true, 'pgbaton', 'probe')";
const WAITING_SQL = "select coalesce(wait_event = 'SyncRep', false)::text as waiting from pg_stat_activity where pid = $1::int";
const SENDERS_SQL = 'select pid::text as pid, application_name as name, sync_priority::text as priority from pg_stat_replication';

export async function writeSync(server: LocalServer, setting: SyncSetting, signal: AbortSignal): Promise<Outcome> {
  await server.config.load();
  const { sync: former, leavingEmpty } = server.config.rendered;
  const running = server.postmasterPid() !== null;
  const leaves = !makesCommitsWait(former) && makesCommitsWait(setting);
  if (running && (leaves || leavingEmpty) && !sameSync(setting, PLACEHOLDER) && makesCommitsWait(setting)) {
    const waits = await throughPlaceholder(server, signal);
    if (waits.kind === 'failed') return waits;
  } else if (running && isRealSet(former) && !sameSync(former, setting) && (await isStandby(server))) {
    const rests = await restBetween(server, signal);
    if (rests.kind === 'failed') return rests;
  }
  await put(server, setting);
  return DONE;
}

export async function proveSync(server: LocalServer, setting: SyncSetting, deadlineMs: number, signal: AbortSignal): Promise<Outcome> {
  const untilMs = monotonicMs() + deadlineMs;
  const shown = await showsOnFreshSession(server, setting, deadlineMs, signal);
  if (!shown) return failed('PGB-1313', `a fresh connection does not show ${renderSync(setting)}${await configurationErrors(server)}`);
  const standby = await isStandby(server);
  if (server.config.rendered.leavingEmpty && makesCommitsWait(setting)) {
    if (standby) return failed('PGB-1313', 'a standby that ran with the empty list must be restarted');
    const seen = await seenWaiting(server, untilMs - monotonicMs(), signal);
    if (!seen) return failed('PGB-1313', 'a commit was not seen waiting: the empty list may still be in force');
    await server.config.update((rendered) => ({ ...rendered, leavingEmpty: false }));
  }
  if (standby) return DONE;
  const session = await server.session();
  const proven = await poll({ everyMs: POLL_MS, deadlineMs: (untilMs - monotonicMs()) / 2, signal }, async () =>
    (await stale(session, setting)).length === 0 ? true : null,
  );
  if (proven === true) return DONE;
  // A walsender that is busy or frozen still acknowledges by the former list: it must go.
  for (const pid of await stale(session, setting)) await session.query(`select pg_terminate_backend(${pid})`, QUERY_DEADLINE_MS);
  const gone = await poll({ everyMs: POLL_MS, deadlineMs: untilMs - monotonicMs(), signal }, async () =>
    (await stale(session, setting)).length === 0 ? true : null,
  );
  return gone === true ? DONE : failed('PGB-1321', `a walsender neither shows the priority of ${renderSync(setting)} nor ends`);
}

async function put(server: LocalServer, setting: SyncSetting): Promise<void> {
  await server.config.update((rendered) => ({
    ...rendered,
    sync: setting,
    leavingEmpty: makesCommitsWait(setting) && (rendered.leavingEmpty || !makesCommitsWait(rendered.sync)),
  }));
  await server.reload();
}

/** '' → placeholder → a probe commit seen waiting. Only then may a real list follow, whose first acknowledgement would hide the difference. */
async function throughPlaceholder(server: LocalServer, signal: AbortSignal): Promise<Outcome> {
  await put(server, PLACEHOLDER);
  if (!(await showsOnFreshSession(server, PLACEHOLDER, STEP_DEADLINE_MS, signal)))
    return failed('PGB-1313', 'the placeholder is not in force');
  // A standby cannot commit anything that would be seen waiting. It is started with a list, never with the empty one, so this is none of ours.
  if (await isStandby(server)) return failed('PGB-1313', 'a standby that ran with the empty list must be restarted');
  if (!(await seenWaiting(server, STEP_DEADLINE_MS, signal))) return failed('PGB-1313', 'no commit was seen waiting under the placeholder');
  await server.config.update((rendered) => ({ ...rendered, leavingEmpty: false }));
  return DONE;
}

/**
 * Whenever a standby leaves a real set: its cascading walsenders cannot show what they have read. One that sleeps through the placeholder and the next set too would
 * go on releasing by the first, after the promotion (simulator, seed 760).
 */
async function restBetween(server: LocalServer, signal: AbortSignal): Promise<Outcome> {
  await put(server, PLACEHOLDER);
  if (!(await showsOnFreshSession(server, PLACEHOLDER, STEP_DEADLINE_MS, signal)))
    return failed('PGB-1313', 'the placeholder is not in force');
  const session = await server.session();
  await session.query('select pg_terminate_backend(pid) from pg_stat_replication', QUERY_DEADLINE_MS);
  return DONE;
}

async function showsOnFreshSession(server: LocalServer, setting: SyncSetting, deadlineMs: number, signal: AbortSignal): Promise<boolean> {
  const expected = renderSync(setting);
  const seen = await poll({ everyMs: POLL_MS, deadlineMs, signal }, async () => {
    // A session that is slow to open on a busy machine is tried again within the deadline.
    const session = await server.freshSession(CONNECT_DEADLINE_MS).catch(() => null);
    if (session === null) return null;
    try {
      const [row] = await session.query("select current_setting('synchronous_standby_names') as value", QUERY_DEADLINE_MS);
      return row !== undefined && text(row, 'value') === expected ? true : null;
    } finally {
      session.destroy();
    }
  });
  return seen === true;
}

/** A commit of our own, watched from another session until it is seen in the wait for standbys; then its session is ended. */
async function seenWaiting(server: LocalServer, deadlineMs: number, signal: AbortSignal): Promise<boolean> {
  const watcher = await server.session();
  const untilMs = monotonicMs() + deadlineMs;
  while (monotonicMs() < untilMs && !signal.aborted) {
    const probe = await server.freshSession(CONNECT_DEADLINE_MS);
    try {
      const [self] = await probe.query('select pg_backend_pid()::text as pid', QUERY_DEADLINE_MS);
      const pid = self === undefined ? null : text(self, 'pid');
      if (pid === null) throw appError('PGB-1999', 'a session has no pid');
      let returned = false;
      probe.query(PROBE_SQL, deadlineMs).then(
        () => (returned = true),
        () => (returned = true),
      );
      const seen = await poll({ everyMs: POLL_MS, deadlineMs: untilMs - monotonicMs(), signal }, async () => {
        const [row] = await watcher.query(WAITING_SQL, QUERY_DEADLINE_MS, [pid]);
        if (row !== undefined && text(row, 'waiting') === 'true') return 'waiting';
        return returned ? 'returned' : null;
      });
      if (seen === 'waiting') {
        await watcher.query(`select pg_terminate_backend(${pid})`, QUERY_DEADLINE_MS);
        return true;
      }
    } finally {
      probe.destroy();
    }
  }
  return false;
}

/**
 * Walsenders whose priority is not the one that `setting` gives them. Every one that carries a member's name is judged, not only those of the former
 * and the new set: after a failed change, or a restart of the agent, nobody knows for certain whose they were (H23).
 */
async function stale(session: ControlSession, setting: SyncSetting): Promise<readonly string[]> {
  const rows = await session.query(SENDERS_SQL, QUERY_DEADLINE_MS);
  return rows.flatMap((row) => {
    const member = parseMemberId(text(row, 'name') ?? '');
    const pid = text(row, 'pid');
    return member === null || pid === null || Number(text(row, 'priority')) === expectedPriority(setting, member) ? [] : [pid];
  });
}

export async function isStandby(server: LocalServer): Promise<boolean> {
  const session = await server.session();
  const [row] = await session.query('select pg_is_in_recovery()::text as standby', QUERY_DEADLINE_MS);
  return row !== undefined && text(row, 'standby') === 'true';
}

// One bad line anywhere makes PostgreSQL ignore the whole reload, in silence.
async function configurationErrors(server: LocalServer): Promise<string> {
  const session = await server.session();
  const rows = await session.query(
    "select coalesce(name, '') || ': ' || error as fault from pg_file_settings where error is not null",
    QUERY_DEADLINE_MS,
  );
  return rows.length === 0 ? '' : ` (${rows.map((row) => text(row, 'fault') ?? '').join('; ')})`;
}

function isRealSet(setting: SyncSetting): boolean {
  return setting.kind === 'any' || setting.kind === 'first';
}
