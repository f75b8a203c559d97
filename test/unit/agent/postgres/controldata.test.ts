import { describe, expect, it } from 'vitest';
import { parseControlData, wasPrimary, wasStoppedCleanly } from '../../../../agent/postgres/controldata.ts';
import { lsn } from '../../../../shared/domain/lsn.ts';

const TEXT = `pg_control version number:            1300
Catalog version number:               202209061
Database system identifier:           7710392735595955450
Database cluster state:               in production
pg_control last modified:             Fri Nov 20 23:00:34 2026
Latest checkpoint location:           0/C00060
Latest checkpoint's REDO location:    0/C00028
Latest checkpoint's REDO WAL file:    000000010000000000000003
Latest checkpoint's TimeLineID:       1
Latest checkpoint's PrevTimeLineID:   1
Minimum recovery ending location:     0/0
Min recovery ending loc's timeline:   0
wal_log_hints setting:                on
max_connections setting:              40
max_worker_processes setting:         8
max_wal_senders setting:              16
max_prepared_xacts setting:           0
max_locks_per_xact setting:           64
Bytes per WAL segment:                4194304
`;

describe('pg_controldata', () => {
  it('is read into values', () => {
    expect(parseControlData(TEXT)).toEqual({
      systemId: '7710392735595955450',
      state: 'in production',
      checkpoint: lsn(0xc00060n),
      redo: lsn(0xc00028n),
      timeline: 1,
      minRecoveryTimeline: 0,
      walSegmentBytes: 4_194_304,
      limits: {
        max_connections: 40,
        max_worker_processes: 8,
        max_wal_senders: 16,
        max_prepared_transactions: 0,
        max_locks_per_transaction: 64,
      },
    });
  });

  it.each([
    'Database system identifier',
    'Database cluster state',
    'Latest checkpoint location',
    "Latest checkpoint's TimeLineID",
    'Bytes per WAL segment',
  ])('is not believed without "%s"', (line) => {
    expect(parseControlData(TEXT.replace(new RegExp(`^${line}:.*$`, 'm'), ''))).toBeNull();
  });

  it.each([
    ['in production', true, false],
    ['shut down', true, true],
    ['shutting down', true, false],
    ['in crash recovery', true, false],
    ['in archive recovery', false, false],
    ['shut down in recovery', false, true],
  ])('"%s" tells what it was and how it ended', (state, primary, cleanly) => {
    const control = parseControlData(TEXT.replace('in production', state));
    if (control === null) throw new Error('not understood');
    expect([wasPrimary(control), wasStoppedCleanly(control)]).toEqual([primary, cleanly]);
  });
});
