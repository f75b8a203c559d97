/**
 * Watches one prefix over a raw stream: first a snapshot, then changes, and after every break a new snapshot from the next endpoint. No
 * history is kept, so compaction and lost events do not matter. What it says is a hint (S5) and it must never claim more.
 *
 * A watch dies silently in almost every fault, and TCP notices too late. So it is asked for progress every 150 ms; 500 ms without any
 * message end it. The stream starts at the revision of the snapshot, not one after it: some etcd versions do not answer progress requests
 * while the start lies in the future, which makes a healthy watch look dead.
 */
import type { Etcd3, ITxnResponse, IWatchRequest, IWatchResponse } from 'etcd3';
import { monotonicMs } from '../runtime/clock.ts';
import type { Hint, Subscription } from './dcs.ts';
import { openClient } from './etcd-client.ts';
import type { EtcdEndpoint } from './etcd-endpoint.ts';
import { classify } from './etcd-outcome.ts';
import type { EtcdPool } from './etcd-pool.ts';
import { headerOf, keyValueOf, rangeOf, readRequest, recordsOf } from './etcd-rpc.ts';
import { modRevision } from './swap.ts';

const BEAT_MS = 150;
const SILENCE_MS = 500;
const RETRY_FIRST_MS = 50;
const RETRY_LONGEST_MS = 500;

/** `suspicious`: the endpoint kept silent or could not be reached. */
type Break = { readonly why: string; readonly suspicious: boolean };
type Stream = Awaited<ReturnType<Etcd3['watchClient']['watch']>>;

export class EtcdWatch implements Subscription {
  readonly #pool: EtcdPool;
  readonly #prefix: string;
  readonly #onHint: (hint: Hint) => void;
  readonly #onClosed: () => void;
  #last: EtcdEndpoint | null = null;
  #current: WatchedStream | null = null;
  #retryTimer: NodeJS.Timeout | undefined;
  #stopWaiting: (() => void) | null = null;
  #failures = 0;
  #isLost = false;
  #closed = false;

  constructor(pool: EtcdPool, prefix: string, onHint: (hint: Hint) => void, onClosed: () => void) {
    this.#pool = pool;
    this.#prefix = prefix;
    this.#onHint = onHint;
    this.#onClosed = onClosed;
  }

  start(): void {
    if (this.#closed) return;
    const endpoint = this.#pool.pickForWatch(this.#last);
    if (endpoint === null) return this.#wait();
    this.#last = endpoint;
    this.#current = new WatchedStream(endpoint, this.#pool, this.#prefix, {
      onHint: (hint) => this.#deliver(endpoint, hint),
      onBreak: (reason) => this.#onBreak(endpoint, reason),
    });
    this.#current.open();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    this.#stopWaiting?.();
    this.#current?.close();
    this.#onClosed();
  }

  #deliver(endpoint: EtcdEndpoint, hint: Hint): void {
    if (this.#closed) return;
    if (hint.kind === 'snapshot') {
      this.#failures = 0;
      this.#isLost = false;
      this.#pool.onEvent({ kind: 'watch-open', url: endpoint.url, prefix: this.#prefix });
    }
    this.#onHint(hint);
  }

  #onBreak(endpoint: EtcdEndpoint, reason: Break): void {
    this.#current = null;
    if (this.#closed) return;
    this.#pool.onEvent({ kind: 'watch-lost', url: endpoint.url, prefix: this.#prefix, why: reason.why });
    if (reason.suspicious) endpoint.suspect(`watch: ${reason.why}`);
    this.#sayLost(`${endpoint.url}: ${reason.why}`);
    const delayMs = this.#failures === 0 ? 0 : Math.min(RETRY_FIRST_MS * 2 ** (this.#failures - 1), RETRY_LONGEST_MS);
    this.#failures += 1;
    this.#retryTimer = setTimeout(() => this.start(), delayMs);
  }

  #wait(): void {
    this.#sayLost('no endpoint of etcd is reachable');
    this.#stopWaiting ??= this.#pool.onReady(() => {
      this.#stopWaiting = null;
      this.start();
    });
  }

  #sayLost(why: string): void {
    if (this.#isLost || this.#closed) return;
    this.#isLost = true;
    this.#onHint({ kind: 'lost', why });
  }
}

type StreamCallbacks = { readonly onHint: (hint: Hint) => void; readonly onBreak: (reason: Break) => void };

/** One life of a watch at one endpoint, on a client of its own: a fault of it must not cut the calls, nor theirs the watch. */
class WatchedStream {
  readonly #endpoint: EtcdEndpoint;
  readonly #pool: EtcdPool;
  readonly #prefix: string;
  readonly #callbacks: StreamCallbacks;
  readonly #client: Etcd3;
  #stream: Stream | null = null;
  #timer: NodeJS.Timeout | undefined;
  #lastMessageAtMs = 0;
  #snapshotRevision = 0n;
  #ended = false;

  constructor(endpoint: EtcdEndpoint, pool: EtcdPool, prefix: string, callbacks: StreamCallbacks) {
    this.#endpoint = endpoint;
    this.#pool = pool;
    this.#prefix = prefix;
    this.#callbacks = callbacks;
    this.#client = openClient(endpoint.url, pool.connection);
  }

  open(): void {
    void this.#follow();
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    // Cancelled before the client is closed: a stream that is only closed keeps the process alive for ever.
    this.#stream?.cancel();
    this.#client.close();
  }

  /** An error thrown by the consumer of a hint is a broken invariant of ours: it is left unhandled here, and must not pass for a broken watch. */
  async #follow(): Promise<void> {
    const sentAtMs = monotonicMs();
    const reply = await this.#readSnapshot();
    if (reply === null || this.#ended) return;
    this.#endpoint.noteAnswer();
    this.#snapshotRevision = BigInt(reply.header.revision);
    this.#callbacks.onHint({ kind: 'snapshot', header: headerOf(reply.header), records: recordsOf(reply), sentAtMs });
    await this.#openStream();
  }

  /** Also renews an outdated login, which a stream would not do. */
  async #readSnapshot(): Promise<ITxnResponse | null> {
    const { callMs } = this.#pool.connection;
    // The client's own deadline does not bound a login.
    this.#timer = setTimeout(() => this.#break({ why: 'no answer to the snapshot read', suspicious: true }), callMs + BEAT_MS);
    try {
      return await this.#client.kv.txn(readRequest([this.#prefix]), { deadline: Date.now() + callMs });
    } catch (error) {
      this.#break(classify(error));
      return null;
    } finally {
      clearTimeout(this.#timer);
    }
  }

  async #openStream(): Promise<void> {
    if (this.#ended) return;
    this.#lastMessageAtMs = monotonicMs();
    this.#timer = setTimeout(() => this.#beat(), BEAT_MS);
    try {
      const stream = await this.#client.watchClient.watch();
      stream.on('error', (error) => this.#break({ why: error.message, suspicious: !error.message.includes('etcdserver:') }));
      stream.on('end', () => this.#break({ why: 'the stream ended', suspicious: false }));
      if (this.#ended) return stream.cancel();
      this.#stream = stream;
      stream.on('data', (message) => this.#onMessage(message));
      const request: IWatchRequest = { create_request: { ...rangeOf(this.#prefix), start_revision: this.#snapshotRevision.toString() } };
      stream.write(request);
    } catch (error) {
      this.#break(classify(error));
    }
  }

  #onMessage(message: IWatchResponse): void {
    if (this.#ended) return;
    this.#lastMessageAtMs = monotonicMs();
    this.#endpoint.noteAnswer();
    if (message.canceled) {
      const compacted = message.compact_revision !== '0';
      return this.#break({ why: compacted ? 'the history was compacted' : `cancelled: ${message.cancel_reason}`, suspicious: false });
    }
    for (const event of message.events) {
      // The start revision itself is repeated; the snapshot already told it.
      if (BigInt(event.kv.mod_revision) <= this.#snapshotRevision || this.#ended) continue;
      if (event.type === 'Delete')
        this.#callbacks.onHint({
          kind: 'deleted',
          key: event.kv.key.toString('utf8'),
          modRevision: modRevision(BigInt(event.kv.mod_revision)),
        });
      else this.#callbacks.onHint({ kind: 'put', record: keyValueOf(event.kv) });
    }
  }

  #beat(): void {
    if (this.#isSilent()) {
      // After a stall of this process, messages may lie unread in the socket: timers run before them. Read first, judge then.
      setImmediate(() => {
        if (this.#isSilent()) this.#break({ why: 'silent', suspicious: true });
        else this.#beat();
      });
      return;
    }
    if (this.#ended) return;
    this.#stream?.write({ progress_request: {} });
    this.#timer = setTimeout(() => this.#beat(), BEAT_MS);
  }

  #isSilent(): boolean {
    return !this.#ended && monotonicMs() - this.#lastMessageAtMs >= SILENCE_MS;
  }

  #break(reason: Break): void {
    if (this.#ended) return;
    this.close();
    this.#callbacks.onBreak(reason);
  }
}
