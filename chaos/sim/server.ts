/**
 * One life of a PostgreSQL server, from its start to its end: a primary that writes and waits for acknowledgements, or a standby that receives and
 * replays. It knows nothing of elections; whoever may start or promote it is the guard's business.
 */
import type { SyncSetting } from '../../agent/postgres/port.ts';
import type { MemberId } from '../../shared/domain/node-id.ts';
import type { Directory } from './directory.ts';
import { Process } from './process.ts';
import type { Random } from './random.ts';
import type { Receiver, Sender } from './replication.ts';
import { SyncRep } from './sync-rep.ts';
import type { WalRecord } from './wal.ts';
import type { World } from './world.ts';

export type Role = 'starting' | 'standby' | 'primary';

/** A client's connection to this life of the server. */
export type Session = { readonly onEnd: () => void };

export type WriteOutcome =
  /** The commit returned. */
  { readonly kind: 'acknowledged'; readonly record: WalRecord } | { readonly kind: 'read-only' };

export type Disk = {
  /** A flush takes this long; infinite while the disk hangs. */
  readonly flushMs: () => number;
  /** Runs when the disk answers again. */
  readonly whenBack: (act: () => void) => void;
};

export type ServerParts = {
  readonly world: World;
  readonly random: Random;
  readonly directory: Directory;
  readonly disk: Disk;
  readonly sync: SyncSetting;
  readonly weather: { readonly checkpointerBusyShare: number; readonly rereadMs: number };
  /** Replay of one batch takes this long. */
  readonly replayMs: () => number;
  readonly onAcknowledged: (life: ServerLife, record: WalRecord) => void;
  /** Somebody else leads by now. */
  readonly hasEpochEnded: () => boolean;
};

const RECORD_BYTES = [120, 480, 2_000, 8_192, 30_000] as const;

export class ServerLife {
  readonly process: Process;
  readonly directory: Directory;
  readonly sync: SyncRep;
  readonly #parts: ServerParts;
  readonly senders: Sender[] = [];
  readonly sessions = new Set<Session>();
  role: Role = 'starting';
  receiver: Receiver | null = null;
  /** A byte has come in this life; before that PostgreSQL cannot say what it received. */
  hasReceived = false;
  /** A primary: where it stood when it became one. What it held by then may be unknown to its standbys. */
  surfacedUpTo: number;
  /** End of what is durable of a primary's own writing. */
  flushed: number;
  replayed: number;
  /** The startup process waits for more: everything local is replayed. */
  isReplayIdle = false;
  /** Commits can wait for hours: nobody shortens them, so a paused replay is a fact of life. */
  isReplayPaused = false;
  /** New connections hang; the sessions there are go on. */
  isPostmasterFrozen = false;

  constructor(parts: ServerParts) {
    this.#parts = parts;
    this.process = new Process(parts.world);
    this.process.start();
    this.directory = parts.directory;
    this.flushed = parts.directory.wal.end;
    this.surfacedUpTo = parts.directory.wal.end;
    this.replayed = parts.directory.wal.end;
    this.sync = new SyncRep(parts.sync, { owner: this.process, random: parts.random, weather: parts.weather });
  }

  /** Up to where others may stream from here. */
  get available(): number {
    return this.role === 'primary' ? this.flushed : this.directory.wal.end;
  }

  hasEpochEnded(): boolean {
    return this.#parts.hasEpochEnded();
  }

  get isPrimary(): boolean {
    return this.role === 'primary';
  }

  get isUp(): boolean {
    return this.process.isAlive && this.role !== 'starting';
  }

  open(session: Session): boolean {
    if (!this.process.isRunning || this.isPostmasterFrozen || this.role === 'starting') return false;
    this.sessions.add(session);
    return true;
  }

  /** The answer comes when the commit returns, and never when the server dies before. */
  write(operation: number, answer: (outcome: WriteOutcome) => void): void {
    this.process.run(() => {
      if (this.hasEpochEnded() && this.role === 'primary') this.#parts.world.mark('a session wrote on a primary whose epoch was over');
      if (this.role !== 'primary') {
        answer({ kind: 'read-only' });
        return;
      }
      const record = this.directory.wal.write(operation, this.#parts.random.pick(RECORD_BYTES));
      this.#flushThen(record.end, () => {
        this.sync.commit({
          end: record.end,
          release: () => {
            this.#parts.onAcknowledged(this, record);
            answer({ kind: 'acknowledged', record });
          },
        });
      });
    });
  }

  /** PostgreSQL's own record: a checkpoint, an end of recovery, a stroke of the agent. */
  writeOwn(size: number, onFlushed: () => void = () => undefined): WalRecord {
    const record = this.directory.wal.write(0, size);
    this.#flushThen(record.end, onFlushed);
    return record;
  }

  /** After something was received, or the receiver has gone: replay catches up. */
  replay(): void {
    this.isReplayIdle = false;
    if (this.isReplayPaused) return;
    this.process.after(this.#parts.replayMs(), () => {
      if (this.isReplayPaused) return;
      this.replayed = this.directory.wal.end;
      this.isReplayIdle = true;
    });
  }

  /** A receiver was ended. */
  noteCut(): void {
    const { wal } = this.directory;
    if (wal.bytes > wal.end) this.#parts.world.mark('a record was cut at half when a receiver was ended');
  }

  sender(member: MemberId): Sender | undefined {
    return this.senders.find((one) => one.member === member);
  }

  /** All of it is gone; what was not flushed never was. */
  end(): void {
    if (!this.process.isAlive) return;
    this.process.kill();
    for (const session of [...this.sessions]) session.onEnd();
    this.sessions.clear();
    for (const sender of [...this.senders]) sender.upstreamGone();
    this.senders.length = 0;
    this.receiver?.end();
    this.receiver = null;
    if (this.role === 'primary') this.directory.wal.cutAt(this.flushed);
    this.directory.wal.dropHalf();
  }

  #flushThen(end: number, act: () => void): void {
    const { disk } = this.#parts;
    const ms = disk.flushMs();
    if (!Number.isFinite(ms)) {
      disk.whenBack(this.process.inThisLife(() => this.#flushThen(end, act)));
      return;
    }
    this.process.after(ms, () => {
      if (end > this.flushed) this.flushed = end;
      for (const sender of this.senders) sender.pump();
      act();
    });
  }
}
