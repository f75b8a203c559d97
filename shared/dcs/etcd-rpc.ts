/**
 * Our words ↔ etcd's messages. The client turns wrong input silently into other requests (a key given as text becomes base64 garbage, a
 * missing `target` compares the version, a misspelt revision means "absent"), so every message is made here, from types that cannot be wrong.
 */
import type { Etcd3, IKeyValue, IRequestOp, IResponseHeader, ITxnRequest, ITxnResponse } from 'etcd3';
import { castGrpcError } from 'etcd3';
import { assert } from '../assert.ts';
import { ABSENT, type Header, type KeyValue, type Put } from './dcs.ts';
import { modRevision, type Swap, type SwapReply } from './swap.ts';

export function headerOf(header: IResponseHeader): Header {
  return { clusterId: header.cluster_id, revision: BigInt(header.revision), raftTerm: BigInt(header.raft_term) };
}

export function keyValueOf(kv: IKeyValue): KeyValue {
  return { key: kv.key.toString('utf8'), value: kv.value.toString('utf8'), modRevision: modRevision(BigInt(kv.mod_revision)) };
}

/** The range of all keys that begin with `prefix`: up to, not including, the prefix with its last byte raised by one. */
export function rangeOf(keyOrPrefix: string): { readonly key: Buffer; readonly range_end?: Buffer } {
  const key = Buffer.from(keyOrPrefix);
  if (!keyOrPrefix.endsWith('/')) return { key };
  const end = Buffer.from(key);
  end[end.length - 1] = '/'.charCodeAt(0) + 1;
  return { key, range_end: end };
}

/** One transaction of nothing but ranges: linearizable, and all of one revision. */
export function readRequest(keys: readonly string[]): ITxnRequest {
  assert(keys.length > 0 && keys.length <= 128, 'a read names 1 to 128 keys');
  return { compare: [], success: keys.map((key) => ({ request_range: rangeOf(key) })), failure: [] };
}

/** A key that is named twice, by itself and by its prefix, is one record. */
export function recordsOf(reply: ITxnResponse): readonly KeyValue[] {
  const records = new Map<string, KeyValue>();
  for (const response of reply.responses) {
    for (const kv of response.response_range.kvs) {
      const record = keyValueOf(kv);
      records.set(record.key, record);
    }
  }
  return [...records.values()];
}

export function swapRequest(swap: Swap): ITxnRequest {
  const key = Buffer.from(swap.key);
  const main: IRequestOp =
    swap.value === null
      ? { request_delete_range: { key } }
      : putOf({ key: swap.key, value: swap.value, ...(swap.lease === undefined ? {} : { lease: swap.lease }) });
  return {
    compare: [{ key, target: 'Mod', result: 'Equal', mod_revision: swap.expected === ABSENT ? '0' : swap.expected.toString() }],
    success: [main, ...swap.also.map(putOf)],
    failure: [{ request_range: { key } }],
  };
}

function putOf(put: Put): IRequestOp {
  return {
    request_put: { key: Buffer.from(put.key), value: Buffer.from(put.value), ...(put.lease === undefined ? {} : { lease: put.lease }) },
  };
}

export function swapReplyOf(reply: ITxnResponse): SwapReply {
  const header = headerOf(reply.header);
  if (reply.succeeded) return { succeeded: true, header, current: null };
  const kv = reply.responses[0]?.response_range.kvs[0];
  return { succeeded: false, header, current: kv === undefined ? null : keyValueOf(kv) };
}

/**
 * Renews a lease once, over a short stream of its own, and says how many seconds are left; 0 means that the lease is gone (etcd does not
 * call that an error). A long stream would keep an outdated token and, forgotten, the process alive.
 */
export async function keepAliveOnce(client: Etcd3, id: string, deadline: number): Promise<number> {
  const stream = await client.leaseClient.leaseKeepAlive({ deadline });
  return new Promise((resolve, reject) => {
    stream.on('data', (reply) => {
      resolve(Number(reply.TTL));
      stream.end();
    });
    stream.on('error', (error) => reject(castGrpcError(error)));
    stream.on('end', () => reject(new Error('the stream ended before an answer')));
    stream.write({ ID: id });
  });
}
