/**
 * The one door to the local PostgreSQL, as a port. The loop and the executor know only this; the adapter is local-postgres.ts, the
 * simulator has its own. Every call takes an AbortSignal and ends within its own deadline. Nothing here decides: callers re-check the epoch
 * just before they call an irreversible one (start as primary, promote, rewind, clone), and the guard checks again at the act.
 */
import type { Epoch } from '../../shared/domain/epoch.ts';
import type { Lsn } from '../../shared/domain/lsn.ts';
import type { MemberSet } from '../../shared/domain/member-set.ts';
import type { MemberId } from '../../shared/domain/node-id.ts';
import type { TimelineHistory, TimelineId } from '../../shared/domain/timeline.ts';
import type { WalExtent, WalPosition } from '../../shared/domain/wal-position.ts';
import type { GuardStatus } from '../guard/protocol.ts';

export type WalSender = {
  readonly applicationName: string;
  readonly pid: number;
  readonly state: string;
  readonly flushLsn: Lsn | null;
  readonly replayLsn: Lsn | null;
  readonly syncPriority: number;
};

/** What one round of questions to a running server found. One sample, taken on the kept control connection. */
export type ServerFacts = {
  readonly systemId: string;
  readonly versionNum: number;
  readonly inRecovery: boolean;
  /** Primary: of the WAL being written. Standby: of the WAL last received or replayed. With its ancestry, read from the history file. */
  readonly history: TimelineHistory;
  /** Standby: last flushed byte received in this postmaster's life; null after a restart until a byte arrives (never a bare segment start). */
  readonly receivedLsn: Lsn | null;
  /** Standby: end of replayed WAL. */
  readonly replayedLsn: Lsn | null;
  /** Standby: the startup process waits for WAL to arrive, i.e. all local WAL is replayed. */
  readonly replayIdle: boolean;
  /** Standby: `none` only when no WAL receiver *process* exists among the postmaster's children. */
  readonly receiver: 'none' | 'connecting' | 'streaming';
  /** Primary: current WAL flush position. */
  readonly flushedLsn: Lsn | null;
  readonly synchronousStandbyNames: string;
  readonly walSenders: readonly WalSender[];
  readonly physicalSlots: readonly string[];
};

export type ServerState =
  /** No data directory, or an empty one. */
  | { readonly kind: 'absent' }
  /** `extent`: end of the last complete record on disk with its timeline's ancestry; null when it cannot be known. `marker`: whose data it is by its own word; another than this node's member id makes it somebody else's copy. */
  | {
      readonly kind: 'stopped';
      readonly systemId: string;
      readonly wasPrimary: boolean;
      readonly cleanly: boolean;
      readonly extent: WalExtent | null;
      readonly marker?: MemberId | null;
    }
  | { readonly kind: 'starting' }
  | { readonly kind: 'running'; readonly facts: ServerFacts }
  /** A postmaster lives but did not answer in time, or the directory cannot be read. `code`: only an operator can mend it. */
  | { readonly kind: 'silent'; readonly why: string; readonly code?: string };

/** Whom a standby follows, and for which epoch: names the credential. */
export type Follow = { readonly epoch: Epoch; readonly host: string; readonly port: number; readonly slot: string };

export type StartAs =
  | { readonly kind: 'standby'; readonly follow: Follow | null; readonly resting: SyncSetting }
  /** T5: only after the epoch has been re-proved. pg_hba is closed to ordinary clients. */
  | { readonly kind: 'primary'; readonly epoch: Epoch; readonly inForce: SyncSetting };

/** What stands in synchronous_standby_names. `nobody-acknowledges` is the placeholder; `no-wait` is the empty list (I9: only with k = 0). */
export type SyncSetting =
  | { readonly kind: 'placeholder' }
  | { readonly kind: 'no-wait' }
  /** `ANY k (members)`. */
  | { readonly kind: 'any'; readonly set: MemberSet }
  /** `FIRST k ("gen-<n>", members)`: the stepping stone that makes a change of k visible in the walsenders' priorities. */
  | { readonly kind: 'first'; readonly set: MemberSet; readonly generation: number };

/** `ALTER ROLE role IN DATABASE database SET synchronous_commit = value`; null: all of them. */
export type CommitOverride = { readonly role: string | null; readonly database: string | null; readonly value: string };

/** `verifier` null: no such role, no password, expired, or not allowed to log in. */
export type VerifierLook = { readonly kind: 'looked'; readonly verifier: string | null } | { readonly kind: 'unknown' };

export type Outcome = { readonly kind: 'done' } | { readonly kind: 'failed'; readonly code: string; readonly why: string };

export interface Postgres {
  /** The guard's last word; pushed by it, so always current. Null while no guard is connected. */
  guard(): GuardStatus | null;
  onGuardChange(listener: () => void): void;

  /** Looks at everything under a deadline; never throws. `stopped` runs pg_controldata and pg_waldump: not for every turn. */
  observe(deadlineMs: number): Promise<ServerState>;

  /** T0: initdb into DIR.new with checksums, roles, placeholder set, marker, clean stop, rename. Returns the new system id and its boundary. */
  initialize(
    member: MemberId,
    signal: AbortSignal,
  ): Promise<
    | { readonly kind: 'done'; readonly systemId: string; readonly boundary: WalPosition }
    | { readonly kind: 'failed'; readonly code: string; readonly why: string }
  >;
  /** Adoption of an existing, cleanly stopped directory: checks it and creates the roles in single-user mode. */
  adopt(
    member: MemberId,
    signal: AbortSignal,
  ): Promise<
    | { readonly kind: 'done'; readonly systemId: string; readonly boundary: WalPosition }
    | { readonly kind: 'failed'; readonly code: string; readonly why: string }
  >;
  /** pg_basebackup through the slot into DIR.new, verified, then renamed; the former directory is kept as DIR.old until then, and removed. */
  clone(options: { readonly source: Follow; readonly member: MemberId; readonly systemId: string }, signal: AbortSignal): Promise<Outcome>;
  /** Archives and lists the diverged tail, CHECKPOINT on the source, pg_rewind, then the marker. The server must be verified dead. */
  rewind(
    options: { readonly source: Follow; readonly member: MemberId; readonly fork: WalPosition | null },
    signal: AbortSignal,
  ): Promise<Outcome>;
  /** Deletes a directory that this node made and that was never recorded. */
  discard(signal: AbortSignal): Promise<Outcome>;

  /** Removes history files above the last valid timeline, renders settings, credential and pg_hba, then asks the guard. Resolves when it accepts connections. */
  start(as: StartAs, signal: AbortSignal): Promise<Outcome>;
  /** SIGINT, resolves when verified dead; when `deadlineMs` passes: `failed`, still stopping. `final` = end of the shutdown checkpoint record. */
  stopFast(
    deadlineMs: number,
    signal: AbortSignal,
  ): Promise<
    { readonly kind: 'done'; readonly final: WalPosition | null } | { readonly kind: 'failed'; readonly code: string; readonly why: string }
  >;
  /** Kills everything and verifies. */
  kill(deadlineMs: number): Promise<Outcome>;

  /** Swaps the credential and conninfo so that this standby streams from `follow`. */
  follow(follow: Follow, signal: AbortSignal): Promise<Outcome>;
  /** P4.2: empties the credential and conninfo, reloads, SIGTERMs the receiver, waits until no receiver process is left. Idempotent. */
  revoke(signal: AbortSignal): Promise<Outcome>;
  /** The position after a revoke (P4.5), or of a stopped server. */
  position(signal: AbortSignal): Promise<WalExtent | null>;

  /** Does that PostgreSQL answer a question over the replication protocol? A sign of life (P10), asked past its agent. */
  probe(target: { readonly host: string; readonly port: number }, deadlineMs: number, signal: AbortSignal): Promise<boolean>;

  /** A tiny transactional message, flushed here and waiting for nobody. One that hangs is waited for again, so that there is never a second one. */
  stroke(deadlineMs: number): Promise<Outcome>;
  /** Opens a session of its own and asks it something. `full`: refused for want of room. */
  knock(deadlineMs: number): Promise<'answered' | 'full' | 'silent'>;

  /** Roles and databases with a `synchronous_commit` of their own. Null: nobody can tell at present. Display only. */
  commitOverrides(deadlineMs: number): Promise<readonly CommitOverride[] | null>;

  /** What is stored instead of the password of `user`. As good as the password with md5, and half of a login with SCRAM: never logged, never kept. */
  verifierOf(user: string, deadlineMs: number): Promise<VerifierLook>;

  /** Writes and reloads the setting; resolves when the file is in place and the reload sent. Proof is `proveSync`. */
  writeSync(setting: SyncSetting, signal: AbortSignal): Promise<Outcome>;
  /** P7.6: a fresh connection shows the value, and every walsender that carries a member's name shows the priority `setting` gives it. */
  proveSync(setting: SyncSetting, deadlineMs: number, signal: AbortSignal): Promise<Outcome>;

  /** T4: stub history files up to `timeline`, replay to the end, promote through the guard, poll, check the timeline id. hba stays closed. */
  promote(
    options: { readonly epoch: Epoch; readonly timeline: TimelineId; readonly noProgressMs: number },
    signal: AbortSignal,
  ): Promise<Outcome>;
  /** Lets ordinary clients in, or keeps new ones out. */
  setOpen(open: boolean, signal: AbortSignal): Promise<Outcome>;
  isOpen(): boolean;
  checkpoint(signal: AbortSignal): Promise<Outcome>;
  /** Creates missing physical slots of members and drops pgbaton slots of nobody; on a standby also advances them to `restart` positions. */
  keepSlots(slots: readonly string[], signal: AbortSignal): Promise<Outcome>;
  close(): Promise<void>;
}
