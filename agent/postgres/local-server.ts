/**
 * What the pieces of the local PostgreSQL share while it runs: its guard, its sessions, its rendered files. A piece that fails says so with an
 * Outcome; nothing here decides.
 */
import type { ErrorCode } from '../../shared/error-codes.ts';
import { appError, describeError } from '../../shared/errors.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import type { GuardClient } from '../guard/guard-client.ts';
import { processesIn, realDirectory } from '../guard/process-tree.ts';
import type { GuardRequest } from '../guard/protocol.ts';
import { ControlSession, type Login } from './control-connection.ts';
import type { LocalContext } from './context.ts';
import { MONITOR_ROLE, REPLICATION_ROLE } from './hba.ts';
import type { Outcome } from './port.ts';
import { ServerConfig } from './server-config.ts';

const GUARD_DEADLINE_MS = 2_000;
const CONNECT_DEADLINE_MS = 2_000;

export const DONE: Outcome = { kind: 'done' };

export class LocalServer {
  readonly context: LocalContext;
  readonly guard: GuardClient;
  readonly config: ServerConfig;
  #kept: ControlSession | null = null;
  #opening: Promise<ControlSession> | null = null;
  /** Changes of the door in the files, and how many of them the server was told to read. */
  #doorChanges = 1;
  #doorChangesRead = 0;

  constructor(context: LocalContext, guard: GuardClient) {
    this.context = context;
    this.guard = guard;
    this.config = new ServerConfig(context);
  }

  /** The postmaster's pid; null when none is known to run. */
  postmasterPid(): number | null {
    const postmaster = this.guard.status()?.postmaster;
    return postmaster?.kind === 'running' ? postmaster.pid : null;
  }

  /** Asks the guard; a refusal is an AppError here, because whoever calls has already decided. */
  async ask(request: GuardRequest): Promise<void> {
    const reply = await this.guard.request(request, GUARD_DEADLINE_MS);
    if (reply.kind === 'refused') throw appError('PGB-1321', reply.why);
  }

  /**
   * Lets clients in or keeps them out. The server is not told again what it has read already: in a failover the door is closed twice, for safety, and
   * clients wait for the second time as well.
   */
  async setOpen(open: boolean): Promise<void> {
    if (await this.config.update((rendered) => ({ ...rendered, open }))) this.#doorChanges += 1;
    if (this.#doorChangesRead < this.#doorChanges) await this.reload();
  }

  /** After a file has been written. Nothing to do while no server runs: it reads the file when it starts. */
  async reload(): Promise<void> {
    if (this.postmasterPid() === null) return;
    const changes = this.#doorChanges;
    try {
      await this.ask({ kind: 'signal', signal: 'reload' });
      this.#doorChangesRead = changes;
    } catch (error) {
      // It ended in this moment. The files are in place, and nobody is left who could read the former ones.
      if (this.guard.status() === null || this.postmasterPid() !== null) throw error;
    }
  }

  /** The kept session, opened when needed. Concurrent callers share the opening. */
  async session(deadlineMs = CONNECT_DEADLINE_MS): Promise<ControlSession> {
    if (this.#kept?.isOpen === true) return this.#kept;
    this.#opening ??= this.freshSession(deadlineMs).finally(() => {
      this.#opening = null;
    });
    this.#kept = await this.#opening;
    return this.#kept;
  }

  /** A new session shows the settings that the postmaster has read. The caller destroys it. */
  async freshSession(deadlineMs = CONNECT_DEADLINE_MS, options = ''): Promise<ControlSession> {
    return ControlSession.open({ ...this.#login(MONITOR_ROLE, this.context.secrets.monitorPassword), options }, deadlineMs);
  }

  async replicationSession(signal: AbortSignal): Promise<ControlSession> {
    return ControlSession.open(this.#login(REPLICATION_ROLE, this.context.secrets.replicationPassword), CONNECT_DEADLINE_MS, signal);
  }

  dropSession(): void {
    this.#kept?.destroy();
    this.#kept = null;
  }

  /** Null when no process of a server is left in the directory. */
  whyNotDead(dataDir = this.context.config.dataDir): string | null {
    const postmaster = this.guard.status()?.postmaster;
    if (postmaster?.kind === 'running') return `the postmaster ${String(postmaster.pid)} is running`;
    if (postmaster?.kind === 'exited' && !postmaster.verifiedDead) return 'the former server is not verified dead yet';
    const pids = processesIn(realDirectory(dataDir));
    return pids.length === 0 ? null : `processes ${pids.join(', ')} work in ${dataDir}`;
  }

  /** Whatever works in the directory was not started by our guard, which is there and knows of no server. */
  isStranger(): boolean {
    const postmaster = this.guard.status()?.postmaster;
    return postmaster !== undefined && (postmaster.kind === 'none' || (postmaster.kind === 'exited' && postmaster.verifiedDead));
  }

  #login(user: string, password: string): Login {
    return { host: this.context.runDir, port: this.context.config.port, user, password, database: 'postgres', applicationName: 'pgbaton' };
  }
}

export function failed(code: ErrorCode, why: string): { readonly kind: 'failed'; readonly code: string; readonly why: string } {
  return { kind: 'failed', code, why };
}

/** Turns whatever a piece threw into an outcome; `code` when the error itself carries none that says more. */
export async function asOutcome<T extends { readonly kind: string }>(
  code: ErrorCode,
  work: () => Promise<T>,
): Promise<T | { readonly kind: 'failed'; readonly code: string; readonly why: string }> {
  try {
    const outcome = await work();
    return isFailed(outcome) ? { ...outcome, code: codeOf(outcome) } : outcome;
  } catch (error) {
    const described = describeError(error);
    const why = described.message;
    return { kind: 'failed', code: codeOf({ code: described.code === 'PGB-1999' ? code : described.code, why }), why };
  }
}

function isFailed(outcome: { readonly kind: string }): outcome is { readonly kind: 'failed'; readonly code: string; readonly why: string } {
  return outcome.kind === 'failed';
}

/** Whatever was being done: when a program says that the disk is full, that is what the operator must hear. */
function codeOf({ code, why }: { readonly code: string; readonly why: string }): string {
  return /No space left on device|Disk quota exceeded|\bENOSPC\b|\bEDQUOT\b/.test(why) ? 'PGB-1104' : code;
}

/** Polls until `check` gives something else than null. Null: the deadline passed or the caller gave up. */
export async function poll<T>(
  options: { readonly everyMs: number; readonly deadlineMs: number; readonly signal: AbortSignal },
  check: () => Promise<T | null> | T | null,
): Promise<T | null> {
  const untilMs = monotonicMs() + options.deadlineMs;
  for (;;) {
    if (options.signal.aborted) return null;
    const found = await check();
    if (found !== null) return found;
    if (monotonicMs() >= untilMs) return null;
    await new Promise((resolve) => {
      setTimeout(resolve, options.everyMs);
    });
  }
}
