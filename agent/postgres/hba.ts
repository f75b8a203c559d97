/**
 * pg_hba.conf as text (pure). Closed: only pgbaton's own roles get in. Open: the operator's lines too. The control roles are settled before
 * any of the operator's lines, so that none of them can let a control role in without its password.
 */
export const MONITOR_ROLE = 'pgbaton_monitor';
export const REPLICATION_ROLE = 'pgbaton_replication';
export const REWIND_ROLE = 'pgbaton_rewind';
export const SUPERUSER_ROLE = 'postgres';

const OPEN_LINE = '# pgbaton: open';
const CLOSED_LINE = '# pgbaton: closed';

const CONTROL_LINES: readonly string[] = [
  `local all ${MONITOR_ROLE} scram-sha-256`,
  `host all ${MONITOR_ROLE} samehost scram-sha-256`,
  `host all ${MONITOR_ROLE} 127.0.0.1/32 scram-sha-256`,
  `host all ${MONITOR_ROLE} ::1/128 scram-sha-256`,
  `local postgres ${REPLICATION_ROLE} scram-sha-256`,
  `host replication ${REPLICATION_ROLE} 0.0.0.0/0 scram-sha-256`,
  `host replication ${REPLICATION_ROLE} ::/0 scram-sha-256`,
  `host postgres ${REWIND_ROLE} 0.0.0.0/0 scram-sha-256`,
  `host postgres ${REWIND_ROLE} ::/0 scram-sha-256`,
  `local all,replication ${MONITOR_ROLE},${REPLICATION_ROLE},${REWIND_ROLE} reject`,
  `host all,replication ${MONITOR_ROLE},${REPLICATION_ROLE},${REWIND_ROLE} all reject`,
];

export function renderHba(open: boolean, clientLines: readonly string[]): string {
  const client = open ? [...clientLines, `local all ${SUPERUSER_ROLE} scram-sha-256`] : [];
  return [open ? OPEN_LINE : CLOSED_LINE, '# Written by pgbaton; changes made here are lost.', ...CONTROL_LINES, ...client, ''].join('\n');
}
