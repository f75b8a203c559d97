/**
 * A proxy in the simulated world: the production decisions (proxy/core) over a watch of the store. Sessions are routed, held and cut as they say; the bytes
 * are left out.
 */
import { decideCut } from '../../proxy/core/cut.ts';
import { routeReadWrite, type Bond, type Target } from '../../proxy/core/route.ts';
import { EMPTY_VIEW, judgeRecord, leaderOf, withNode, type View } from '../../proxy/core/view.ts';
import type { StoreItem } from '../../agent/machine/asks.ts';
import { nameOf } from '../../shared/domain/node-id.ts';
import type { HostName, Network } from './network.ts';
import { Process } from './process.ts';
import type { SimStore } from './sim-store.ts';
import { Violation, type World } from './world.ts';

export type Routed = { readonly onCut: (why: string) => void };

export class SimProxy {
  readonly process: Process;
  readonly name: HostName;
  readonly #world: World;
  readonly #store: SimStore;
  readonly #bonds = new Map<Routed, Bond>();
  readonly #held = new Set<() => void>();
  #subscription: { readonly close: () => void } | null = null;
  #view: View = EMPTY_VIEW;
  #routedEpoch = 0n;

  constructor(parts: { readonly world: World; readonly network: Network; readonly store: SimStore; readonly name: HostName }) {
    this.name = parts.name;
    this.#world = parts.world;
    this.#store = parts.store;
    this.process = new Process(parts.world);
  }

  start(): void {
    this.process.start();
    this.#view = EMPTY_VIEW;
    this.#routedEpoch = 0n;
    const show = (items: readonly StoreItem[]): void => this.process.run(() => this.#see(items));
    this.#subscription = this.#store.subscribe(this.name, show);
  }

  kill(): void {
    this.#subscription?.close();
    this.process.kill();
    const sessions = [...this.#bonds.keys()];
    const held = [...this.#held];
    this.#bonds.clear();
    this.#held.clear();
    for (const session of sessions) session.onCut('the proxy is gone');
    for (const tryAgain of held) this.#world.after(5, tryAgain);
  }

  /** Null: nobody at present; `whenNews` is called once when that may have changed. */
  route(whenNews: () => void): Target | null {
    const route = routeReadWrite(this.#view);
    if (route.kind === 'none') {
      this.#held.add(whenNews);
      return null;
    }
    const { bond } = route.target;
    if (bond.kind === 'leader') {
      if (bond.epoch < this.#routedEpoch)
        throw new Violation('I15', `${this.name} routes epoch ${bond.epoch.toString()} after ${this.#routedEpoch.toString()}`);
      this.#routedEpoch = bond.epoch;
    }
    return route.target;
  }

  /** False: what the session would depend on is over already. */
  bind(session: Routed, bond: Bond): boolean {
    const decision = decideCut(bond, this.#view, this.#world.nowMs);
    if (decision.kind === 'cut') return false;
    this.#bonds.set(session, decision.bond);
    return true;
  }

  unbind(session: Routed): void {
    this.#bonds.delete(session);
  }

  #see(items: readonly StoreItem[]): void {
    for (const item of items) this.#learn(item);
    for (const [session, bond] of [...this.#bonds]) {
      const decision = decideCut(bond, this.#view, this.#world.nowMs);
      if (decision.kind === 'keep') {
        if (decision.bond !== bond) this.#bonds.set(session, decision.bond);
      } else {
        this.#bonds.delete(session);
        session.onCut(decision.why);
      }
    }
    const held = [...this.#held];
    this.#held.clear();
    for (const tryAgain of held) tryAgain();
  }

  #learn(item: StoreItem): void {
    switch (item.kind) {
      case 'leader': {
        const next = leaderOf(item.record);
        if (judgeRecord(this.#view.leader, next) === 'news') this.#view = { ...this.#view, leader: next };
        return;
      }
      case 'node':
        this.#view = withNode(this.#view, nameOf(item.node.member), item.node);
        return;
      case 'history':
      case 'operation':
      case 'unreadable-leader':
    }
  }
}
