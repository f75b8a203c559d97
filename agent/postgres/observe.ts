/**
 * One round of questions to a running server on the kept session, decoded. Reads only. The receiver is looked for before and after the
 * questions: it is "none" only if it was none both times, else bytes could have arrived between them.
 */
import { parseLsn, type Lsn } from '../../shared/domain/lsn.ts';
import { timelineId, type TimelineHistory, type TimelineId } from '../../shared/domain/timeline.ts';
import { appError } from '../../shared/errors.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { walDirectory } from './context.ts';
import type { ControlSession, Row, Statement } from './control-connection.ts';
import { historyAt, readHistory } from './history-files.ts';
import type { LocalServer } from './local-server.ts';
import type { ServerFacts, WalSender } from './port.ts';
import { receiversOf } from './receiver.ts';

/** All local WAL is replayed and the startup process waits for more to arrive. */
const WAITS_FOR_STREAM = 'RecoveryWalStream';
const WAITS_FOR_RETRY = 'RecoveryRetrieveRetryInterval';

const FACTS: Statement = {
  name: 'facts',
  text: `
  with wal as (
    select pg_is_in_recovery() as in_recovery,
           pg_last_wal_receive_lsn() as received,
           pg_last_wal_replay_lsn() as replayed,
           pg_size_bytes(current_setting('wal_segment_size'))::numeric as segment_bytes
  ), receiver as (
    select status, received_tli from pg_stat_wal_receiver
  ), place as (
    select div(pg_wal_lsn_diff(greatest(received, replayed), '0/0') - 1, segment_bytes) as segment, div(4294967296, segment_bytes) as per_log from wal
  )
  select wal.in_recovery::text as in_recovery,
    current_setting('server_version_num') as version_num,
    current_setting('synchronous_standby_names') as sync_names,
    case when wal.in_recovery then null else pg_current_wal_flush_lsn() end::text as flushed,
    case when wal.in_recovery then null else substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) end as primary_timeline,
    case when wal.in_recovery and mod(pg_wal_lsn_diff(wal.received, '0/0'), wal.segment_bytes) <> 0 then wal.received end::text as received,
    case when wal.in_recovery then wal.replayed end::text as replayed,
    (select status from receiver) as receiver_status,
    case when wal.in_recovery then coalesce(
      (select lpad(upper(to_hex(received_tli)), 8, '0') from receiver),
      (select string_agg(substr(name, 1, 8), ' ' order by name desc) from pg_ls_waldir()
        where name ~ '^[0-9A-F]{24}$'
          and substr(name, 9) = (select lpad(upper(to_hex(div(segment, per_log)::bigint)), 8, '0') || lpad(upper(to_hex(mod(segment, per_log)::bigint)), 8, '0') from place))
    ) end as standby_timelines,
    (select wait_event from pg_stat_activity where backend_type = 'startup') as startup_waits_for,
    (select coalesce(json_agg(json_build_object('name', application_name, 'pid', pid, 'state', state, 'flush', flush_lsn::text, 'replay', replay_lsn::text, 'priority', sync_priority)), '[]') from pg_stat_replication)::text as senders,
    (select coalesce(json_agg(slot_name), '[]') from pg_replication_slots where slot_type = 'physical')::text as slots
  from wal`,
};

const SYSTEM_ID_SQL = 'select system_identifier::text as system_id from pg_control_system()';

export class Observer {
  readonly #server: LocalServer;
  readonly #systemIds = new WeakMap<ControlSession, string>();
  /** A history file never changes once its timeline has WAL. */
  readonly #histories = new Map<TimelineId, TimelineHistory>();

  constructor(server: LocalServer) {
    this.#server = server;
  }

  async facts(deadlineMs: number): Promise<ServerFacts> {
    const untilMs = monotonicMs() + deadlineMs;
    const session = await this.#server.session(deadlineMs);
    const systemId = await this.#systemId(session, untilMs - monotonicMs());
    const before = this.#receiverCount();
    const [row] = await session.query(FACTS, untilMs - monotonicMs());
    if (row === undefined) throw appError('PGB-1999', 'the question about the server had no answer');
    return this.#decode(row, systemId, before > 0 || this.#receiverCount() > 0);
  }

  /** Forgets what belonged to a directory that is gone. */
  forget(): void {
    this.#histories.clear();
  }

  async #decode(row: Row, systemId: string, receiverSeen: boolean): Promise<ServerFacts> {
    const inRecovery = text(row, 'in_recovery') === 'true';
    const received = position(row, 'received');
    const replayed = position(row, 'replayed');
    const flushed = position(row, 'flushed');
    const startup = text(row, 'startup_waits_for');
    const end = inRecovery ? latest(received, replayed) : flushed;
    const history = await this.#newestHistory(text(row, inRecovery ? 'standby_timelines' : 'primary_timeline'));
    return {
      systemId,
      versionNum: Number(text(row, 'version_num')),
      inRecovery,
      history: end === null || !inRecovery ? history : historyAt(history, end),
      receivedLsn: received,
      replayedLsn: replayed,
      replayIdle: startup === WAITS_FOR_RETRY || (startup === WAITS_FOR_STREAM && receiverSeen),
      receiver: !receiverSeen ? 'none' : text(row, 'receiver_status') === 'streaming' ? 'streaming' : 'connecting',
      flushedLsn: flushed,
      synchronousStandbyNames: text(row, 'sync_names') ?? '',
      walSenders: sendersOf(text(row, 'senders') ?? '[]'),
      physicalSlots: slotsOf(text(row, 'slots') ?? '[]'),
    };
  }

  async #systemId(session: ControlSession, deadlineMs: number): Promise<string> {
    const known = this.#systemIds.get(session);
    if (known !== undefined) return known;
    const [row] = await session.query(SYSTEM_ID_SQL, deadlineMs);
    const systemId = row === undefined ? null : text(row, 'system_id');
    if (systemId === null) throw appError('PGB-1999', 'the server has no system identifier');
    this.#systemIds.set(session, systemId);
    return systemId;
  }

  /**
   * Of the timelines that have a file for the place in question, the newest with a history. A promotion that was broken off leaves the first
   * segment of its timeline behind, but records follow only after the history file is there.
   */
  async #newestHistory(timelines: string | null): Promise<TimelineHistory> {
    for (const timeline of (timelines ?? '').split(' ').map(timelineOf)) {
      const history = this.#histories.get(timeline) ?? (await readHistory(walDirectory(this.#server.context.config.dataDir), timeline));
      if (history === null) continue;
      this.#histories.set(timeline, history);
      return history;
    }
    throw appError('PGB-1106', `no history file for any of the timelines ${timelines ?? '(none)'}`);
  }

  // Without a guard nothing is known of the children, and an unknown receiver counts as one.
  #receiverCount(): number {
    const pid = this.#server.postmasterPid();
    return pid === null ? 1 : receiversOf(pid).length;
  }
}

function sendersOf(json: string): readonly WalSender[] {
  // The shape is that of the query above.
  const rows = JSON.parse(json) as readonly {
    name: string;
    pid: number;
    state: string;
    flush: string | null;
    replay: string | null;
    priority: number;
  }[];
  return rows.map(({ name, pid, state, flush, replay, priority }) => ({
    applicationName: name,
    pid,
    state,
    flushLsn: flush === null ? null : parseLsn(flush),
    replayLsn: replay === null ? null : parseLsn(replay),
    syncPriority: priority,
  }));
}

function slotsOf(json: string): readonly string[] {
  return JSON.parse(json) as readonly string[];
}

function timelineOf(hex: string): TimelineId {
  const id = Number.parseInt(hex, 16);
  if (!Number.isSafeInteger(id) || id < 1) throw appError('PGB-1999', `the server names no timeline (${hex})`);
  return timelineId(id);
}

function latest(first: Lsn | null, second: Lsn | null): Lsn | null {
  if (first === null || second === null) return first ?? second;
  return first > second ? first : second;
}

export function text(row: Row, column: string): string | null {
  const value = row[column];
  return typeof value === 'string' ? value : null;
}

export function position(row: Row, column: string): Lsn | null {
  const value = text(row, column);
  return value === null ? null : parseLsn(value);
}
