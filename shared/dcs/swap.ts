/** One compare-and-swap and its answer, in our words: what the etcd door and the fake store have in common. Imports no client. */
import type { Expected, Header, KeyValue, ModRevision, Put } from './dcs.ts';

export type Swap = {
  readonly key: string;
  readonly expected: Expected;
  /** Null deletes the key. */
  readonly value: string | null;
  readonly lease?: string;
  readonly also: readonly Put[];
};

export type SwapReply = {
  readonly succeeded: boolean;
  readonly header: Header;
  /** Not succeeded: what is there instead; null when the key is absent. */
  readonly current: KeyValue | null;
};

export function modRevision(value: bigint): ModRevision {
  return value as ModRevision;
}

/** S3: a value that carries the nonce of a change is that change. */
export function carries(nonce: string): (current: KeyValue | null) => boolean {
  return (current) => current !== null && current.value.includes(nonce);
}
