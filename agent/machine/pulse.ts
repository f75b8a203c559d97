/**
 * Feels the pulse of the local PostgreSQL: commits a tiny write when it leads, opens a new session, writes beside the data. One attempt of a kind at a
 * time, each with its deadline; what they show is health (core/health.ts). It must never wait for an answer, and never conclude anything from one alone.
 */
import { UNTRIED } from '../core/health.ts';
import type { Bench } from './recipe.ts';

/** Also the heartbeat on the data plane: with it "no WAL arrives" means something on an idle cluster. */
const STROKE_EVERY_MS = 500;
const KNOCK_EVERY_MS = 1_000;
const DISK_EVERY_MS = 1_000;

type Attempts = { nextAtMs: number; isOpen: boolean };

export class Pulse {
  readonly #bench: Bench;
  readonly #stroke: Attempts = { nextAtMs: 0, isOpen: false };
  readonly #knock: Attempts = { nextAtMs: 0, isOpen: false };
  readonly #disk: Attempts = { nextAtMs: 0, isOpen: false };
  /** Which postmaster the findings are about. */
  #startedAtMs: number | null = null;

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  run(): void {
    const { situation } = this.#bench;
    const { postmaster } = situation.guard ?? { postmaster: { kind: 'none' as const } };
    const startedAtMs = postmaster.kind === 'running' ? postmaster.startedAtMs : null;
    if (startedAtMs !== this.#startedAtMs) {
      this.#startedAtMs = startedAtMs;
      // What was true of the former server is not true of this one; the disk is the same.
      situation.health = { ...UNTRIED, diskSinceMs: situation.health.diskSinceMs };
    }
    const { state } = situation.server;
    const runs = startedAtMs !== null && state.kind !== 'starting';
    if (runs && state.kind === 'running' && !state.facts.inRecovery) this.#tryStroke();
    if (runs) this.#tryKnock();
    if (this.#bench.file.current.dir === 'ok' && situation.job?.kind !== 'initialize') this.#tryDisk();
  }

  #tryStroke(): void {
    this.#attempt(this.#stroke, STROKE_EVERY_MS, (began, deadlineMs) =>
      this.#bench.outbox.ask<'stroke'>({ kind: 'stroke', deadlineMs }, (outcome) => {
        const isDone = outcome.kind === 'done';
        this.#note(began, { strokeSinceMs: isDone ? null : 'since', strokeDoneAtMs: isDone ? began.atMs : undefined });
      }),
    );
  }

  #tryKnock(): void {
    this.#attempt(this.#knock, KNOCK_EVERY_MS, (began, deadlineMs) =>
      this.#bench.outbox.ask<'knock'>({ kind: 'knock', deadlineMs }, (answer) =>
        this.#note(began, { knockSinceMs: answer === 'silent' ? 'since' : null, isFull: answer === 'full' }),
      ),
    );
  }

  #tryDisk(): void {
    this.#attempt(this.#disk, DISK_EVERY_MS, (began, deadlineMs) =>
      this.#bench.outbox.ask<'probe-disk'>({ kind: 'probe-disk', deadlineMs }, (isWell) =>
        this.#note({ ...began, startedAtMs: this.#startedAtMs }, { diskSinceMs: isWell ? null : 'since' }),
      ),
    );
  }

  #attempt(attempts: Attempts, everyMs: number, begin: (began: Began, deadlineMs: number) => void): void {
    const { outbox, policy } = this.#bench;
    if (attempts.isOpen || !outbox.reached(attempts.nextAtMs)) return;
    attempts.isOpen = true;
    attempts.nextAtMs = outbox.nowMs + everyMs;
    const closing = (): void => {
      attempts.isOpen = false;
    };
    // Half of the patience each: a single attempt that got lost is made up for before anything is concluded.
    begin({ atMs: outbox.nowMs, startedAtMs: this.#startedAtMs, closing }, policy.stallMs / 2);
  }

  #note(began: Began, found: Found): void {
    const { situation } = this.#bench;
    began.closing();
    if (began.startedAtMs !== this.#startedAtMs) return;
    const { health } = situation;
    const since = (known: number | null, now: number | null | 'since' | undefined): number | null => {
      if (now === undefined) return known;
      return now === 'since' ? (known ?? began.atMs) : now;
    };
    situation.health = {
      strokeSinceMs: since(health.strokeSinceMs, found.strokeSinceMs),
      strokeDoneAtMs: found.strokeDoneAtMs ?? health.strokeDoneAtMs,
      knockSinceMs: since(health.knockSinceMs, found.knockSinceMs),
      diskSinceMs: since(health.diskSinceMs, found.diskSinceMs),
      isFull: found.isFull ?? health.isFull,
    };
  }
}

type Began = { readonly atMs: number; readonly startedAtMs: number | null; readonly closing: () => void };

/** `since`: it failed, and has failed since the first attempt of this row. */
type Found = {
  readonly strokeSinceMs?: null | 'since';
  readonly strokeDoneAtMs?: number | undefined;
  readonly knockSinceMs?: null | 'since';
  readonly diskSinceMs?: null | 'since';
  readonly isFull?: boolean;
};
