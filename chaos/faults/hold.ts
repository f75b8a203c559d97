/** Keeps the supervisor of a local cluster from restarting a component: as long as a file of its name is there, it stays down. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export function hold(clusterDir: string, component: string): void {
  mkdirSync(join(clusterDir, 'hold'), { recursive: true });
  writeFileSync(join(clusterDir, 'hold', component), '');
}

export function release(clusterDir: string, component: string): void {
  rmSync(join(clusterDir, 'hold', component), { force: true });
}
