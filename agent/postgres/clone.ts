/**
 * A copy of the leader's directory (facts of the recipe: -X stream through a slot, verified before it counts). The former directory stays until
 * the copy stands in its place. The caller has written "rebuilding" into the node file and taken this node out of record and set (P7.8, I14).
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { MemberId } from '../../shared/domain/node-id.ts';
import { prepareNew, swapIn } from './data-directory.ts';
import { removeTree } from './files.ts';
import { REPLICATION_ROLE } from './hba.ts';
import { DONE, failed, type LocalServer } from './local-server.ts';
import { writePassfile } from './passfile.ts';
import type { Follow, Outcome } from './port.ts';
import { stripAutoConf, writeMarker } from './server-config.ts';
import { connectionString } from './settings.ts';
import { ensureSlotAt } from './slots.ts';
import { runTool, whyToolFailed } from './tools.ts';
import { readControlData } from './wal-boundary.ts';

const CLONE_DEADLINE_MS = 24 * 3_600_000;

export type CloneOptions = { readonly source: Follow; readonly member: MemberId; readonly systemId: string };

export async function clone(server: LocalServer, { source, member, systemId }: CloneOptions, signal: AbortSignal): Promise<Outcome> {
  const { context } = server;
  const { dataDir } = context.config;
  const why = server.whyNotDead();
  if (why !== null) return failed('PGB-1304', why);
  await server.config.load();
  const slot = await ensureSlotAt(server, source, signal);
  if (slot.kind === 'failed') return slot;
  const fresh = await prepareNew(context);
  const copied = await copy(server, source, fresh, signal);
  if (copied.kind === 'failed') {
    await removeTree(fresh);
    return copied;
  }
  const control = await readControlData(context, fresh, signal);
  if (control?.systemId !== systemId) {
    await removeTree(fresh);
    return failed(
      'PGB-1301',
      `${source.host}:${String(source.port)} is of cluster ${control?.systemId ?? 'unknown'}, expected ${systemId}`,
    );
  }
  await stripAutoConf(fresh, context);
  // It came with the copy and is the source's.
  await writeMarker(fresh, member, context);
  const stillDead = server.whyNotDead();
  if (stillDead !== null) return failed('PGB-1304', stillDead);
  await swapIn(fresh, dataDir);
  return DONE;
}

async function copy(server: LocalServer, source: Follow, fresh: string, signal: AbortSignal): Promise<Outcome> {
  const { context } = server;
  const passfile = join(context.runDir, 'pass-clone');
  await writePassfile(
    passfile,
    [
      {
        host: source.host,
        port: source.port,
        database: 'replication',
        user: REPLICATION_ROLE,
        password: context.secrets.replicationPassword,
      },
    ],
    context.osUser,
  );
  try {
    const connection = connectionString({
      host: source.host,
      port: String(source.port),
      user: REPLICATION_ROLE,
      application_name: 'pgbaton-clone',
      connect_timeout: '5',
      keepalives_idle: '5',
      tcp_user_timeout: '30000',
    });
    const args = ['-D', fresh, '-d', connection, '-X', 'stream', '-c', 'fast', '-S', source.slot, '-R', '--no-password'];
    const backup = whyToolFailed(
      'pg_basebackup',
      await runTool(context, { tool: 'pg_basebackup', args, deadlineMs: CLONE_DEADLINE_MS, signal, passfile }),
    );
    if (backup !== null) return failed('PGB-1310', backup);
    const verified = whyToolFailed(
      'pg_verifybackup',
      await runTool(context, { tool: 'pg_verifybackup', args: ['-e', '-q', fresh], deadlineMs: CLONE_DEADLINE_MS, signal }),
    );
    return verified === null ? DONE : failed('PGB-1310', verified);
  } finally {
    await rm(passfile, { force: true });
  }
}
