/**
 * Listens to the other agents: every heartbeat each is asked how it is. What comes back is evidence (is the holder alive? whom do others hear?) and
 * confirmation (nothing promised above our epoch). It decides nothing; a silent peer holds up nobody else's heartbeat.
 */
import type { LeaderRecord, NodeRecord } from '../../shared/domain/leader-record.ts';
import { nameOf, type NodeName } from '../../shared/domain/node-id.ts';
import { authorityOf, recordInForce } from '../core/authority.ts';
import type { StatusReply } from './asks.ts';
import type { Bench } from './recipe.ts';
import { NO_SIGNS } from './situation.ts';

/** A wake-up that comes this late means that this process, or its machine, slept. */
const SLEPT_MS = 150;

export class Heartbeats {
  readonly #bench: Bench;
  readonly #asking = new Set<NodeName>();
  #nextBeatAtMs = 0;
  #probing = false;
  #lastReceived: bigint | null = null;

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  /** Before anything else is made of what has arrived: silence that nobody was awake to hear is no evidence. */
  noticeSleep(): void {
    const { outbox, situation } = this.#bench;
    if (this.#nextBeatAtMs > 0 && outbox.nowMs - this.#nextBeatAtMs > SLEPT_MS) situation.awakeSinceMs = outbox.nowMs;
  }

  run(): void {
    const { outbox, policy } = this.#bench;
    if (!outbox.reached(this.#nextBeatAtMs)) return;
    this.#nextBeatAtMs = outbox.nowMs + policy.heartbeatMs;
    outbox.reached(this.#nextBeatAtMs);
    this.#beat();
  }

  /** Called after every look at the local server: WAL that arrived is a sign of life of whoever sent it. */
  noteReceived(received: bigint | null): void {
    const { situation, outbox } = this.#bench;
    const last = this.#lastReceived;
    this.#lastReceived = received;
    if (received === null || last === null || received <= last || situation.following?.holder !== situation.holder.member) return;
    situation.holder = { ...situation.holder, walMovedAtMs: outbox.nowMs };
  }

  #beat(): void {
    const { store, situation } = this.#bench;
    const { nodes } = store.facts();
    const { record } = store;
    if (record !== null && situation.holder.member !== record.holder) situation.holder = { ...NO_SIGNS, member: record.holder };
    for (const node of nodes.values()) {
      const name = nameOf(node.member);
      if (name !== situation.self.name && !this.#asking.has(name)) this.#ask(name, node);
    }
    if (record !== null) this.#probeIfSilent(record, nodes.get(nameOf(record.holder)));
  }

  #ask(name: NodeName, node: NodeRecord): void {
    const { outbox, policy } = this.#bench;
    const askedAtMs = outbox.nowMs;
    this.#asking.add(name);
    const question = { kind: 'ask-status', name, url: node.agentUrl, timeoutMs: policy.suspectMs / 2, fresh: false } as const;
    outbox.ask<'ask-status'>(question, (reply) => {
      this.#asking.delete(name);
      if (reply !== null && reply.name === name) this.#heard(reply, askedAtMs);
    });
  }

  #heard(reply: StatusReply, askedAtMs: number): void {
    const { situation, outbox, store, file } = this.#bench;
    // Somebody led it, or us, to the wrong cluster: what it says there is true, and none of our business.
    const { systemId } = file.current;
    if (systemId !== null && reply.systemId !== null && reply.systemId !== systemId) return;
    situation.peers.set(reply.name, { ...reply, askedAtMs, heardAtMs: outbox.nowMs });
    if (reply.member === situation.holder.member) situation.holder = { ...situation.holder, heardAtMs: outbox.nowMs };
    const isOurs = store.facts().nodes.get(reply.name)?.member === reply.member;
    if (reply.accepted !== null && isOurs) store.noteActedOn(reply.accepted);
    const record = recordInForce(situation.facts());
    if (record === null || record.holder !== situation.member || reply.promised > record.epoch) return;
    situation.confirmations.set(reply.member, { epoch: record.epoch, askedAtMs });
    this.#extendAuthority(record);
  }

  /** A1: confirmations carry a leader through an outage of etcd; the guard is fed what they entitle to. */
  #extendAuthority(record: LeaderRecord): void {
    const { situation } = this.#bench;
    const deadline = situation.guard?.deadline ?? null;
    if (deadline === null || deadline.epoch !== record.epoch.toString()) return;
    const authority = authorityOf(situation.facts(), record);
    // Renewals feed the guard anyway; a deadline that is hardly later is not worth a message.
    if (authority?.by !== 'confirmations' || authority.untilMs - deadline.untilMs <= record.ttlMs / 10) return;
    this.#bench.outbox.ask<'feed-guard'>({ kind: 'feed-guard', epoch: record.epoch, untilMs: authority.untilMs }, () => undefined);
  }

  /** Only a holder whose agent is silent is asked past its agent. */
  #probeIfSilent(record: LeaderRecord, node: NodeRecord | undefined): void {
    const { situation, policy, outbox } = this.#bench;
    const { holder } = situation;
    if (this.#probing || node === undefined || record.holder === situation.member || holder.heardAtMs === null) return;
    if (outbox.nowMs - holder.heardAtMs < 2 * policy.heartbeatMs) return;
    this.#probing = true;
    const question = { kind: 'probe', host: node.pgHost, port: node.pgPort, deadlineMs: policy.suspectMs / 2 } as const;
    outbox.ask<'probe'>(question, (answered) => {
      this.#probing = false;
      if (situation.holder.member !== record.holder) return;
      const at = answered ? { probeAnsweredAtMs: outbox.nowMs } : { probeFailedAtMs: outbox.nowMs };
      situation.holder = { ...situation.holder, ...at };
    });
  }
}
