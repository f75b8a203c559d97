/** The local cluster that a demonstration, a trial or a benchmark runs on: made in a directory of its own, and taken down whatever happened. */
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runCli } from './cluster-cli.ts';
import { localClusterSchema, type LocalCluster } from './cluster-view.ts';

export function makeDirectory(purpose: 'demo' | 'chaos' | 'bench'): string {
  const dir = mkdtempSync(`/tmp/pgbaton-${purpose}-`);
  // PostgreSQL may run as another user, who has to pass through.
  chmodSync(dir, 0o755);
  return dir;
}

export type BringUpOptions = {
  readonly dir: string;
  /** Further options of `local up`. */
  readonly options: readonly string[];
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
};

export async function bringUp({ dir, options, onLine, signal }: BringUpOptions): Promise<LocalCluster> {
  return localClusterSchema.parse(await runCli(['local', 'up', '--detach', '--dir', dir, ...options], { signal, onLine }));
}

/** Throws when something could not be stopped. */
export async function takeDown(dir: string, keep: boolean): Promise<void> {
  // Without a plan nothing was ever started in it.
  if (existsSync(join(dir, 'plan.json'))) await runCli(['local', 'down', '--dir', dir, ...(keep ? [] : ['--purge'])]);
  if (!keep) rmSync(dir, { recursive: true, force: true });
}
