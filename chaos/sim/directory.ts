/** A data directory as it lies on disk, and the files of ours beside it. It outlives every process. */
import type { Follow, SyncSetting } from '../../agent/postgres/port.ts';
import type { MemberId } from '../../shared/domain/node-id.ts';
import type { Wal } from './wal.ts';

export type Directory = {
  readonly systemId: string;
  /** Whose data it is by its own word; clone and rewind bring the source's. */
  marker: MemberId | null;
  wal: Wal;
  /** The control file says that this was a primary. */
  wasPrimary: boolean;
  wasStoppedCleanly: boolean;
  /** History files in pg_wal, stubs included: PostgreSQL takes the first id above its own that has none. */
  historyIds: Set<number>;
  readonly slots: Set<string>;
  /** False: a rewind or clone was cut short. Nothing in the directory says so. */
  isWhole: boolean;
};

/** postgresql.conf, pg_hba.conf and the password file, as pgbaton renders them outside the data directory. */
export type Rendered = {
  sync: SyncSetting;
  follow: Follow | null;
  /** The password file of the one who may be followed; the receiver cannot log in without it. */
  credential: Follow | null;
  open: boolean;
};

export function freshRendered(): Rendered {
  return { sync: { kind: 'placeholder' }, follow: null, credential: null, open: false };
}

export function directoryOf(systemId: string, marker: MemberId | null, wal: Wal): Directory {
  return {
    systemId,
    marker,
    wal,
    wasPrimary: false,
    wasStoppedCleanly: true,
    historyIds: new Set(wal.ancestors.map(({ timeline }) => timeline).concat(wal.timeline)),
    slots: new Set(),
    isWhole: true,
  };
}
