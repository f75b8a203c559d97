/**
 * What a scenario acts on: the cluster, its faults, and what it may wait for. Every wait has a deadline and ends at once when somebody interrupts;
 * whatever it does is written down with its time. It judges nothing.
 */
import { assert } from '../../shared/assert.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import type { Random } from '../../shared/runtime/random.ts';
import { NotReached, throwIfInterrupted } from '../cluster/interrupted.ts';
import { etcdIsWhole } from '../faults/etcd.ts';
import type { Fault, Wounds } from '../faults/fault.ts';
import type { Field, Ground } from '../faults/ground.ts';
import type { NodeMeans } from '../faults/node-means.ts';
import type { Clients } from './clients.ts';
import type { Sight } from './sight.ts';
import type { Site } from './site.ts';
import { WholeWatch } from './whole-watch.ts';

const POLL_MS = 50;

/** `timing`: how long something took, where that is what was looked at. Null: something else was, or it could not be measured. */
export type Finding = {
  readonly claim: string;
  readonly holds: boolean;
  readonly seen: string;
  readonly timing: { readonly tookMs: number; readonly allowedMs: number } | null;
};
/** `lasts`: until it is healed. Healed without a name: all that was left. */
export type Told = { readonly text: string } & (
  | { readonly kind: 'said' }
  | { readonly kind: 'struck'; readonly fault: string; readonly lasts: boolean }
  | { readonly kind: 'healed'; readonly fault: string | null }
);
type Happening = Told & { readonly atMs: number };

export type StageParts = {
  readonly site: Site;
  readonly sight: Sight;
  readonly wounds: Wounds;
  readonly clients: Clients;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly onHappening: (text: string) => void;
};

export class Stage {
  readonly field: Field;
  readonly means: NodeMeans;
  readonly sight: Sight;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly #parts: StageParts;
  readonly #happenings: Happening[] = [];
  readonly #findings: Finding[] = [];
  readonly #whole: WholeWatch;
  #cast: { readonly leader: string; readonly epoch: number; readonly standbys: readonly string[] } | null = null;
  #faultMs: number | null = null;

  constructor(parts: StageParts) {
    this.#parts = parts;
    this.field = parts.site.field;
    this.means = parts.site.means;
    this.sight = parts.sight;
    this.random = parts.random;
    this.signal = parts.signal;
    this.#whole = new WholeWatch(async () => (await this.missing()) === null);
  }

  /** For what can only be done to processes of this machine. Whoever asks for it has said that it is not played on anything else. */
  get ground(): Ground {
    const ground = this.groundIfLocal;
    assert(ground !== null, 'what is done to processes is played on local clusters only');
    return ground;
  }

  /** Null: it is played on something else. */
  get groundIfLocal(): Ground | null {
    return this.#parts.site.ground;
  }

  /** Who led when the clients were steady, before anything was done. */
  get leader(): string {
    assert(this.#cast !== null, 'the cast is known before a scenario plays');
    return this.#cast.leader;
  }

  get standbys(): readonly string[] {
    assert(this.#cast !== null, 'the cast is known before a scenario plays');
    return this.#cast.standbys;
  }

  /** The epoch of that leader. A cluster of an hour is far from where a number ends. */
  get epoch(): number {
    assert(this.#cast !== null, 'the cast is known before a scenario plays');
    return this.#cast.epoch;
  }

  get faultMs(): number | null {
    return this.#faultMs;
  }

  /** How long the cluster took, from the last heal, or from the fault where there was nothing to heal, until it was whole. Null: it never was. */
  get wholeAfterMs(): number | null {
    return this.#whole.wholeAfterMs;
  }

  /** No more is watched. */
  close(): void {
    this.#whole.forget();
  }

  get happenings(): readonly Happening[] {
    return this.#happenings;
  }

  get findings(): readonly Finding[] {
    return this.#findings;
  }

  async castRoles(): Promise<void> {
    const leader = await this.until('a serving leader', 10_000, async () => this.sight.servingLeader());
    const standbys = this.field.plan.nodes.map(({ name }) => name).filter((name) => name !== leader.name);
    this.#cast = { leader: leader.name, epoch: Number(leader.epoch), standbys };
    this.say(`${leader.name} leads, epoch ${leader.epoch ?? '?'}`);
  }

  /** The clock of the outage starts with the first one. */
  async strike(fault: Fault): Promise<void> {
    throwIfInterrupted(this.signal);
    const atMs = monotonicMs();
    this.#faultMs ??= atMs;
    this.#whole.forget();
    const text = await this.#parts.wounds.strike(fault);
    this.#tell({ kind: 'struck', fault: fault.name, lasts: fault.leaves === 'a wound', text }, atMs);
    if (this.#parts.wounds.count === 0) this.#whole.begin(this.#faultMs);
  }

  async heal(fault: Fault): Promise<void> {
    if (fault.leaves === 'nothing') return;
    await this.#parts.wounds.heal(fault);
    this.#tell({ kind: 'healed', fault: fault.name, text: `healed: ${fault.name}` });
    this.#afterHealing();
  }

  #afterHealing(): void {
    if (this.#parts.wounds.count === 0) this.#whole.begin(monotonicMs());
  }

  /** For `ms`, then takes it away again. */
  async strikeFor(fault: Fault, ms: number): Promise<void> {
    await this.strike(fault);
    await this.pause(ms);
    await this.heal(fault);
  }

  async healEverything(): Promise<readonly string[]> {
    if (this.#parts.wounds.count === 0) {
      if (!this.#whole.isWatching) this.#afterHealing();
      return [];
    }
    const failures = await this.#parts.wounds.healAll();
    this.#tell({ kind: 'healed', fault: null, text: 'healed: everything that was left' });
    this.#afterHealing();
    return failures;
  }

  async pause(ms: number): Promise<void> {
    await sleep(ms, this.signal);
    throwIfInterrupted(this.signal);
  }

  /** Waits until `find` finds something. */
  async until<T>(what: string, withinMs: number, find: () => Promise<T | null>): Promise<T> {
    const deadlineMs = monotonicMs() + withinMs;
    for (;;) {
      throwIfInterrupted(this.signal);
      const found = await find();
      if (found !== null) return found;
      if (monotonicMs() > deadlineMs) throw new NotReached(`not within ${String(withinMs / 1000)} s: ${what}`);
      await sleep(POLL_MS, this.signal);
    }
  }

  async untilAnotherLeads(than: string, withinMs: number): Promise<string> {
    const { name, epoch } = await this.until(`another leader than ${than}`, withinMs, async () => {
      const leader = await this.sight.servingLeader();
      return leader === null || leader.name === than ? null : leader;
    });
    this.say(`${name} leads, epoch ${epoch ?? '?'}`);
    return name;
  }

  /** Null when etcd and the cluster are whole; otherwise what is missing. */
  async missing(): Promise<string | null> {
    return (await etcdIsWhole(this.field)) ? this.sight.missing() : 'an etcd member is not well';
  }

  async untilWhole(withinMs: number): Promise<void> {
    let missing: string | null = 'nobody was asked';
    try {
      await this.until('the cluster is whole', withinMs, async () => {
        missing = await this.missing();
        return missing === null ? true : null;
      });
    } catch (error) {
      if (error instanceof NotReached) throw new NotReached(`${error.message}; ${missing ?? 'nothing is missing'}`);
      throw error;
    }
  }

  /** Something that must hold here and that clients cannot see. */
  check(claim: string, holds: boolean, seen: string): void {
    this.#find({ claim, holds, seen, timing: null });
  }

  /** The same of a time. What could not be measured does not hold. */
  checkWithin(claim: string, tookMs: number | null, allowedMs: number): void {
    if (tookMs === null) this.#find({ claim, holds: false, seen: 'not measured', timing: null });
    else this.#find({ claim, holds: tookMs <= allowedMs, seen: `${tookMs.toFixed(0)} ms`, timing: { tookMs, allowedMs } });
  }

  #find(finding: Finding): void {
    const { claim, holds, seen } = finding;
    this.#findings.push(finding);
    this.say(`${holds ? 'holds' : 'DOES NOT HOLD'}: ${claim} (${seen})`);
  }

  say(text: string): void {
    this.#tell({ kind: 'said', text });
  }

  #tell(told: Told, atMs: number = monotonicMs()): void {
    this.#happenings.push({ ...told, atMs });
    this.#parts.onHappening(told.text);
  }

  get clients(): Clients {
    return this.#parts.clients;
  }
}
