/** The local cluster that a demonstration or a measurement runs on: made in a directory of its own, and taken down whatever happened. */
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../shared/errors.ts';
import { runCli } from './cluster-cli.ts';
import { localClusterSchema, type LocalCluster } from './cluster-view.ts';
import type { Screen } from './screen.ts';

export function makeDirectory(): string {
  const dir = mkdtempSync('/tmp/pgbaton-demo-');
  // PostgreSQL may run as another user, who has to pass through.
  chmodSync(dir, 0o755);
  return dir;
}

export async function bringUp(dir: string, screen: Screen, signal: AbortSignal): Promise<LocalCluster> {
  screen.title('Starting three PostgreSQL nodes, etcd and a proxy');
  const answer = await runCli(['local', 'up', '--detach', '--dir', dir], {
    signal,
    onLine: (line) => {
      screen.line(`  ${line}`, 'quiet');
    },
  });
  return localClusterSchema.parse(answer);
}

export async function takeDown(dir: string, keep: boolean, screen: Screen): Promise<void> {
  screen.line('stopping the cluster', 'quiet');
  try {
    // Without a plan nothing was ever started in it.
    if (existsSync(join(dir, 'plan.json'))) await runCli(['local', 'down', '--dir', dir]);
    if (!keep) rmSync(dir, { recursive: true, force: true });
    if (keep) screen.line(`data and logs are in ${dir}`);
  } catch (error) {
    screen.line(`stopping failed: ${messageOf(error)}; try \`npx pgbaton local down --purge --dir ${dir}\``, 'bad');
  }
}
