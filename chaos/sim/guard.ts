/**
 * The guard of the simulated node: the production rules (agent/guard/deadline.ts) around a simulated postmaster. It is a process of its own: it may
 * die, and takes PostgreSQL with it, or be frozen, and acts the moment it thaws.
 */
import { changeRight, mustFence, whyNotPrimary, type Right } from '../../agent/guard/deadline.ts';
import type { GuardPurpose, GuardStatus } from '../../agent/guard/protocol.ts';
import type { Clock } from './clock.ts';
import { Process } from './process.ts';
import type { Random } from './random.ts';
import type { ServerLife } from './server.ts';
import type { World } from './world.ts';

type Ended = Extract<GuardStatus['postmaster'], { kind: 'exited' }>;
type Why = Ended['why'];

export type GuardParts = {
  readonly world: World;
  readonly random: Random;
  readonly clock: Clock;
  /** The durable promise; null: the node file cannot be read now. */
  readonly promised: () => bigint | null;
  readonly life: () => ServerLife | null;
  /** The postmaster and everything it started are gone. */
  readonly endLife: () => void;
  readonly onChange: () => void;
};

/** How often a guard looks by itself. */
const CHECK_MS = 50;

export class SimGuard {
  readonly process: Process;
  readonly #parts: GuardParts;
  #right: Right | null = null;
  #purpose: GuardPurpose = { kind: 'standby' };
  #promoted = false;
  #startedAtMs = 0;
  #ended: Ended | null = null;
  #ending: Why | null = null;
  #pid = 0;

  constructor(parts: GuardParts) {
    this.#parts = parts;
    this.process = new Process(parts.world);
  }

  get right(): Right | null {
    return this.#right;
  }

  get purpose(): GuardPurpose {
    return this.#purpose;
  }

  get isPromoted(): boolean {
    return this.#promoted;
  }

  start(): void {
    this.process.start();
    this.#right = null;
    this.#ended = null;
    this.#ending = null;
    this.#promoted = false;
  }

  status(): GuardStatus {
    const right = this.#right;
    return {
      guardPid: 1,
      postmaster:
        this.#parts.life() === null
          ? (this.#ended ?? { kind: 'none' })
          : {
              kind: 'running',
              pid: this.#pid,
              purpose: this.#purpose,
              promoted: this.#promoted,
              startedAtMs: this.#startedAtMs,
              fenced: false,
            },
      deadline: right === null || !Number.isFinite(right.untilMs) ? null : { epoch: right.epoch.toString(), untilMs: right.untilMs },
    };
  }

  /** Null: it may start; `started` must follow in the same moment. */
  whyNotStart(purpose: GuardPurpose): string | null {
    if (this.#parts.life() !== null || this.#ended?.verifiedDead === false) return 'the data directory is in use';
    return purpose.kind === 'primary' ? this.whyNotPrimary(BigInt(purpose.epoch)) : null;
  }

  whyNotPrimary(epoch: bigint): string | null {
    return whyNotPrimary({ epoch, right: this.#right, promised: this.#parts.promised(), nowMs: this.#parts.clock.nowMs });
  }

  started(purpose: GuardPurpose): void {
    this.#pid += 1;
    this.#purpose = purpose;
    this.#promoted = false;
    this.#ended = null;
    this.#ending = null;
    this.#startedAtMs = this.#parts.clock.nowMs;
    this.#parts.onChange();
    this.#watchDeadline();
  }

  /** From here on the server counts as a primary. Null: signalled. */
  promote(epoch: bigint): string | null {
    const why = this.#parts.life() === null ? 'no postmaster is running' : this.whyNotPrimary(epoch);
    if (why !== null) return why;
    this.#promoted = true;
    this.#parts.onChange();
    this.#watchDeadline();
    return null;
  }

  setDeadline(epoch: bigint, untilMs: number): string | null {
    const change = changeRight(this.#right, epoch, untilMs);
    if (change.kind === 'refused') return change.why;
    this.#right = change.right;
    this.#look();
    this.#watchDeadline();
    this.#parts.onChange();
    return null;
  }

  /** Everything dies within moments; until then commits may still return. */
  kill(why: Why): void {
    if (this.#parts.life() === null) return;
    this.#ending ??= why;
    const { random, world } = this.#parts;
    const dying = this.#parts.life();
    world.after(random.between(3, 60), () => {
      if (this.#parts.life() === dying) this.#parts.endLife();
    });
  }

  /** The postmaster has gone, by whatever hand. The rest of it follows, and is seen to be gone. */
  onPostmasterEnd(): void {
    const { clock, random } = this.#parts;
    const ended: Ended = {
      kind: 'exited',
      pid: this.#pid,
      code: null,
      signal: 'SIGKILL',
      atMs: clock.nowMs,
      verifiedDead: false,
      why: this.#ending ?? 'crashed',
    };
    this.#ended = ended;
    this.#ending = null;
    this.process.run(this.#parts.onChange);
    this.process.after(random.between(2, 40), () => {
      if (this.#ended !== ended) return;
      this.#ended = { ...ended, verifiedDead: true };
      this.#parts.onChange();
    });
  }

  asked(): void {
    this.#ending ??= 'asked';
  }

  get isVerifiedDead(): boolean {
    return this.#parts.life() === null && this.#ended?.verifiedDead !== false;
  }

  #watchDeadline(): void {
    const { clock } = this.#parts;
    const right = this.#right;
    if (right === null || !Number.isFinite(right.untilMs) || this.#parts.life() === null) return;
    const delayMs = clock.delayUntil(right.untilMs);
    this.process.after(delayMs + CHECK_MS * 0.02, () => {
      // A later deadline has an alarm of its own.
      if (this.#right !== right) return;
      this.#look();
      // The machine's clock stood in between.
      if (clock.nowMs < right.untilMs) this.#watchDeadline();
    });
  }

  #look(): void {
    if (this.#parts.life() === null || this.#ending === 'fenced') return;
    if (!mustFence({ purpose: this.#purpose, promoted: this.#promoted }, this.#right, this.#parts.clock.nowMs)) return;
    this.#ending = null;
    this.#parts.world.mark('a guard ended a primary at its deadline');
    this.kill('fenced');
  }
}
