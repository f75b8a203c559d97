/** What pg_controldata prints, as values (pure). Printed under LC_ALL=C. */
import { parseLsn, type Lsn } from '../../shared/domain/lsn.ts';
import { timelineId, type TimelineId } from '../../shared/domain/timeline.ts';

export type ControlData = {
  readonly systemId: string;
  /** In PostgreSQL's words: `in production`, `shut down`, `in archive recovery` … */
  readonly state: string;
  readonly checkpoint: Lsn;
  readonly redo: Lsn;
  readonly timeline: TimelineId;
  /** Of the minimum recovery point; 0 is none. */
  readonly minRecoveryTimeline: number;
  readonly walSegmentBytes: number;
  /** Settings of the primary a standby must not fall below, by the name they have in the configuration. */
  readonly limits: Readonly<Record<string, number>>;
};

const STANDBY_STATES: ReadonlySet<string> = new Set(['in archive recovery', 'shut down in recovery']);
const CLEAN_STATES: ReadonlySet<string> = new Set(['shut down', 'shut down in recovery']);

const LIMITS: Readonly<Record<string, string>> = {
  'max_connections setting': 'max_connections',
  'max_worker_processes setting': 'max_worker_processes',
  'max_wal_senders setting': 'max_wal_senders',
  'max_prepared_xacts setting': 'max_prepared_transactions',
  'max_locks_per_xact setting': 'max_locks_per_transaction',
};

/** Null when a needed line is missing or not understood. */
export function parseControlData(text: string): ControlData | null {
  const fields = new Map(
    text
      .split('\n')
      .flatMap((line) =>
        line.includes(':') ? [[line.slice(0, line.indexOf(':')).trim(), line.slice(line.indexOf(':') + 1).trim()] as const] : [],
      ),
  );
  const systemId = fields.get('Database system identifier');
  const state = fields.get('Database cluster state');
  const checkpoint = parseLsn(fields.get('Latest checkpoint location') ?? '');
  const redo = parseLsn(fields.get("Latest checkpoint's REDO location") ?? '');
  const timeline = count(fields.get("Latest checkpoint's TimeLineID"));
  const walSegmentBytes = count(fields.get('Bytes per WAL segment'));
  if (
    systemId === undefined ||
    state === undefined ||
    checkpoint === null ||
    redo === null ||
    timeline === null ||
    walSegmentBytes === null
  )
    return null;
  const limits = Object.fromEntries(
    Object.entries(LIMITS).flatMap(([line, name]) => (count(fields.get(line)) === null ? [] : [[name, count(fields.get(line)) ?? 0]])),
  );
  return {
    systemId,
    state,
    checkpoint,
    redo,
    timeline: timelineId(timeline),
    minRecoveryTimeline: count(fields.get("Min recovery ending loc's timeline")) ?? 0,
    walSegmentBytes,
    limits,
  };
}

/** A server that wrote its own WAL when it was last seen alive. */
export function wasPrimary(control: ControlData): boolean {
  return !STANDBY_STATES.has(control.state);
}

export function wasStoppedCleanly(control: ControlData): boolean {
  return CLEAN_STATES.has(control.state);
}

/** A primary that was: its last checkpoint is its last record. A standby that was stopped may have received more. */
export function wasShutDown(control: ControlData): boolean {
  return control.state === 'shut down';
}

function count(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
