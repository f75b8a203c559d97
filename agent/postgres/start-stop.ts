/**
 * Starting and stopping the server through the guard. A start makes sure first of everything that would let PostgreSQL come up as something
 * else than it was meant to be: standby.signal, settings, stub history files, stale lock files.
 */
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../../shared/errors.ts';
import type { WalExtent, WalPosition } from '../../shared/domain/wal-position.ts';
import type { GuardPurpose } from '../guard/protocol.ts';
import { configFilePath, hbaFilePath, identFilePath, logDirectory, program, walDirectory } from './context.ts';
import { syncDirectory, writeDurably } from './files.ts';
import { removeHistoryAbove } from './history-files.ts';
import { busyAddress } from './listen-check.ts';
import { asOutcome, DONE, failed, poll, type LocalServer } from './local-server.ts';
import type { Outcome, StartAs } from './port.ts';

const READY_POLL_MS = 3;
/** Crash recovery of a large server takes its time; whoever cannot wait aborts. */
const READY_DEADLINE_MS = 3_600_000;
const EXIT_POLL_MS = 3;
const LOG_TAIL_CHARS = 2_000;

export type Stop =
  | { readonly kind: 'done'; readonly final: WalPosition | null }
  | { readonly kind: 'failed'; readonly code: string; readonly why: string };

export async function start(server: LocalServer, as: StartAs, extent: WalExtent | null, signal: AbortSignal): Promise<Outcome> {
  const { dataDir } = server.context.config;
  const unfit = await whyUnfit(server, dataDir);
  if (unfit !== null) return unfit;
  const busy = await busyAddress(server.context.config.listenAddresses, server.context.config.port);
  if (busy !== null) return failed('PGB-1101', `somebody else listens on ${busy}`);
  if (extent === null) return failed('PGB-1313', 'the end of the WAL on disk is unknown');
  await removeHistoryAbove(walDirectory(dataDir), extent.history.timeline);
  const member = await server.config.prepareStart();
  // Under another name than its member id no acknowledgement of this standby would count, and nobody would notice.
  if (member === null) return failed('PGB-1106', `${dataDir} has no marker that says whose data it is`);
  await placeSignalFiles(server, as.kind);
  await renderFor(server, as, signal);
  await removeSocketLock(server);
  const purpose: GuardPurpose = as.kind === 'standby' ? { kind: 'standby' } : { kind: 'primary', epoch: as.epoch.toString() };
  if (signal.aborted) return failed('PGB-1313', 'given up by the caller');
  const logSize = await logBytes(server);
  await server.ask({ kind: 'start', purpose, argv: postmasterArguments(server) });
  return untilReady(server, logSize, signal);
}

/** SIGINT; resolves when the server is verified dead. `finalPosition` looks at the directory afterwards. */
export async function stopFast(
  server: LocalServer,
  deadlineMs: number,
  finalPosition: () => Promise<WalPosition | null>,
  signal: AbortSignal,
): Promise<Stop> {
  if (server.postmasterPid() !== null) {
    // A running archive command holds the stop up. Closing takes it out of the way.
    await server.setOpen(false);
    await server.ask({ kind: 'signal', signal: 'fast' });
    server.dropSession();
  }
  const dead = await poll({ everyMs: EXIT_POLL_MS, deadlineMs, signal }, () => (server.whyNotDead() === null ? true : null));
  if (dead !== true) return failed('PGB-1315', server.whyNotDead() ?? 'the server is stopping');
  return asOutcome('PGB-1315', async () => ({ kind: 'done', final: await finalPosition() }));
}

async function whyUnfit(server: LocalServer, dataDir: string): Promise<Outcome | null> {
  const version = await readFile(join(dataDir, 'PG_VERSION'), 'utf8').catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return null;
    throw error;
  });
  if (version === null) return failed('PGB-1106', `${dataDir} holds no PostgreSQL`);
  if (Number(version.trim()) !== server.context.majorVersion)
    return failed('PGB-1302', `${dataDir} is of version ${version.trim()}, the programs are ${String(server.context.majorVersion)}`);
  const why = server.whyNotDead();
  return why === null ? null : failed('PGB-1304', why);
}

async function placeSignalFiles(server: LocalServer, kind: StartAs['kind']): Promise<void> {
  const { dataDir } = server.context.config;
  await rm(join(dataDir, 'recovery.signal'), { force: true });
  if (kind === 'standby') {
    await writeDurably(join(dataDir, 'standby.signal'), '', server.context.osUser);
  } else {
    await rm(join(dataDir, 'standby.signal'), { force: true });
    await syncDirectory(dataDir);
  }
}

/** Credential and conninfo stand before the server runs: it must never attach to somebody the new epoch does not name (P4.4). */
async function renderFor(server: LocalServer, as: StartAs, signal: AbortSignal): Promise<void> {
  if (as.kind === 'primary') {
    await server.config.withdrawCredential();
    await server.config.update((rendered) => ({ ...rendered, sync: as.inForce, follow: null, open: false, leavingEmpty: false }));
    return;
  }
  const attachment = as.follow === null ? null : await server.config.admit(as.follow, signal);
  if (attachment === null) await server.config.withdrawCredential();
  await server.config.update((rendered) => ({ ...rendered, sync: as.resting, follow: attachment, open: true, leavingEmpty: false }));
  if (as.follow !== null) await server.config.forgetOldCredentials(as.follow);
}

// It names the pid of the former postmaster; a zombie or a stranger with that pid would make PostgreSQL refuse.
async function removeSocketLock(server: LocalServer): Promise<void> {
  const socket = join(server.context.runDir, `.s.PGSQL.${String(server.context.config.port)}`);
  await rm(`${socket}.lock`, { force: true });
  await rm(socket, { force: true });
}

function postmasterArguments(server: LocalServer): readonly string[] {
  const { context } = server;
  const { stateDir } = context;
  return [
    program(context, 'postgres'),
    '-D',
    context.config.dataDir,
    '-c',
    `config_file=${configFilePath(stateDir)}`,
    '-c',
    `hba_file=${hbaFilePath(stateDir)}`,
    '-c',
    `ident_file=${identFilePath(stateDir)}`,
  ];
}

/** Line 8 of postmaster.pid says `ready` the moment connections are accepted; asking by connecting would be later and fill the log. */
async function untilReady(server: LocalServer, logSize: number, signal: AbortSignal): Promise<Outcome> {
  const startedPid = server.postmasterPid();
  const ready = await poll({ everyMs: READY_POLL_MS, deadlineMs: READY_DEADLINE_MS, signal }, async () => {
    const pid = server.postmasterPid();
    if (pid === null || (startedPid !== null && pid !== startedPid)) return 'ended';
    const lines = (await readFile(join(server.context.config.dataDir, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
    return Number(lines[0]) === pid && lines[7]?.trim() === 'ready' ? 'ready' : null;
  });
  if (ready === null) return failed('PGB-1313', 'given up while it was starting');
  if (ready === 'ended') return failed('PGB-1313', `the postmaster ended while starting: ${await newestLogLines(server, logSize)}`);
  server.dropSession();
  await server.session();
  return DONE;
}

async function logBytes(server: LocalServer): Promise<number> {
  const found = await stat(logPath(server)).catch(() => null);
  return found === null ? 0 : found.size;
}

async function newestLogLines(server: LocalServer, from: number): Promise<string> {
  const log = await readFile(logPath(server)).catch(() => Buffer.alloc(0));
  const text = log.subarray(Math.max(from, log.length - LOG_TAIL_CHARS)).toString('utf8');
  return text
    .split('\n')
    .filter((line) => /FATAL|PANIC|ERROR/.test(line))
    .slice(-3)
    .join(' | ');
}

function logPath(server: LocalServer): string {
  return join(logDirectory(server.context.stateDir), 'postgres.log');
}
