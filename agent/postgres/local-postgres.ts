/**
 * The Postgres port on a real server of this machine. Holds the pieces together and decides nothing: every method is one recipe of the files
 * beside this one. It must never start, promote or kill past the guard while the guard lives.
 */
import type { NodePostgresConfig, NodeSecrets } from '../../shared/config/node-config.ts';
import type { MemberId } from '../../shared/domain/node-id.ts';
import { extentPosition, type WalExtent, type WalPosition } from '../../shared/domain/wal-position.ts';
import { messageOf } from '../../shared/errors.ts';
import type { GuardClient } from '../guard/guard-client.ts';
import { NO_LOG, type Log } from '../guard/log.ts';
import { resolveOsUser } from '../guard/os-user.ts';
import { describeRemains } from '../guard/process-tree.ts';
import type { GuardStatus } from '../guard/protocol.ts';
import { AddressWatch } from './address-watch.ts';
import { follow, revoke } from './attach.ts';
import { adopt, initialize, type Made } from './bootstrap.ts';
import { clone, type CloneOptions } from './clone.ts';
import { classifyFailure, ControlSession } from './control-connection.ts';
import { REPLICATION_ROLE } from './hba.ts';
import { readCommitOverrides } from './commit-overrides.ts';
import { findBinDir, readMajorVersion, type LocalContext } from './context.ts';
import { discardDirectory } from './data-directory.ts';
import { asOutcome, DONE, failed, LocalServer, poll } from './local-server.ts';
import { Observer } from './observe.ts';
import type { CommitOverride, Follow, Outcome, Postgres, ServerFacts, ServerState, StartAs, SyncSetting, VerifierLook } from './port.ts';
import { promote, type PromoteOptions } from './promote.ts';
import { Pulse } from './pulse.ts';
import { rewind, type RewindOptions } from './rewind.ts';
import { checkpointSql } from './role-sql.ts';
import { keepSlots } from './slots.ts';
import { start, stopFast, type Stop } from './start-stop.ts';
import { StoppedDirectory } from './stopped.ts';
import { proveSync, writeSync } from './sync.ts';
import { VerifierReader } from './verifier-reader.ts';

const POSITION_POLL_MS = 3;
const POSITION_DEADLINE_MS = 3_000;
const QUESTION_DEADLINE_MS = 1_000;
const CHECKPOINT_DEADLINE_MS = 600_000;

export type LocalPostgresOptions = {
  readonly config: NodePostgresConfig;
  readonly secrets: NodeSecrets;
  readonly name: string;
  readonly stateDir: string;
  readonly runDir: string;
  readonly guard: GuardClient;
  readonly log?: Log;
};

/** Throws AppError PGB-1102 or PGB-1103 when this machine cannot run PostgreSQL as configured. */
export function createLocalPostgres({ guard, log, ...node }: LocalPostgresOptions): Postgres {
  const binDir = findBinDir(node.config.binDir);
  const context: LocalContext = {
    ...node,
    binDir,
    majorVersion: readMajorVersion(binDir),
    osUser: resolveOsUser(node.config.osUser),
    log: log ?? NO_LOG,
  };
  return new LocalPostgres(new LocalServer(context, guard));
}

class LocalPostgres implements Postgres {
  readonly #server: LocalServer;
  readonly #observer: Observer;
  readonly #pulse: Pulse;
  readonly #verifiers: VerifierReader;
  readonly #stopped: StoppedDirectory;
  readonly #stopListening: (() => void)[] = [];
  readonly #closing = new AbortController();
  readonly #addresses: AddressWatch;

  constructor(server: LocalServer) {
    this.#server = server;
    this.#observer = new Observer(server);
    this.#pulse = new Pulse(server);
    this.#verifiers = new VerifierReader(server);
    this.#stopped = new StoppedDirectory(server.context);
    this.#addresses = new AddressWatch(server, this.#closing.signal);
    this.onGuardChange(() => {
      if (server.postmasterPid() !== null) return;
      server.dropSession();
      this.#pulse.forget();
      this.#verifiers.forget();
    });
  }

  guard(): GuardStatus | null {
    return this.#server.guard.status();
  }

  onGuardChange(listener: () => void): void {
    this.#stopListening.push(this.#server.guard.onChange(listener));
  }

  async observe(deadlineMs: number): Promise<ServerState> {
    try {
      await this.#server.config.load();
      if (this.#server.postmasterPid() !== null) return { kind: 'running', facts: await this.#facts(deadlineMs) };
      const why = this.#server.whyNotDead();
      if (why === null) return await this.#stopped.state();
      return this.#server.isStranger() ? { kind: 'silent', why, code: 'PGB-1304' } : { kind: 'silent', why };
    } catch (error) {
      const failure = classifyFailure(error);
      return failure === 'not-yet' || failure === 'not-listening' ? { kind: 'starting' } : { kind: 'silent', why: messageOf(error) };
    }
  }

  initialize(member: MemberId, signal: AbortSignal): Promise<Made> {
    return this.#onDirectory('PGB-1312', () => initialize(this.#server.context, member, signal));
  }

  adopt(member: MemberId, signal: AbortSignal): Promise<Made> {
    return this.#onDirectory('PGB-1303', () => adopt(this.#server.context, member, signal));
  }

  clone(options: CloneOptions, signal: AbortSignal): Promise<Outcome> {
    return this.#onDirectory('PGB-1310', () => clone(this.#server, options, signal));
  }

  rewind(options: RewindOptions, signal: AbortSignal): Promise<Outcome> {
    return this.#onDirectory('PGB-1311', () => rewind(this.#server, options, signal));
  }

  discard(_signal: AbortSignal): Promise<Outcome> {
    return this.#onDirectory('PGB-1106', async () => {
      await discardDirectory(this.#server.context.config.dataDir);
      return DONE;
    });
  }

  start(as: StartAs, signal: AbortSignal): Promise<Outcome> {
    return asOutcome('PGB-1313', async () => {
      await this.#server.config.makeDirectories();
      const state = await this.#stopped.state();
      this.#observer.forget();
      try {
        return await start(this.#server, as, state.kind === 'stopped' ? state.extent : null, signal);
      } finally {
        this.#stopped.forget();
      }
    });
  }

  stopFast(deadlineMs: number, signal: AbortSignal): Promise<Stop> {
    return asOutcome('PGB-1315', () => stopFast(this.#server, deadlineMs, () => this.#finalPosition(), signal));
  }

  async kill(deadlineMs: number): Promise<Outcome> {
    this.#server.dropSession();
    const remains = await this.#server.guard.kill(deadlineMs);
    return remains.kind === 'none' ? DONE : failed('PGB-1315', describeRemains(remains));
  }

  follow(target: Follow, signal: AbortSignal): Promise<Outcome> {
    return asOutcome('PGB-1321', () => follow(this.#server, target, signal));
  }

  revoke(signal: AbortSignal): Promise<Outcome> {
    return asOutcome('PGB-1321', () => revoke(this.#server, signal));
  }

  async position(signal: AbortSignal): Promise<WalExtent | null> {
    if (this.#server.postmasterPid() === null) {
      const state = this.#server.whyNotDead() === null ? await this.#stopped.state() : null;
      return state?.kind === 'stopped' ? state.extent : null;
    }
    return poll({ everyMs: POSITION_POLL_MS, deadlineMs: POSITION_DEADLINE_MS, signal }, () => this.#runningPosition());
  }

  async probe({ host, port }: { readonly host: string; readonly port: number }, deadlineMs: number, signal: AbortSignal): Promise<boolean> {
    try {
      const { replicationPassword } = this.#server.context.secrets;
      const session = await ControlSession.open(
        {
          host,
          port,
          user: REPLICATION_ROLE,
          password: replicationPassword,
          database: 'postgres',
          applicationName: 'pgbaton-probe',
          replication: true,
        },
        deadlineMs,
        signal,
      );
      try {
        await session.query('IDENTIFY_SYSTEM', deadlineMs);
        return true;
      } finally {
        session.destroy();
      }
    } catch (error) {
      // A refusal in words comes from a living server; anything else is silence.
      return error instanceof Error && 'severity' in error;
    }
  }

  async commitOverrides(deadlineMs: number): Promise<readonly CommitOverride[] | null> {
    return this.#server.postmasterPid() === null ? null : readCommitOverrides(this.#server, deadlineMs);
  }

  async verifierOf(user: string, deadlineMs: number): Promise<VerifierLook> {
    return this.#server.postmasterPid() === null ? { kind: 'unknown' } : this.#verifiers.read(user, deadlineMs);
  }

  stroke(deadlineMs: number): Promise<Outcome> {
    return this.#pulse.stroke(deadlineMs);
  }

  knock(deadlineMs: number): Promise<'answered' | 'full' | 'silent'> {
    return this.#pulse.knock(deadlineMs);
  }

  writeSync(setting: SyncSetting, signal: AbortSignal): Promise<Outcome> {
    return asOutcome('PGB-1313', () => writeSync(this.#server, setting, signal));
  }

  proveSync(setting: SyncSetting, deadlineMs: number, signal: AbortSignal): Promise<Outcome> {
    return asOutcome('PGB-1313', () => proveSync(this.#server, setting, deadlineMs, signal));
  }

  promote(options: PromoteOptions, signal: AbortSignal): Promise<Outcome> {
    return asOutcome('PGB-1314', () => promote(this.#server, this.#observer, options, signal));
  }

  setOpen(open: boolean, _signal: AbortSignal): Promise<Outcome> {
    return asOutcome('PGB-1313', async () => {
      await this.#server.setOpen(open);
      return DONE;
    });
  }

  isOpen(): boolean {
    return this.#server.config.rendered.open;
  }

  checkpoint(_signal: AbortSignal): Promise<Outcome> {
    return asOutcome('PGB-1313', async () => {
      // A session of its own: the kept one must go on answering meanwhile.
      const session = await this.#server.freshSession();
      try {
        await session.query(checkpointSql(this.#server.context.majorVersion), CHECKPOINT_DEADLINE_MS);
        return DONE;
      } finally {
        session.destroy();
      }
    });
  }

  keepSlots(slots: readonly string[], signal: AbortSignal): Promise<Outcome> {
    return asOutcome('PGB-1313', () => keepSlots(this.#server, slots, signal));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const stop of this.#stopListening) stop();
    this.#server.dropSession();
    this.#pulse.forget();
    this.#verifiers.forget();
    await this.#server.config.close();
  }

  async #facts(deadlineMs: number): Promise<ServerFacts> {
    const facts = await this.#observer.facts(deadlineMs);
    if (facts.inRecovery) this.#addresses.look(facts.receiver === 'streaming');
    return facts;
  }

  /**
   * Received WAL while the receiver ran in this postmaster's life, else the replayed end once everything local is replayed. Before that the
   * position would be too small, and too small a position is a lost commit (I8).
   */
  async #runningPosition(): Promise<WalExtent | null> {
    const facts = await this.#observer.facts(QUESTION_DEADLINE_MS).catch(() => null);
    if (facts === null) return null;
    if (!facts.inRecovery) return facts.flushedLsn === null ? null : { history: facts.history, lsn: facts.flushedLsn };
    const { receivedLsn, replayedLsn } = facts;
    if (receivedLsn !== null && (replayedLsn === null || receivedLsn >= replayedLsn)) return { history: facts.history, lsn: receivedLsn };
    return facts.replayIdle && replayedLsn !== null ? { history: facts.history, lsn: replayedLsn } : null;
  }

  async #finalPosition(): Promise<WalPosition | null> {
    const state = await this.#stopped.state();
    return state.kind === 'stopped' && state.cleanly && state.extent !== null ? extentPosition(state.extent) : null;
  }

  async #onDirectory<T extends { readonly kind: string }>(
    code: 'PGB-1106' | 'PGB-1303' | 'PGB-1310' | 'PGB-1311' | 'PGB-1312',
    work: () => Promise<T>,
  ): Promise<T | { readonly kind: 'failed'; readonly code: string; readonly why: string }> {
    const why = this.#server.whyNotDead();
    if (why !== null) return failed('PGB-1304', why);
    try {
      return await asOutcome(code, async () => {
        await this.#server.config.makeDirectories();
        return work();
      });
    } finally {
      this.#stopped.forget();
      this.#observer.forget();
    }
  }
}
