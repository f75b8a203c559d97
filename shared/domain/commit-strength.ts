/**
 * Which values of `synchronous_commit` reach below what the cluster's mode promises. In quorum mode standbys are named, so that `off`, `local` and
 * `remote_write` acknowledge before a standby has flushed; `remote_apply` waits for more than `on`, and is nobody's worry.
 */
import type { DurabilityMode } from './leader-record.ts';

export const WEAK_COMMITS = ['off', 'local', 'remote_write'] as const;
export type WeakCommit = (typeof WEAK_COMMITS)[number];

/** PostgreSQL's own spellings, all of them compared without case. */
const VALUES: Readonly<Record<string, WeakCommit | 'enough'>> = {
  off: 'off',
  false: 'off',
  no: 'off',
  0: 'off',
  local: 'local',
  remote_write: 'remote_write',
  on: 'enough',
  true: 'enough',
  yes: 'enough',
  1: 'enough',
  remote_apply: 'enough',
};

/** Null: not weaker than promised, or no value at all. */
export function weaknessOf(value: string, mode: DurabilityMode): WeakCommit | null {
  const text = value.toLowerCase();
  const strength = Object.hasOwn(VALUES, text) ? VALUES[text] : undefined;
  if (strength === undefined || strength === 'enough') return null;
  // Without standbys to wait for, everything but `off` is flushed on the one disk that async mode promises.
  return mode === 'quorum' || strength === 'off' ? strength : null;
}
