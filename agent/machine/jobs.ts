/**
 * Runs one job at a time, step by step. A more urgent one pushes the running job aside: its step is abandoned, what it must still do is done, and
 * only then the new one begins. It must never run two jobs on one PostgreSQL.
 */
import { InvariantError, unreachable } from '../../shared/assert.ts';
import type { Job } from '../core/actions.ts';
import type { Outcome } from '../postgres/port.ts';
import type { Answer, AskKind, AskOf } from './asks.ts';
import type { Looks } from './looks.ts';
import { GIVEN_UP, type Bench, type Recipe, type Step } from './recipe.ts';
import { recipeOf } from './recipes/recipe-of.ts';

type Running = {
  readonly job: Job;
  readonly recipe: Recipe<Outcome>;
  readonly sinceMs: number;
  /** Asks that are under way for the present step. */
  readonly open: Set<number>;
  /** The job that pushed this one aside. */
  givenUpFor: string | null;
  /** Given up, and only what stands in `finally` is still being done. */
  isEnding: boolean;
  /** Nothing has happened to the server since the last look of the job. */
  hasLooked: boolean;
};

type Timer = { readonly atMs: number; readonly resume: () => void };

export class Jobs {
  readonly #bench: Bench;
  readonly #looks: Looks;
  #running: Running | null = null;
  #next: Job | null = null;
  #timers: readonly Timer[] = [];
  readonly #onEnd: (job: Job, outcome: Outcome) => void;

  /** `onEnd` runs when a job is over and its after-look is there. */
  constructor(bench: Bench, looks: Looks, onEnd: (job: Job, outcome: Outcome) => void) {
    this.#bench = bench;
    this.#looks = looks;
    this.#onEnd = onEnd;
  }

  get running(): Job | null {
    return this.#running?.job ?? null;
  }

  start(job: Job): void {
    const running = this.#running;
    if (running === null) {
      this.#begin(job);
      return;
    }
    this.#next = job;
    if (running.givenUpFor !== null) return;
    running.givenUpFor = job.kind;
    for (const id of running.open) this.#bench.outbox.abandon(id);
    // A wait is nothing to wait for.
    const timers = this.#timers;
    this.#timers = [];
    for (const { resume } of timers) resume();
  }

  /** Waits that are over. */
  run(): void {
    if (this.#timers.length === 0) return;
    const { reached } = this.#bench.outbox;
    const due = this.#timers.filter(({ atMs }) => reached(atMs));
    if (due.length === 0) return;
    this.#timers = this.#timers.filter((timer) => !due.includes(timer));
    for (const { resume } of due) resume();
  }

  #begin(job: Job): void {
    const { outbox, situation } = this.#bench;
    const recipe = recipeOf(this.#bench, job);
    this.#running = { job, recipe, sinceMs: outbox.nowMs, open: new Set(), givenUpFor: null, isEnding: false, hasLooked: false };
    situation.job = { kind: job.kind, sinceMs: outbox.nowMs };
    this.#resume(this.#running, () => recipe.next());
  }

  #resume(running: Running, go: () => IteratorResult<Step, Outcome>): void {
    const result = go();
    if (result.done === true) this.#end(running, result.value);
    else this.#perform(running, result.value, (answer) => this.#answer(running, answer));
  }

  #answer(running: Running, answer: unknown): void {
    if (running.givenUpFor === null || running.isEnding) {
      this.#resume(running, () => running.recipe.next(answer));
      return;
    }
    running.isEnding = true;
    this.#resume(running, () => running.recipe.return(GIVEN_UP));
  }

  #perform(running: Running, step: Step, resume: (answer: unknown) => void): void {
    const { outbox, file } = this.#bench;
    switch (step.kind) {
      case 'ask': {
        running.hasLooked = false;
        const id = outbox.ask<AskKind>(step.ask as AskOf<AskKind>, (answer: Answer) => {
          running.open.delete(id);
          resume(answer);
        });
        running.open.add(id);
        return;
      }
      case 'look':
        this.#looks.again(() => {
          running.hasLooked = true;
          resume(undefined);
        });
        return;
      case 'save':
        file.update(step.edit, resume);
        return;
      case 'wait':
        this.#timers = [...this.#timers, { atMs: outbox.nowMs + step.ms, resume: () => resume(undefined) }];
        return;
      case 'both':
        this.#performBoth(running, step, resume);
        return;
      default:
        unreachable(step);
    }
  }

  #performBoth(running: Running, { first, second }: Extract<Step, { kind: 'both' }>, resume: (answer: unknown) => void): void {
    const answers: { first?: unknown; second?: unknown } = {};
    const settle = (side: 'first' | 'second') => (answer: unknown) => {
      answers[side] = answer;
      if ('first' in answers && 'second' in answers) resume([answers.first, answers.second]);
    };
    this.#perform(running, first, settle('first'));
    this.#perform(running, second, settle('second'));
  }

  #end(running: Running, outcome: Outcome): void {
    if (!running.hasLooked) {
      running.hasLooked = true;
      this.#looks.again(() => this.#end(running, outcome));
      return;
    }
    if (this.#running !== running) throw new InvariantError('broken invariant: one job at a time');
    this.#running = null;
    this.#note(running, outcome);
    this.#bench.situation.job = null;
    this.#onEnd(running.job, outcome);
    const next = this.#next;
    this.#next = null;
    if (next !== null && this.#running === null) this.#begin(next);
  }

  #note({ job, sinceMs, givenUpFor }: Running, outcome: Outcome): void {
    const { outbox, situation } = this.#bench;
    const tookMs = Math.round(outbox.nowMs - sinceMs);
    if (outcome.kind === 'done') {
      situation.succeeded(job.kind);
      // Looking after the slots comes round for ever; it is no edge.
      outbox.log(job.kind === 'slots' ? 'debug' : 'info', 'job done', { job: job.kind, tookMs });
      return;
    }
    // A job that fails in the same way again is no news; the alarm stands meanwhile, and a log must not fill.
    const again = situation.lastFailure(job.kind)?.startsWith(outcome.code) === true;
    if (givenUpFor === null) situation.failed(job.kind, `${outcome.code} ${outcome.why}`);
    outbox.log(again ? 'debug' : 'warn', 'job failed', { job: job.kind, code: outcome.code, why: outcome.why, tookMs, givenUpFor });
  }
}
