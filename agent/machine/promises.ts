/**
 * Other agents ask for promises: judged at once, kept by a job, answered when kept. It must never answer for a promise whose cut has not been seen
 * through, and never for an older one than the node file holds.
 */
import type { Job } from '../core/actions.ts';
import { ownExtent } from '../core/extent.ts';
import { whyNotPromise, type PromiseQuestion } from '../core/promise.ts';
import type { Bench } from './recipe.ts';

type Waiting = { readonly request: number; readonly question: PromiseQuestion };

/** Every node of a cluster may ask, and repeat itself once. */
const WAITING_MAX = 64;

export class Promises {
  readonly #bench: Bench;
  readonly #start: (job: Job) => void;
  #waiting: readonly Waiting[] = [];

  constructor(bench: Bench, start: (job: Job) => void) {
    this.#bench = bench;
    this.#start = start;
  }

  ask(request: number, question: PromiseQuestion): void {
    const { situation, store, outbox } = this.#bench;
    const refusal =
      this.#waiting.length >= WAITING_MAX ? 'too many promises are being asked for' : whyNotPromise(situation.facts(), question);
    if (refusal !== null) {
      this.#refuse(request, refusal);
      return;
    }
    // The asker has heard of the death from the holder itself; our own news of it may be a moment behind.
    const { record } = store;
    const { trigger } = question;
    if ((trigger === 'down' || trigger === 'sick') && record !== null && situation.down?.epoch !== question.recordEpoch)
      situation.down = { epoch: record.epoch, holder: record.holder, why: trigger, heardAtMs: outbox.nowMs };
    this.#waiting = [...this.#waiting, { request, question }];
    if (situation.job?.kind !== 'promise') this.#start({ kind: 'promise', ballot: question.ballot });
  }

  /** A promise job is over, whatever came of it. */
  settle(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) this.#answer(one);
  }

  #answer({ request, question }: Waiting): void {
    const { situation, file, outbox } = this.#bench;
    const own = ownExtent(situation.server.state);
    if (situation.promiseKept !== question.ballot || own === null || file.current.promised !== question.ballot) {
      this.#refuse(request, 'the promise could not be kept in time');
      return;
    }
    outbox.send({
      kind: 'reply-promise',
      request,
      reply: {
        kind: 'promised',
        answer: {
          member: situation.member,
          name: situation.self.name,
          promised: question.ballot,
          extent: own,
          priority: situation.self.priority,
          acceptedEpoch: file.current.accepted?.epoch ?? null,
        },
      },
    });
  }

  #refuse(request: number, why: string): void {
    this.#bench.outbox.send({ kind: 'reply-promise', request, reply: { kind: 'refused', why } });
  }
}
