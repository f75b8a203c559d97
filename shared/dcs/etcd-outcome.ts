/**
 * What became of one copy of a request, read from what the etcd client threw. It must never call something "not done" that may still
 * happen: a deadline, a lost connection and etcd's own time-outs are all `unknown`, however unlikely the request is to be alive.
 *
 * The client throws classes without a code, and one class can mean both: RESOURCE_EXHAUSTED is etcd's full quota (an answer) and the
 * transport's "too many pings" (no answer). Only text that etcd itself wrote ("etcdserver:") counts as an answer.
 */
import {
  ClientClosedError,
  EtcdAuthenticationFailedError,
  EtcdInvalidAuthTokenError,
  EtcdLeaseInvalidError,
  EtcdPermissionDeniedError,
  GRPCDeadlineExceededError,
  GRPCFailedPreconditionError,
  GRPCInvalidArgumentError,
  GRPCOutOfRangeError,
  GRPCResourceExhastedError,
  GRPCUnauthenticatedError,
  GRPCUnavailableError,
} from 'etcd3';

export type Failure = {
  readonly kind:
    /** Etcd answered that it will not do this, neither here nor elsewhere. */
    | 'refused'
    /** This copy was never proposed; another one may succeed. */
    | 'not-done'
    /** This copy may have been done, or may still be. */
    | 'unknown';
  readonly why: string;
  /** The endpoint itself looks dead or unreachable, as opposed to alive and unable. */
  readonly suspicious: boolean;
};

export type Answer<A> = {
  readonly kind: 'answered';
  readonly value: A;
  /** Monotonic, before this copy was sent. */ readonly sentAtMs: number;
};
export type Attempt<A> = Answer<A> | Failure;

const DEFINITE_CLASSES = [
  EtcdAuthenticationFailedError,
  EtcdPermissionDeniedError,
  GRPCFailedPreconditionError,
  GRPCInvalidArgumentError,
  GRPCOutOfRangeError,
  GRPCResourceExhastedError,
] as const;

/** Answered before the request reached Raft, for a reason that passes. */
const NOT_PROPOSED = ['etcdserver: no leader', 'etcdserver: too many requests', 'etcdserver: revision of auth store is old'];

export const TIMED_OUT: Failure = { kind: 'unknown', why: 'no answer within the deadline', suspicious: true };

export function classify(error: unknown): Failure {
  if (!(error instanceof Error)) return { kind: 'unknown', why: String(error), suspicious: true };
  const why = error.message;
  if (error instanceof ClientClosedError) return { kind: 'not-done', why, suspicious: false };
  if (error instanceof EtcdLeaseInvalidError) return { kind: 'refused', why: 'the lease does not exist', suspicious: false };
  if (error instanceof EtcdInvalidAuthTokenError || error instanceof GRPCUnauthenticatedError)
    return { kind: 'not-done', why, suspicious: false };
  if (NOT_PROPOSED.some((text) => why.includes(text))) return { kind: 'not-done', why, suspicious: false };
  const writtenByEtcd = why.includes('etcdserver:');
  if (writtenByEtcd && DEFINITE_CLASSES.some((definite) => error instanceof definite)) return { kind: 'refused', why, suspicious: false };
  // The channel had no connection to send on, and the call does not wait for one.
  if (error instanceof GRPCUnavailableError && why.includes('No connection established'))
    return { kind: 'not-done', why, suspicious: true };
  return { kind: 'unknown', why, suspicious: !writtenByEtcd || error instanceof GRPCDeadlineExceededError };
}
