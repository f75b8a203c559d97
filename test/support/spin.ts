/**
 * spin and the C compiler for tests of the formal model: as `npm test` has found them, or from the PATH. Without a compiler there is nothing to test;
 * without spin the search says so itself.
 */
import { spawnSync } from 'node:child_process';
import type { SpinTools } from '../../chaos/model/spin.ts';

/** Null: no C compiler. */
export function findSpinTools(): SpinTools | null {
  const cc = process.env['PGBATON_CC'] ?? ['cc', 'gcc', 'clang'].find((name) => spawnSync(name, ['--version']).status === 0);
  return cc === undefined ? null : { spin: process.env['PGBATON_SPIN'] ?? 'spin', cc };
}
