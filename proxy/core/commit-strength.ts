/**
 * Does a session ask for commits that reach below what the cluster's mode promises? Pure. It sees what the client says when it connects, and
 * nothing of what it sets later; a stronger setting is never held against anybody.
 */
import { weaknessOf, type WeakCommit } from '../../shared/domain/commit-strength.ts';
import type { DurabilityMode } from '../../shared/domain/leader-record.ts';
import type { Setting } from './startup-options.ts';

export function weakCommitOf(settings: readonly Setting[], mode: DurabilityMode): WeakCommit | null {
  const last = settings.findLast(({ name }) => name === 'synchronous_commit');
  return last === undefined ? null : weaknessOf(last.value, mode);
}
