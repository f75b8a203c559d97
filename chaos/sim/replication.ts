/**
 * A WAL stream between two servers: the receiver of a standby and its walsender. Bytes come in order or not at all; a cut link keeps both ends waiting
 * until their timeouts; what a standby has flushed is told to the primary whenever the network gets round to it, even after the standby has let go.
 */
import type { MemberId } from '../../shared/domain/node-id.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';
import type { Disk, ServerLife } from './server.ts';
import type { SyncRep } from './sync-rep.ts';
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

/** The primary's end. */
export type Sender = {
  readonly member: MemberId;
  readonly acknowledger: Parameters<SyncRep['join']>[0];
  /** More may be there to send. */
  readonly pump: () => void;
  /** The sending server is gone; the kernel says so if it can. */
  readonly upstreamGone: () => void;
  readonly end: () => void;
};

/** Joins the two ends. The receiver must be the one that asked. */
export function stream(parts: StreamParts, receiver: Receiver): Sender {
  const { world, network, random, member, upstream, downstream, disk } = parts;
  const { sync } = upstream.life;
  const acknowledger = { member, copy: sync.setting, flushed: 0 };
  let isSending = false;
  let isOpen = true;
  let isStuck = false;
  let sentUpTo = downstream.life.directory.wal.end;
  let heardAtMs = world.nowMs;
  let spokenAtMs = world.nowMs;

  const reply = (flushed: number): void => {
    network.send(downstream.host, upstream.host, () =>
      upstream.life.process.run(() => {
        if (!isOpen) return;
        heardAtMs = world.nowMs;
        sync.onReply(acknowledger, flushed);
      }),
    );
  };

  const take = (batch: readonly WalRecord[]): void => {
    downstream.life.process.run(() => {
      if (!receiver.isThere) return;
      const { life } = downstream;
      const ms = disk.flushMs();
      if (!Number.isFinite(ms)) {
        // It waits in the flush, says nothing meanwhile, and goes on when the disk does.
        isStuck = true;
        disk.whenBack(() => {
          isStuck = false;
          take(batch);
        });
        return;
      }
      const [first] = batch;
      if (first !== undefined && random.chance(HALF_SHARE)) life.directory.wal.receiveHalf(first);
      life.hasReceived = true;
      life.process.after(ms, () => {
        // A receiver that ends flushes what it has taken over, or loses it.
        if (!receiver.isThere) return;
        for (const record of batch) if (!life.directory.wal.receive(record)) return;
        life.replay();
        reply(life.directory.wal.end);
        for (const sender of life.senders) sender.pump();
        isSending = false;
        pump();
      });
    });
  };

  const transmit = (batch: readonly WalRecord[], sinceMs: number): void => {
    if (!isOpen || !upstream.life.process.isAlive) return;
    if (!network.isCut(upstream.host, downstream.host)) network.stream(upstream.host, downstream.host, () => take(batch));
    else if (world.nowMs - sinceMs < STREAM_TIMEOUT_MS) world.after(RETRANSMIT_MS, () => transmit(batch, sinceMs));
  };

  const pump = (): void => {
    if (!isOpen || isSending || !upstream.life.process.isRunning) return;
    const { records } = upstream.life.directory.wal;
    const from = upstream.life.directory.wal.indexAfter(sentUpTo);
    const batch: WalRecord[] = [];
    for (let at = from; at < records.length && batch.length < BATCH_MAX; at += 1) {
      const record = records[at];
      if (record === undefined || record.end > upstream.life.available) break;
      batch.push(record);
    }
    const last = batch.at(-1);
    if (last === undefined) return;
    sentUpTo = last.end;
    isSending = true;
    transmit(batch, world.nowMs);
  };

  const endSender = (): void => {
    if (!isOpen) return;
    isOpen = false;
    sync.leave(acknowledger);
    const at = upstream.life.senders.indexOf(sender);
    if (at !== -1) upstream.life.senders.splice(at, 1);
  };

  const sender: Sender = {
    member,
    acknowledger,
    pump,
    end: endSender,
    upstreamGone: () => {
      isOpen = false;
      sync.leave(acknowledger);
      network.send(upstream.host, downstream.host, () => downstream.life.process.run(() => receiver.end()));
    },
  };

  /** Both ends look after their timeouts; between whiles the standby says how far it is. */
  const keepAlive = (): void => {
    if (receiver.isThere) {
      if (!network.isCut(upstream.host, downstream.host) && upstream.life.process.isRunning && isOpen) spokenAtMs = world.nowMs;
      else if (world.nowMs - spokenAtMs > STREAM_TIMEOUT_MS) downstream.life.process.run(() => receiver.end());
      if (downstream.life.process.isRunning && !isStuck) reply(downstream.life.directory.wal.end);
    }
    if (isOpen && world.nowMs - heardAtMs > STREAM_TIMEOUT_MS) upstream.life.process.run(endSender);
    if (isOpen || receiver.isThere) world.after(KEEPALIVE_MS, keepAlive);
  };

  receiver.onEnd = () => network.send(downstream.host, upstream.host, () => upstream.life.process.run(endSender));
  sync.join(acknowledger);
  upstream.life.senders.push(sender);
  receiver.state = 'streaming';
  reply(downstream.life.directory.wal.end);
  pump();
  world.after(KEEPALIVE_MS * random.between(0.2, 1), keepAlive);
  return sender;
}
