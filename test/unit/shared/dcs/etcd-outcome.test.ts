/** Errors of the etcd client, in the words in which they were seen: only what etcd itself said is an answer. */
import {
  ClientClosedError,
  EtcdInvalidAuthTokenError,
  EtcdLeaseInvalidError,
  EtcdPermissionDeniedError,
  GRPCCancelledError,
  GRPCDeadlineExceededError,
  GRPCInvalidArgumentError,
  GRPCOutOfRangeError,
  GRPCResourceExhastedError,
  GRPCUnavailableError,
  GRPCUnknownError,
} from 'etcd3';
import { describe, expect, it } from 'vitest';
import { classify } from '../../../../shared/dcs/etcd-outcome.ts';

describe('the outcome of a failed attempt', () => {
  it.each<[Error, string, boolean]>([
    [new GRPCDeadlineExceededError('4 DEADLINE_EXCEEDED: Deadline exceeded after 0.3s,Waiting for LB pick'), 'unknown', true],
    [new GRPCUnavailableError('14 UNAVAILABLE: read ECONNRESET'), 'unknown', true],
    [new GRPCUnavailableError('14 UNAVAILABLE: etcdserver: request timed out, possibly due to previous leader failure'), 'unknown', false],
    [new GRPCUnknownError('2 UNKNOWN: context deadline exceeded'), 'unknown', true],
    [new GRPCCancelledError('1 CANCELLED: etcdserver: request cancelled'), 'unknown', false],
    [new GRPCResourceExhastedError('8 RESOURCE_EXHAUSTED: Bandwidth exhausted or memory limit exceeded'), 'unknown', true],
    [new GRPCResourceExhastedError('8 RESOURCE_EXHAUSTED: etcdserver: mvcc: database space exceeded'), 'refused', false],
    [new GRPCResourceExhastedError('8 RESOURCE_EXHAUSTED: etcdserver: too many requests'), 'not-done', false],
    [new GRPCOutOfRangeError('11 OUT_OF_RANGE: etcdserver: mvcc: required revision has been compacted'), 'refused', false],
    [new GRPCInvalidArgumentError('3 INVALID_ARGUMENT: etcdserver: user name is empty'), 'refused', false],
    [new GRPCInvalidArgumentError('3 INVALID_ARGUMENT: etcdserver: revision of auth store is old'), 'not-done', false],
    [new EtcdPermissionDeniedError('7 PERMISSION_DENIED: etcdserver: permission denied'), 'refused', false],
    [new EtcdPermissionDeniedError('7 PERMISSION_DENIED: a proxy on the way'), 'unknown', true],
    [new EtcdLeaseInvalidError('5'), 'refused', false],
    [new EtcdInvalidAuthTokenError('16 UNAUTHENTICATED: etcdserver: invalid auth token'), 'not-done', false],
    [new GRPCUnavailableError('14 UNAVAILABLE: etcdserver: no leader'), 'not-done', false],
    [new GRPCUnavailableError('14 UNAVAILABLE: No connection established. Last error: connect ECONNREFUSED'), 'not-done', true],
    [new ClientClosedError('KV'), 'not-done', false],
    [new Error('something else'), 'unknown', true],
  ])('%s', (error, kind, suspicious) => {
    expect(classify(error)).toMatchObject({ kind, suspicious });
  });

  it('takes what is not an error for unknown', () => {
    expect(classify('text').kind).toBe('unknown');
  });
});
