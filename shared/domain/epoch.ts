/** The fencing token: one per leadership, only grows (I6). A bigint, so that it survives every arithmetic and is never mistaken for a count. */
import type { Brand } from './brand.ts';

export type Epoch = Brand<bigint, 'Epoch'>;

export function epoch(value: bigint): Epoch {
  return value as Epoch;
}

export const EPOCH_ZERO = epoch(0n);

export function nextEpoch(value: Epoch): Epoch {
  return epoch(value + 1n);
}

export function maxEpoch(first: Epoch, ...rest: readonly Epoch[]): Epoch {
  return rest.reduce((largest, value) => (value > largest ? value : largest), first);
}
