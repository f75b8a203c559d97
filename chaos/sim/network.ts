/**
 * Messages between hosts: each directed link has its own delay, loss and cut. A message into a cut link is gone, or is kept by TCP and arrives when the
 * link is whole again, long after anybody expects it.
 */
import type { Random } from './random.ts';
import type { World } from './world.ts';

export type HostName = string;

/** Where applications and operators sit. */
export const CLIENT_HOST: HostName = 'clients';

type Link = { delayMs: number; loss: number; cuts: number };

/** A segment that got no acknowledgement is sent again for a while. */
const RETRY_MS = 120;
const GIVEN_UP_AFTER_MS = 4_000;

export class Network {
  readonly #world: World;
  readonly #random: Random;
  readonly #links = new Map<HostName, Map<HostName, Link>>();
  readonly #delayMs: number;

  constructor(world: World, delayMs: number) {
    this.#world = world;
    this.#random = world.random('network');
    this.#delayMs = delayMs;
  }

  /** `act` happens at the other end, unless the message is lost. Within one host nothing is ever lost. */
  send(from: HostName, to: HostName, act: () => void): void {
    if (from === to) this.#world.after(0.05, act);
    else this.#attempt(this.#link(from, to), act, this.#world.nowMs);
  }

  /** In order within a connection that lives: loss only makes it late. The caller looks after cuts. */
  stream(from: HostName, to: HostName, act: () => void): void {
    const link = this.#link(from, to);
    const lateMs = link.loss > 0 && this.#random.chance(link.loss) ? RETRY_MS : 0;
    this.#world.after(link.delayMs * (0.6 + this.#random.next()) + lateMs, act);
  }

  isCut(from: HostName, to: HostName): boolean {
    return from !== to && this.#link(from, to).cuts > 0;
  }

  cut(from: HostName, to: HostName): void {
    if (from !== to) this.#link(from, to).cuts += 1;
  }

  heal(from: HostName, to: HostName): void {
    if (from !== to) this.#link(from, to).cuts -= 1;
  }

  worsen(from: HostName, to: HostName, worse: { readonly delayMs: number; readonly loss: number }): void {
    const link = this.#link(from, to);
    link.delayMs = worse.delayMs;
    link.loss = worse.loss;
  }

  mend(from: HostName, to: HostName): void {
    const link = this.#link(from, to);
    link.delayMs = this.#delayMs;
    link.loss = 0;
  }

  #attempt(link: Link, act: () => void, sentAtMs: number): void {
    const isLost = link.cuts > 0 || (link.loss > 0 && this.#random.chance(link.loss));
    if (!isLost) {
      this.#world.after(link.delayMs * (0.6 + this.#random.next()), act);
      return;
    }
    // Half of the senders give up with their connection, the others' kernels try on.
    if (this.#world.nowMs - sentAtMs > GIVEN_UP_AFTER_MS || this.#random.chance(0.5)) return;
    this.#world.after(RETRY_MS * (0.5 + this.#random.next()), () => this.#attempt(link, act, sentAtMs));
  }

  #link(from: HostName, to: HostName): Link {
    let links = this.#links.get(from);
    if (links === undefined) {
      links = new Map();
      this.#links.set(from, links);
    }
    let link = links.get(to);
    if (link === undefined) {
      link = { delayMs: this.#delayMs, loss: 0, cuts: 0 };
      links.set(to, link);
    }
    return link;
  }
}
