/**
 * Writers, as naive as applications: through a proxy, or on a connection of their own to one node that they keep for as long as it lives. They know
 * nothing of leaders; what they are told is what happened.
 */
import type { Bond } from '../../proxy/core/route.ts';
import type { Judge, Operation } from './judge.ts';
import type { Network } from './network.ts';
import type { SimNode } from './node.ts';
import type { SimProxy } from './proxy.ts';
import type { Random } from './random.ts';
import type { ServerLife, Session } from './server.ts';
import type { World } from './world.ts';

export type ClientParts = {
  readonly world: World;
  readonly network: Network;
  readonly random: Random;
  readonly judge: Judge;
  readonly proxies: readonly SimProxy[];
  readonly node: (host: string) => SimNode | null;
  readonly paceMs: number;
};

export type Tally = { acknowledged: number; errors: number; lastAcknowledgedAtMs: number; longestGapMs: number };

const PATIENCE_MS = 8_000;
const RETRY_MS = 15;

type Connection = { readonly life: ServerLife; readonly session: Session; readonly host: string; readonly from: string };

export class ProxiedClient {
  readonly #parts: ClientParts;
  readonly #tally: Tally;
  #proxy: SimProxy;
  #connection: Connection | null = null;
  #attempt = 0;
  /** Since when it has waited for whatever it is waiting for. */
  #waitsSinceMs = 0;

  constructor(parts: ClientParts, tally: Tally) {
    this.#parts = parts;
    this.#tally = tally;
    this.#proxy = parts.random.pick(parts.proxies);
  }

  start(): void {
    this.#connect();
    this.#mind();
  }

  /** Patience ends: a client that is told nothing goes and tries elsewhere. */
  #mind(): void {
    const { world } = this.#parts;
    world.after(PATIENCE_MS / 8, () => {
      if (world.nowMs - this.#waitsSinceMs > PATIENCE_MS) {
        if (this.#connection === null) this.#connect();
        else this.#lose(this.#connection);
      }
      this.#mind();
    });
  }

  #connect(): void {
    const { random, proxies, network, world, node } = this.#parts;
    const attempt = ++this.#attempt;
    this.#waitsSinceMs = world.nowMs;
    this.#proxy = random.pick(proxies);
    const proxy = this.#proxy;
    const again = (): void => {
      if (this.#attempt === attempt) this.#connect();
    };
    if (!proxy.process.isAlive) {
      world.after(RETRY_MS * 4, again);
      return;
    }
    proxy.process.run(() => {
      const target = proxy.route(again);
      if (target === null) return;
      const { host, bond } = target;
      network.send(proxy.name, host, () => {
        const server = node(host);
        const life = server?.life ?? null;
        const retry = (): void => world.after(RETRY_MS * (1 + random.next()), again);
        // Nobody listens, or the rules keep clients out: refused, and tried again.
        if (server === null || life === null || life.role !== 'primary' || !server.rendered.open) network.send(host, proxy.name, retry);
        else life.process.run(() => network.send(host, proxy.name, () => proxy.process.run(() => this.#open(attempt, life, host, bond))));
      });
    });
  }

  #open(attempt: number, life: ServerLife, host: string, bond: Bond): void {
    if (this.#attempt !== attempt || this.#connection !== null) return;
    const { world } = this.#parts;
    const end = (): void => this.#lose(connection);
    const session: Session = { onEnd: () => this.#parts.network.send(host, this.#proxy.name, end) };
    const connection: Connection = { life, session, host, from: this.#proxy.name };
    if (!life.open(session) || !this.#proxy.bind({ onCut: end }, bond)) {
      world.after(RETRY_MS, () => {
        if (this.#attempt === attempt) this.#connect();
      });
      return;
    }
    this.#connection = connection;
    this.#write(connection);
  }

  #write(connection: Connection): void {
    const { world, random, judge, paceMs } = this.#parts;
    if (this.#connection !== connection) return;
    const operation = judge.invoke();
    this.#waitsSinceMs = world.nowMs;
    writeOn(this.#parts, connection, operation, (isAcknowledged) => {
      if (this.#connection !== connection) return;
      if (isAcknowledged) this.#acknowledged();
      else this.#lose(connection);
      world.after(paceMs * (0.5 + random.next()), () => this.#write(connection));
    });
  }

  #acknowledged(): void {
    const { nowMs } = this.#parts.world;
    const gapMs = nowMs - this.#tally.lastAcknowledgedAtMs;
    if (gapMs > this.#tally.longestGapMs) this.#tally.longestGapMs = gapMs;
    this.#tally.acknowledged += 1;
    this.#tally.lastAcknowledgedAtMs = nowMs;
  }

  #lose(connection: Connection): void {
    if (this.#connection !== connection) return;
    this.#connection = null;
    connection.life.sessions.delete(connection.session);
    this.#tally.errors += 1;
    this.#parts.world.after(RETRY_MS, () => this.#connect());
  }
}

/** Keeps a session to one node past every proxy, whatever that node is: the one who notices when an old primary still answers. */
export class DirectClient {
  readonly #parts: ClientParts;
  readonly #node: SimNode;
  readonly #host: string;
  #connection: Connection | null = null;

  constructor(parts: ClientParts, node: SimNode, host: string) {
    this.#parts = parts;
    this.#node = node;
    this.#host = host;
  }

  start(): void {
    const { world, random, paceMs } = this.#parts;
    const pauseMs = paceMs * random.between(4, 10);
    if (this.#connection === null) this.#connect();
    else this.#write(this.#connection);
    world.after(pauseMs, () => this.start());
  }

  #connect(): void {
    const { network } = this.#parts;
    network.send(this.#host, this.#node.name, () => {
      const { life, rendered } = this.#node;
      if (life === null || !rendered.open || this.#connection !== null) return;
      const session: Session = {
        onEnd: () => {
          if (this.#connection?.life === life) this.#connection = null;
        },
      };
      if (life.open(session)) this.#connection = { life, session, host: this.#node.name, from: this.#host };
    });
  }

  #write(connection: Connection): void {
    writeOn(this.#parts, connection, this.#parts.judge.invoke(), () => undefined);
  }
}

function writeOn(
  { network, judge }: ClientParts,
  { life, host, from }: Connection,
  operation: Operation,
  answer: (isAcknowledged: boolean) => void,
): void {
  network.send(from, host, () =>
    life.write(operation.id, (outcome) => {
      if (outcome.kind === 'read-only') judge.forget(operation);
      network.send(host, from, () => answer(outcome.kind === 'acknowledged'));
    }),
  );
}
