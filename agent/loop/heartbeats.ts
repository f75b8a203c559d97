/**
 * Listens to the other agents: every heartbeat each is asked how it is, over a kept connection. What comes back is evidence (is the holder alive?
 * whom do others hear?) and confirmation (nothing promised above our epoch). It decides nothing; a silent peer holds up nobody else's heartbeat.
 */
import type { LeaderRecord, NodeRecord } from '../../shared/domain/leader-record.ts';
import { nameOf } from '../../shared/domain/node-id.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import { authorityOf } from '../core/authority.ts';
import type { HolderSigns } from '../core/facts.ts';
import type { JobContext } from './job-context.ts';
import { feedGuard } from './lease.ts';

const NO_SIGNS: Omit<HolderSigns, 'member'> = { heardAtMs: null, walMovedAtMs: null, probeAnsweredAtMs: null, probeFailedAtMs: null };
/** A timer that comes this late means that this process, or its machine, slept. */
const SLEPT_MS = 250;
const AWAKE_BEAT_MS = 50;

export class Heartbeats {
  readonly #context: JobContext;
  readonly #signal: AbortSignal;
  readonly #wake: () => void;
  readonly #asking = new Set<string>();
  #probing = false;
  #lastReceived: bigint | null = null;

  constructor(context: JobContext, signal: AbortSignal, wake: () => void) {
    this.#context = context;
    this.#signal = signal;
    this.#wake = wake;
  }

  async run(): Promise<void> {
    await Promise.all([this.#beatForever(), this.#stayAware()]);
  }

  /** Called after every look at the local server: WAL that arrived is a sign of life of whoever sent it. */
  noteReceived(received: bigint | null): void {
    const { situation } = this.#context;
    if (
      received !== null &&
      this.#lastReceived !== null &&
      received > this.#lastReceived &&
      situation.following?.holder === situation.holder.member
    ) {
      situation.holder = { ...situation.holder, walMovedAtMs: monotonicMs() };
    }
    this.#lastReceived = received;
  }

  async #beatForever(): Promise<void> {
    const { store, situation, policy } = this.#context;
    while (!this.#signal.aborted) {
      const { view, nodes } = store.facts();
      const record = view.kind === 'present' ? view.record : null;
      if (record !== null && situation.holder.member !== record.holder) situation.holder = { member: record.holder, ...NO_SIGNS };
      const own = nameOf(situation.member());
      for (const node of nodes.values()) {
        const name = nameOf(node.member);
        if (name === own || this.#asking.has(name)) continue;
        this.#asking.add(name);
        void this.#ask(node).finally(() => {
          this.#asking.delete(name);
          this.#wake();
        });
      }
      if (record !== null) this.#probeIfSilent(record, nodes.get(nameOf(record.holder)));
      await sleep(policy.heartbeatMs, this.#signal);
    }
  }

  async #ask(node: NodeRecord): Promise<void> {
    const { peers, situation, policy, store } = this.#context;
    const status = await peers.status(node.agentUrl, policy.suspectMs / 2, this.#signal);
    if (status === null) return;
    situation.peers.set(status.name, status);
    if (status.member === situation.holder.member) situation.holder = { ...situation.holder, heardAtMs: status.heardAtMs };
    const { view } = store.facts();
    if (view.kind !== 'present' || view.record.holder !== situation.member()) return;
    if (status.promised <= view.record.epoch) {
      situation.confirmations.set(status.member, { epoch: view.record.epoch, askedAtMs: status.askedAtMs });
      this.#extendAuthority(view.record);
    }
  }

  /** A1: confirmations carry a leader through an outage of etcd; the guard is fed what they entitle to. */
  #extendAuthority(record: LeaderRecord): void {
    const { situation, guard } = this.#context;
    const authority = authorityOf(situation.facts(), record);
    const deadline = guard.status()?.deadline;
    if (authority?.by !== 'confirmations' || deadline === undefined || deadline === null || deadline.epoch !== record.epoch.toString())
      return;
    // Renewals feed the guard anyway; a deadline that is hardly later is not worth a message.
    if (authority.untilMs - deadline.untilMs > record.ttlMs / 10) void feedGuard(guard, record.epoch, authority.untilMs);
  }

  /** Only a holder whose agent is silent is asked past its agent. */
  #probeIfSilent(record: LeaderRecord, node: NodeRecord | undefined): void {
    const { situation, policy, postgres } = this.#context;
    const { holder } = situation;
    if (this.#probing || node === undefined || record.holder === situation.member() || holder.heardAtMs === null) return;
    if (monotonicMs() - holder.heardAtMs < 2 * policy.heartbeatMs) return;
    this.#probing = true;
    void postgres.probe({ host: node.pgHost, port: node.pgPort }, policy.suspectMs / 2).then((answered) => {
      this.#probing = false;
      if (situation.holder.member !== record.holder) return;
      const atMs = monotonicMs();
      situation.holder = answered ? { ...situation.holder, probeAnsweredAtMs: atMs } : { ...situation.holder, probeFailedAtMs: atMs };
      this.#wake();
    });
  }

  /** Notices its own sleep: silence that nobody was awake to hear is no evidence. */
  async #stayAware(): Promise<void> {
    let lastMs = monotonicMs();
    while (!this.#signal.aborted) {
      await sleep(AWAKE_BEAT_MS, this.#signal);
      const nowMs = monotonicMs();
      if (nowMs - lastMs > AWAKE_BEAT_MS + SLEPT_MS) this.#context.situation.awakeSinceMs = nowMs;
      lastMs = nowMs;
    }
  }
}
