/**
 * A WAL stream between two servers: the receiver of a standby and its walsender. Bytes come in order or not at all; a cut link keeps both ends waiting
 * until their timeouts; what a standby has flushed is told to the primary whenever the network gets round to it, even after the standby has let go.
 */
import type { MemberId } from '../../shared/domain/node-id.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';
import type { Disk, ServerLife } from './server.ts';
import type { Acknowledger } from './sync-rep.ts';
import type { WalRecord } from './wal.ts';
import type { World } from './world.ts';

/** wal_sender_timeout, wal_receiver_timeout. */
const STREAM_TIMEOUT_MS = 3_000;
const KEEPALIVE_MS = 1_000;
const RETRANSMIT_MS = 100;
const BATCH_MAX = 64;
const HALF_SHARE = 0.12;

export type StreamParts = {
  readonly world: World;
  readonly network: Network;
  readonly random: Random;
  readonly member: MemberId;
  readonly upstream: { readonly host: string; readonly life: ServerLife };
  readonly downstream: { readonly host: string; readonly life: ServerLife };
  /** The standby's. */
  readonly disk: Disk;
};

/** The standby's end: a process that connects, streams, or waits for ever for a place that its source does not have. */
export class Receiver {
  state: 'connecting' | 'streaming' | 'waiting' = 'connecting';
  /** What the other end is told when this one goes; nothing before it streams. */
  onEnd: () => void = () => undefined;
  readonly #life: ServerLife;

  constructor(life: ServerLife) {
    this.#life = life;
    life.receiver = this;
  }

  get isThere(): boolean {
    return this.#life.receiver === this && this.#life.process.isAlive;
  }

  end(): void {
    if (this.#life.receiver !== this) return;
    this.#life.receiver = null;
    this.#life.noteCut();
    this.onEnd();
    if (this.#life.process.isAlive) this.#life.replay();
  }
}

/** A stream from its joining on: the primary's end, and what carries bytes to the standby's. */
export class Sender {
  readonly member: MemberId;
  readonly acknowledger: Acknowledger;
  readonly #parts: StreamParts;
  readonly #receiver: Receiver;
  #isSending = false;
  #isOpen = true;
  /** The standby hangs in a flush. */
  #isStuck = false;
  #sentUpTo: number;
  #heardAtMs: number;
  #spokenAtMs: number;

  /** The receiver must be the one that asked. */
  constructor(parts: StreamParts, receiver: Receiver) {
    const { world, member, upstream, downstream } = parts;
    this.#parts = parts;
    this.#receiver = receiver;
    this.member = member;
    this.acknowledger = { member, copy: upstream.life.sync.setting, flushed: 0 };
    this.#sentUpTo = downstream.life.directory.wal.end;
    this.#heardAtMs = world.nowMs;
    this.#spokenAtMs = world.nowMs;
  }

  join(): void {
    const { world, network, random, upstream, downstream } = this.#parts;
    const receiver = this.#receiver;
    receiver.onEnd = () => network.send(downstream.host, upstream.host, () => upstream.life.process.run(() => this.end()));
    upstream.life.sync.join(this.acknowledger);
    upstream.life.senders.push(this);
    receiver.state = 'streaming';
    this.#reply();
    this.pump();
    world.after(KEEPALIVE_MS * random.between(0.2, 1), () => this.#keepAlive());
  }

  /** More may be there to send. */
  pump(): void {
    const { life } = this.#parts.upstream;
    if (!this.#isOpen || this.#isSending || !life.process.isRunning) return;
    const { wal } = life.directory;
    const batch: WalRecord[] = [];
    for (let at = wal.indexAfter(this.#sentUpTo); at < wal.records.length && batch.length < BATCH_MAX; at += 1) {
      const record = wal.records[at];
      if (record === undefined || record.end > life.available) break;
      batch.push(record);
    }
    const last = batch.at(-1);
    if (last === undefined) return;
    this.#sentUpTo = last.end;
    this.#isSending = true;
    this.#transmit(batch);
  }

  end(): void {
    if (!this.#isOpen) return;
    this.#leave();
    const { senders } = this.#parts.upstream.life;
    const at = senders.indexOf(this);
    if (at !== -1) senders.splice(at, 1);
  }

  /** pg_terminate_backend: the standby hears of it, and attaches again. */
  terminate(): void {
    this.end();
    this.#tellDownstream();
  }

  /** The sending server is gone; the kernel says so if it can. */
  upstreamGone(): void {
    this.#leave();
    this.#tellDownstream();
  }

  #tellDownstream(): void {
    const { network, upstream, downstream } = this.#parts;
    network.send(upstream.host, downstream.host, () => downstream.life.process.run(() => this.#receiver.end()));
  }

  #leave(): void {
    this.#isOpen = false;
    this.#parts.upstream.life.sync.leave(this.acknowledger);
  }

  /** The kernel tries for longer than either end has patience. */
  #transmit(batch: readonly WalRecord[]): void {
    const { world, network, upstream, downstream } = this.#parts;
    if (!this.#isOpen || !upstream.life.process.isAlive) return;
    if (!network.isCut(upstream.host, downstream.host)) network.stream(upstream.host, downstream.host, () => this.#take(batch));
    else world.after(RETRANSMIT_MS, () => this.#transmit(batch));
  }

  /** At the standby: written, flushed, replayed and told. */
  #take(batch: readonly WalRecord[]): void {
    const { random, disk, downstream } = this.#parts;
    const { life } = downstream;
    life.process.run(() => {
      if (!this.#receiver.isThere) return;
      const ms = disk.flushMs();
      if (!Number.isFinite(ms)) {
        // It waits in the flush, says nothing meanwhile, and goes on when the disk does.
        this.#isStuck = true;
        disk.whenBack(() => {
          this.#isStuck = false;
          this.#take(batch);
        });
        return;
      }
      const [first] = batch;
      if (first !== undefined && random.chance(HALF_SHARE)) life.directory.wal.receiveHalf(first);
      life.hasReceived = true;
      life.process.after(ms, () => this.#keep(batch));
    });
  }

  #keep(batch: readonly WalRecord[]): void {
    const { life } = this.#parts.downstream;
    // A receiver that ends flushes what it has taken over, or loses it.
    if (!this.#receiver.isThere) return;
    for (const record of batch) if (!life.directory.wal.receive(record)) return;
    life.replay();
    this.#reply();
    for (const sender of life.senders) sender.pump();
    this.#isSending = false;
    this.pump();
  }

  #reply(): void {
    const { world, network, upstream, downstream } = this.#parts;
    const flushed = downstream.life.directory.wal.end;
    network.send(downstream.host, upstream.host, () =>
      upstream.life.process.run(() => {
        if (!this.#isOpen) return;
        this.#heardAtMs = world.nowMs;
        upstream.life.sync.onReply(this.acknowledger, flushed);
      }),
    );
  }

  /** Both ends look after their timeouts; between whiles the standby says how far it is. */
  #keepAlive(): void {
    const { world, network, upstream, downstream } = this.#parts;
    if (this.#receiver.isThere) {
      const isLinked = !network.isCut(upstream.host, downstream.host) && upstream.life.process.isRunning && this.#isOpen;
      if (isLinked) this.#spokenAtMs = world.nowMs;
      else if (world.nowMs - this.#spokenAtMs > STREAM_TIMEOUT_MS) downstream.life.process.run(() => this.#receiver.end());
      if (downstream.life.process.isRunning && !this.#isStuck) this.#reply();
    }
    if (this.#isOpen && world.nowMs - this.#heardAtMs > STREAM_TIMEOUT_MS) upstream.life.process.run(() => this.end());
    if (this.#isOpen || this.#receiver.isThere) world.after(KEEPALIVE_MS, () => this.#keepAlive());
  }
}
