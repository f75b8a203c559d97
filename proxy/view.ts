/**
 * Keeps the view up to date: the leader record, the nodes' addresses and the list of proxies by watching etcd, what each node can do by asking
 * its agent. When etcd goes silent it keeps the last view: the leader fences itself when it loses its right, and a proxy that let go first would
 * turn a blink of the store into an outage. It must never make the routed epoch fall (I15, core/view.ts).
 */
import type { Dcs, Hint, KeyValue, Subscription } from '../shared/dcs/dcs.ts';
import type { Keys } from '../shared/dcs/keys.ts';
import { decodeLeader, decodeNode, decodeOperation, decodeProxy } from '../shared/dcs/records.ts';
import { nameOf, parseNodeName, type NodeName } from '../shared/domain/node-id.ts';
import { EdgeLog } from '../shared/logging/edge-log.ts';
import type { Logger } from '../shared/logging/logger.ts';
import { monotonicMs } from '../shared/runtime/clock.ts';
import type { AgentClient } from './agent-client.ts';
import {
  EMPTY_VIEW,
  judgeRecord,
  leaderOf,
  withFact,
  withNode,
  withoutNode,
  withoutProxy,
  withProxy,
  withSilence,
  type View,
} from './core/view.ts';

export type ViewOptions = {
  readonly dcs: Dcs;
  readonly keys: Keys;
  readonly agents: AgentClient;
  readonly log: Logger;
};

/** What is known about the knowledge itself, for operators. */
export type ViewHealth = {
  /** Monotonic: when etcd last said anything; null before the first word. */
  readonly heardAtMs: number | null;
  /** Why nothing can be watched at present; null while the watch runs. */
  readonly lostWhy: string | null;
};

const POLL_MS = 500;
/** Between two rounds of questions while clients wait for a replay. */
const HURRY_MS = 25;
const POLL_BUDGET_MS = 1_000;

export class ViewFollower {
  readonly #options: ViewOptions;
  readonly #edges: EdgeLog;
  readonly #listeners = new Set<(view: View) => void>();
  readonly #polling = new Set<NodeName>();
  /** Nodes to be asked again as soon as the question under way is answered: that question was sent before the news. */
  readonly #again = new Set<NodeName>();
  #view = EMPTY_VIEW;
  #heardAtMs: number | null = null;
  #lostWhy: string | null = null;
  #subscription: Subscription | null = null;
  #timer: NodeJS.Timeout | null = null;
  #hurryTimer: NodeJS.Timeout | null = null;
  #hurriedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: ViewOptions) {
    this.#options = options;
    this.#edges = new EdgeLog({ log: options.log, now: monotonicMs });
  }

  start(): void {
    this.#subscription = this.#options.dcs.watch(this.#options.keys.prefix, this.#onHint);
    this.#timer = setInterval(() => {
      for (const name of this.#view.nodes.keys()) void this.#poll(name, 'unless-asked');
    }, POLL_MS);
  }

  close(): void {
    this.#subscription?.close();
    this.#subscription = null;
    if (this.#timer !== null) clearInterval(this.#timer);
    if (this.#hurryTimer !== null) clearTimeout(this.#hurryTimer);
    this.#listeners.clear();
  }

  get current(): View {
    return this.#view;
  }

  get health(): ViewHealth {
    return { heardAtMs: this.#heardAtMs, lostWhy: this.#lostWhy };
  }

  /** Called after every change and after every answer of an agent. */
  onChange(listener: (view: View) => void): void {
    this.#listeners.add(listener);
  }

  /** Asks one node's agent now. */
  refresh(name: NodeName): void {
    void this.#poll(name, 'unless-asked');
  }

  /** One more round of questions soon, each of which makes an agent look at its PostgreSQL now. However many call, the rounds keep their distance. */
  hurry(): void {
    if (this.#hurryTimer !== null || this.#subscription === null) return;
    const inMs = Math.max(0, this.#hurriedAtMs + HURRY_MS - monotonicMs());
    this.#hurryTimer = setTimeout(() => {
      this.#hurryTimer = null;
      this.#hurriedAtMs = monotonicMs();
      for (const name of this.#view.nodes.keys()) void this.#poll(name, 'again');
    }, inMs);
  }

  readonly #onHint = (hint: Hint): void => {
    if (hint.kind === 'lost') {
      this.#lostWhy = hint.why;
      this.#edges.report({ key: 'etcd', message: 'view.lost', fields: { why: hint.why } });
      return;
    }
    this.#edges.clear('etcd');
    this.#heardAtMs = monotonicMs();
    this.#lostWhy = null;
    switch (hint.kind) {
      case 'snapshot':
        this.#absorbSnapshot(hint.records);
        break;
      case 'put':
        this.#absorb(hint.record);
        break;
      case 'deleted':
        this.#forget(hint.key);
        break;
    }
  };

  #absorbSnapshot(records: readonly KeyValue[]): void {
    const present = new Set(records.map(({ key }) => key));
    const { keys } = this.#options;
    for (const key of [...[...this.#view.nodes.keys()].map(keys.node), ...[...this.#view.proxies.keys()].map(keys.proxy)]) {
      if (!present.has(key)) this.#forget(key);
    }
    // Addresses first: a leader whose address is not known yet would be nobody for a moment.
    for (const record of records) if (record.key !== this.#options.keys.leader) this.#absorb(record);
    for (const record of records) if (record.key === this.#options.keys.leader) this.#absorb(record);
  }

  #absorb(record: KeyValue): void {
    if (record.key === this.#options.keys.leader) this.#absorbLeader(record.value);
    else if (record.key === this.#options.keys.operation) this.#absorbOperation(record.value);
    else if (record.key.startsWith(this.#options.keys.nodes)) this.#absorbNode(record);
    else if (record.key.startsWith(this.#options.keys.proxies)) this.#absorbProxy(record);
  }

  #absorbLeader(value: string): void {
    const { log } = this.#options;
    const decoded = decodeLeader(value);
    if (decoded.kind === 'malformed') {
      this.#edges.report({ key: 'leader', message: 'view.leader-malformed', level: 'error', fields: { why: decoded.why } });
      return;
    }
    const next = leaderOf(decoded.value);
    const news = judgeRecord(this.#view.leader, next);
    if (news === 'stale' || news === 'other-cluster') {
      this.#edges.report({
        key: 'leader',
        message: `view.leader-${news}`,
        fields: { epoch: next.epoch, seq: next.seq, systemId: next.systemId },
      });
      return;
    }
    this.#edges.clear('leader');
    if (news === 'known') return;
    log.info({ epoch: next.epoch, seq: next.seq, holder: next.holder, state: next.state.kind }, 'view.leader');
    this.#publish({ ...this.#view, leader: next });
    // Of a leader that serves, clients wait to hear that it is open. Before that nobody waits for any answer, and the agents have a leader to make.
    if (next.state.kind === 'serving') void this.#poll(nameOf(next.holder), 'again');
  }

  #absorbOperation(value: string): void {
    const decoded = decodeOperation(value);
    // What cannot be read is for people; the leader record decides, and a move has a time limit of its own.
    if (decoded.kind === 'malformed') return;
    const { id, stage } = decoded.value;
    this.#publish({ ...this.#view, operation: { id, stage } });
  }

  #absorbNode(record: KeyValue): void {
    const name = parseNodeName(record.key.slice(this.#options.keys.nodes.length));
    const decoded = decodeNode(record.value);
    if (name === null || decoded.kind === 'malformed') {
      const why = decoded.kind === 'malformed' ? decoded.why : 'not a node name';
      this.#edges.report({ key: record.key, message: 'view.node-malformed', level: 'error', fields: { why } });
      return;
    }
    this.#edges.clear(record.key);
    this.#publish(withNode(this.#view, name, decoded.value));
    void this.#poll(name, 'again');
  }

  #absorbProxy(record: KeyValue): void {
    const id = record.key.slice(this.#options.keys.proxies.length);
    const decoded = decodeProxy(record.value);
    // One that cannot be asked is none; what it wrote is its own operator's to find.
    // Nobody is woken for it: it decides nothing about any session.
    this.#view = decoded.kind === 'malformed' ? withoutProxy(this.#view, id) : withProxy(this.#view, id, decoded.value.url);
  }

  /** The leader record is never deleted; if somebody does it anyway, the last leader goes on. */
  #forget(key: string): void {
    const { nodes, proxies } = this.#options.keys;
    if (key.startsWith(proxies)) this.#view = withoutProxy(this.#view, key.slice(proxies.length));
    if (!key.startsWith(nodes)) return;
    const name = parseNodeName(key.slice(nodes.length));
    if (name !== null && this.#view.nodes.has(name)) this.#publish(withoutNode(this.#view, name));
  }

  /** One question a node at a time. */
  async #poll(name: NodeName, when: 'again' | 'unless-asked'): Promise<void> {
    const node = this.#view.nodes.get(name);
    if (node === undefined || this.#subscription === null) return;
    if (this.#polling.has(name)) {
      if (when === 'again') this.#again.add(name);
      return;
    }
    this.#polling.add(name);
    const askedAtMs = monotonicMs();
    const { agents } = this.#options;
    const fact = await agents.status(node.record.agentUrl, { budgetMs: POLL_BUDGET_MS, fresh: when === 'again' });
    this.#polling.delete(name);
    if (this.#subscription === null) return;
    this.#publish(fact === null ? withSilence(this.#view, name, askedAtMs) : withFact(this.#view, name, fact));
    if (this.#again.delete(name)) void this.#poll(name, 'again');
  }

  #publish(view: View): void {
    this.#view = view;
    for (const listener of this.#listeners) listener(view);
  }
}
