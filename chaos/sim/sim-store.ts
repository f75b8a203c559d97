/**
 * etcd as its clients meet it: linearizable transactions on one key, answers that get lost, requests that commit long after their caller has given
 * up, watches that lag or break, outages, and a store that comes back from an old backup.
 */
import type { HistoryEntry, LeaderRecord, NodeRecord, OperationRecord } from '../../shared/domain/leader-record.ts';
import { nameOf, type NodeName } from '../../shared/domain/node-id.ts';
import type { ChangeAnswer, StoreItem, StoreRead } from '../../agent/machine/asks.ts';
import type { HostName, Network } from './network.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

export const STORE_HOST: HostName = 'etcd';

type Kept<T> = { readonly value: T; readonly modRevision: bigint };

type State = {
  readonly clusterId: string;
  readonly revision: bigint;
  readonly leader: Kept<LeaderRecord> | null;
  readonly history: readonly HistoryEntry[];
  readonly nodes: ReadonlyMap<NodeName, NodeRecord>;
  readonly operation: Kept<OperationRecord> | null;
};

export type Change = { readonly record: LeaderRecord; readonly expected: bigint | null; readonly history: HistoryEntry | null };

/** What the judge of a run wants to see. */
export type StoreWatch = { readonly onRecord: (record: LeaderRecord, before: LeaderRecord | null, expected: bigint | null) => void };

type Subscriber = { readonly host: HostName; readonly show: (items: readonly StoreItem[]) => void; isBroken: boolean };

/** How the present state of etcd treats requests. */
export type StoreMood = {
  /** No quorum: requests wait, and time out; some commit when the quorum is back. */
  isDown: boolean;
  /** A commit takes this long. */
  commitMs: number;
  /** A request is held by a sick member and commits much later. */
  lateShare: number;
  /** A watch loses its stream before an event. */
  breakShare: number;
  /** Events reach a watch this late. */
  watchLagMs: number;
};

const CALM: StoreMood = { isDown: false, commitMs: 2, lateShare: 0, breakShare: 0, watchLagMs: 1 };
const EMPTY: State = { clusterId: '1', revision: 1n, leader: null, history: [], nodes: new Map(), operation: null };
const RESUBSCRIBE_MS = 300;
const LATE_MS_MAX = 20_000;

export class SimStore {
  readonly #world: World;
  readonly #network: Network;
  readonly #random: Random;
  readonly #subscribers: Subscriber[] = [];
  readonly mood: StoreMood = { ...CALM };
  #state: State = EMPTY;
  #backup: State = this.#state;
  #turnUntilMs = 0;
  #isForgetful = false;
  #waiting: (() => void)[] = [];
  watch: StoreWatch = { onRecord: () => undefined };

  constructor(world: World, network: Network) {
    this.#world = world;
    this.#network = network;
    this.#random = world.random('store');
  }

  get record(): LeaderRecord | null {
    return this.#state.leader?.value ?? null;
  }

  get leaderRevision(): bigint | null {
    return this.#state.leader?.modRevision ?? null;
  }

  get history(): readonly HistoryEntry[] {
    return this.#state.history;
  }

  get operation(): OperationRecord | null {
    return this.#state.operation?.value ?? null;
  }

  get nodes(): ReadonlyMap<NodeName, NodeRecord> {
    return this.#state.nodes;
  }

  calm(): void {
    Object.assign(this.mood, CALM);
    this.#resume();
  }

  /** Quorum is back: what waited is carried out in the order in which it came. */
  comeBack(): void {
    this.mood.isDown = false;
    this.#resume();
  }

  /** Seeds the state of a cluster that exists already. */
  begin(record: LeaderRecord, history: readonly HistoryEntry[], nodes: readonly NodeRecord[]): void {
    const revision = 10n;
    this.#state = {
      clusterId: '1',
      revision,
      leader: { value: record, modRevision: revision },
      history,
      nodes: new Map(nodes.map((node) => [nameOf(node.member), node])),
      operation: null,
    };
  }

  read(from: HostName, answer: (read: StoreRead) => void): void {
    this.#request(from, () => {
      const { clusterId, revision } = this.#state;
      const items = this.#items();
      return () => answer({ kind: 'read', clusterId, revision, items });
    });
  }

  change(from: HostName, change: Change, answer: (answer: ChangeAnswer) => void): void {
    this.#request(from, () => {
      const given = this.#apply(change);
      return () => answer(given);
    });
  }

  putNode(from: HostName, node: NodeRecord, answer: () => void): void {
    this.#request(from, () => {
      this.#bump({ nodes: new Map(this.#state.nodes).set(nameOf(node.member), node) });
      this.#publish([{ kind: 'node', node }]);
      return answer;
    });
  }

  putOperation(from: HostName, operation: OperationRecord, answer: () => void): void {
    this.#request(from, () => {
      const modRevision = this.#state.revision + 1n;
      this.#bump({ operation: { value: operation, modRevision } });
      this.#publish([{ kind: 'operation', operation, modRevision }]);
      return answer;
    });
  }

  /** The leased key of whoever runs initdb. */
  takeTurn(from: HostName, answer: (isMine: boolean) => void): void {
    this.#request(from, () => {
      const isFree = this.#world.nowMs >= this.#turnUntilMs;
      if (isFree) this.#turnUntilMs = this.#world.nowMs + 10_000;
      return () => answer(isFree);
    });
  }

  subscribe(host: HostName, show: (items: readonly StoreItem[]) => void): { readonly close: () => void } {
    const subscriber: Subscriber = { host, show, isBroken: true };
    this.#subscribers.push(subscriber);
    this.#catchUp(subscriber);
    return {
      close: () => {
        const at = this.#subscribers.indexOf(subscriber);
        if (at !== -1) this.#subscribers.splice(at, 1);
      },
    };
  }

  takeBackup(): void {
    this.#backup = this.#state;
  }

  /** It went back and has not been repaired. */
  get isForgetful(): boolean {
    return this.#isForgetful;
  }

  /** What S6 is about: the past comes back, as it was, under another identity, or with nothing in it. */
  restore(how: 'backup' | 'backup-as-new-cluster' | 'wiped'): void {
    const clusterId = how === 'backup' ? this.#state.clusterId : `${this.#state.clusterId}9`;
    this.#state = how === 'wiped' ? { ...EMPTY, clusterId } : { ...this.#backup, clusterId };
    this.#isForgetful = true;
    for (const subscriber of this.#subscribers) this.#break(subscriber);
  }

  #apply({ record, expected, history }: Change): ChangeAnswer {
    const { leader } = this.#state;
    if ((leader?.modRevision ?? null) !== expected) {
      // A copy that was sent before has done it already.
      if (leader?.value.nonce === record.nonce) return { kind: 'committed', modRevision: leader.modRevision };
      const current: StoreItem | null = leader === null ? null : { kind: 'leader', record: leader.value, modRevision: leader.modRevision };
      return { kind: 'lost', why: 'rejected', current };
    }
    const modRevision = this.#state.revision + 1n;
    this.#bump({
      leader: { value: record, modRevision },
      history: history === null ? this.#state.history : [...this.#state.history, history],
    });
    if (history?.trigger === 'repair') this.#isForgetful = false;
    this.#world.note(Number(record.epoch), record.seq);
    this.watch.onRecord(record, leader?.value ?? null, expected);
    const items: StoreItem[] = [{ kind: 'leader', record, modRevision }];
    if (history !== null) items.unshift({ kind: 'history', entry: history });
    this.#publish(items);
    return { kind: 'committed', modRevision };
  }

  #bump(change: Partial<State>): bigint {
    const revision = this.#state.revision + 1n;
    this.#state = { ...this.#state, ...change, revision };
    return revision;
  }

  /** `act` is the transaction; what it returns is the reply on its way back. */
  #request(from: HostName, act: () => () => void): void {
    this.#network.send(from, STORE_HOST, () => this.#serve(from, act));
  }

  #serve(from: HostName, act: () => () => void): void {
    if (this.mood.isDown) {
      // Proposals of a lost leader are dropped; what waits in front of it goes on when it is back.
      if (this.#random.chance(0.7) && this.#waiting.length < 1_000) this.#waiting.push(() => this.#serve(from, act));
      return;
    }
    const isLate = this.mood.lateShare > 0 && this.#random.chance(this.mood.lateShare);
    const delayMs = isLate ? this.#random.between(500, LATE_MS_MAX) : this.mood.commitMs * (0.5 + this.#random.next());
    this.#world.after(delayMs, () => {
      if (isLate) this.#world.mark('a request committed long after its caller gave up');
      const reply = act();
      this.#network.send(STORE_HOST, from, reply);
    });
  }

  #resume(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const serve of waiting) serve();
  }

  #items(): readonly StoreItem[] {
    const { leader, history, nodes, operation } = this.#state;
    return [
      ...(leader === null ? [] : [{ kind: 'leader', record: leader.value, modRevision: leader.modRevision } as const]),
      ...history.map((entry) => ({ kind: 'history', entry }) as const),
      ...[...nodes.values()].map((node) => ({ kind: 'node', node }) as const),
      ...(operation === null ? [] : [{ kind: 'operation', operation: operation.value, modRevision: operation.modRevision } as const]),
    ];
  }

  #publish(items: readonly StoreItem[]): void {
    for (const subscriber of this.#subscribers) {
      if (subscriber.isBroken) continue;
      if (this.mood.isDown || (this.mood.breakShare > 0 && this.#random.chance(this.mood.breakShare))) {
        this.#break(subscriber);
        continue;
      }
      const lagMs = this.mood.watchLagMs * (0.5 + this.#random.next());
      this.#world.after(lagMs, () => this.#deliver(subscriber, items));
    }
  }

  /** One connection: it loses nothing in the middle. Cut off for good it breaks, and the next one begins with everything there is. */
  #deliver(subscriber: Subscriber, items: readonly StoreItem[]): void {
    if (subscriber.isBroken) return;
    if (this.#network.isCut(STORE_HOST, subscriber.host)) this.#break(subscriber);
    else this.#network.stream(STORE_HOST, subscriber.host, () => subscriber.show(items));
  }

  #break(subscriber: Subscriber): void {
    if (subscriber.isBroken) return;
    subscriber.isBroken = true;
    this.#world.after(RESUBSCRIBE_MS, () => this.#catchUp(subscriber));
  }

  /** A new stream begins with everything there is. */
  #catchUp(subscriber: Subscriber): void {
    if (!this.#subscribers.includes(subscriber)) return;
    if (this.mood.isDown || this.#network.isCut(subscriber.host, STORE_HOST) || this.#network.isCut(STORE_HOST, subscriber.host)) {
      this.#world.after(RESUBSCRIBE_MS, () => this.#catchUp(subscriber));
      return;
    }
    subscriber.isBroken = false;
    const items = this.#items();
    this.#network.stream(STORE_HOST, subscriber.host, () => subscriber.show(items));
  }
}
