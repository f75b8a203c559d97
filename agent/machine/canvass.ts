/**
 * A node speaks to the others in an election: "my PostgreSQL is dead", "promise me this ballot". Each member is asked once at a time; what they
 * answer is a fact, and no answer is ever taken for a yes.
 */
import { nameOf, type MemberId } from '../../shared/domain/node-id.ts';
import type { Action } from '../core/actions.ts';
import { addressOf, type Bench } from './recipe.ts';

type Question = Extract<Action, { kind: 'ask-promises' }>;

export class Canvass {
  readonly #bench: Bench;
  readonly #asking = new Set<MemberId>();

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  sayDown({ to, epoch, why }: Extract<Action, { kind: 'say-down' }>): void {
    const { situation, outbox, policy } = this.#bench;
    situation.downAcknowledged.clear();
    for (const member of to) {
      const node = addressOf(this.#bench, member);
      if (node === null) continue;
      const words = { epoch, holder: situation.member, why, timeoutMs: policy.promiseAttemptMs };
      outbox.ask<'say-down'>({ kind: 'say-down', name: nameOf(member), url: node.agentUrl, ...words }, (heard) => {
        if (heard) situation.downAcknowledged.add(member);
      });
    }
  }

  askPromises(question: Question): void {
    // Where silence is the evidence, a peer only believes a requester that has just read the store (P4.1).
    if (question.trigger === 'ttl' || question.trigger === 'suspicion') this.#bench.store.readThen(() => this.#ask(question));
    else this.#ask(question);
  }

  #ask({ ballot, record, trigger, to }: Question): void {
    const { outbox, policy, situation, store } = this.#bench;
    const { lastReadAtMs } = store.facts();
    const readAgeMs = lastReadAtMs === null ? null : outbox.nowMs - lastReadAtMs;
    const question = { ballot, from: situation.member, recordEpoch: record.epoch, readAgeMs, trigger };
    for (const member of to) {
      const node = addressOf(this.#bench, member);
      if (node === null || this.#asking.has(member)) continue;
      this.#asking.add(member);
      const words = { name: nameOf(member), url: node.agentUrl, timeoutMs: policy.promiseAttemptMs };
      outbox.ask<'ask-promise'>({ kind: 'ask-promise', question, ...words }, (reply) => {
        this.#asking.delete(member);
        if (reply.kind === 'promised') situation.addAnswer(reply.answer);
        else outbox.log('info', `promise ${reply.kind}`, { member, ballot: ballot.toString(), why: reply.why });
      });
    }
  }
}
