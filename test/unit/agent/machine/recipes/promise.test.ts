// What a promise tells when the server turns out to be something else than a standby while it is being kept (P4.2).
import { describe, expect, test } from 'vitest';
import type { Answer, Ask, PromiseReply } from '../../../../../agent/machine/asks.ts';
import type { Effect, Event } from '../../../../../agent/machine/events.ts';
import { AgentMachine } from '../../../../../agent/machine/machine.ts';
import type { ServerState } from '../../../../../agent/postgres/port.ts';
import type { Bench, Step } from '../../../../../agent/machine/recipe.ts';
import { fetchWal, keepPromise } from '../../../../../agent/machine/recipes/promise.ts';
import { epoch } from '../../../../../shared/domain/epoch.ts';
import type { LeaderRecord } from '../../../../../shared/domain/leader-record.ts';
import { lsn } from '../../../../../shared/domain/lsn.ts';
import { timelineId } from '../../../../../shared/domain/timeline.ts';
import { factsOf, historyOf, N1, N2, N3, NOW_MS, primary, recordOf, standby, SYSTEM_ID } from '../../../../support/facts-builder.ts';

const byHand = { timeline: timelineId(2), ancestors: [{ timeline: timelineId(1), end: lsn(500n) }] };
const WRITTEN = 800n;
const BALLOT = epoch(5n);
const STEPS_MAX = 400;
const NOT_DEAD = { kind: 'failed', code: 'PGB-1315', why: 'processes are left' } as const;

/** Answers everything at once, and as little as it can; `onAsk` may change what the next look sees. */
class SmallWorld {
  state: ServerState = standby(500n, { receiver: 'streaming' });
  readonly asked: Ask['kind'][] = [];
  readonly replies: PromiseReply[] = [];
  onAsk: (ask: Ask) => void = () => undefined;
  isImmortal = false;
  readonly #machine: AgentMachine;
  #nowMs = NOW_MS;
  #waiting: Event[] = [];

  constructor() {
    const { self, file } = factsOf();
    this.#machine = new AgentMachine({ self, file, salt: 'salt', nowMs: NOW_MS });
    const postmaster = {
      kind: 'running',
      pid: 3,
      purpose: { kind: 'standby' },
      promoted: false,
      startedAtMs: NOW_MS - 60_000,
      fenced: false,
    } as const;
    this.feed({ kind: 'guard', status: { guardPid: 2, deadline: null, postmaster } });
  }

  feed(event: Event): void {
    this.#waiting.push(event);
    for (let steps = 0; this.#waiting.length > 0; steps += 1) {
      if (steps > STEPS_MAX) throw new Error('the machine does not come to rest');
      this.#nowMs += 1;
      const next = this.#waiting.shift();
      if (next !== undefined) for (const effect of this.#machine.step(next, this.#nowMs)) this.#take(effect);
    }
  }

  #take(effect: Effect): void {
    if (effect.kind === 'reply-promise') this.replies.push(effect.reply);
    if (effect.kind !== 'ask') return;
    const { ask, id } = effect;
    this.asked.push(ask.kind);
    this.onAsk(ask);
    const answer = this.#answerTo(ask);
    if (answer !== undefined) this.#waiting.push({ kind: 'answered', id, answer });
  }

  #answerTo(ask: Ask): Answer | undefined {
    switch (ask.kind) {
      case 'read-store': {
        const history = { kind: 'history', entry: historyOf() } as const;
        return { kind: 'read', clusterId: '1', revision: 60n, items: [history, { kind: 'leader', record: recordOf(), modRevision: 50n }] };
      }
      case 'look':
        return { state: this.state, open: true };
      case 'kill':
        if (this.isImmortal) return this.asked.filter((kind) => kind === 'kill').length === 1 ? NOT_DEAD : undefined;
        this.state = {
          kind: 'stopped',
          systemId: SYSTEM_ID,
          wasPrimary: true,
          cleanly: false,
          extent: { history: byHand, lsn: lsn(WRITTEN) },
        };
        return { kind: 'done' };
      case 'save-file':
      case 'revoke':
        if (ask.kind === 'revoke' && this.state.kind === 'running' && this.state.facts.inRecovery) this.state = standby(500n);
        return { kind: 'done' };
      default:
        // Nothing else matters here, and an answer would only go on with it.
        return undefined;
    }
  }
}

function askedToPromise(world: SmallWorld): PromiseReply | undefined {
  world.asked.length = 0;
  const question = { ballot: BALLOT, from: N1, recordEpoch: epoch(4n), readAgeMs: 5, trigger: 'down' } as const;
  world.feed({ kind: 'asked-to-promise', request: 1, question });
  return world.replies[0];
}

function promoteByHandAt(world: SmallWorld, kind: Ask['kind'], nth: number): void {
  let seen = 0;
  world.onAsk = (ask) => {
    if (ask.kind !== kind) return;
    seen += 1;
    if (seen === nth) world.state = primary(600n, { history: byHand });
  };
}

describe('a promise', () => {
  test('tells where a standby ends whose receiver is gone', () => {
    const reply = askedToPromise(new SmallWorld());
    expect(reply).toMatchObject({ kind: 'promised', answer: { promised: BALLOT, extent: { lsn: lsn(500n) } } });
  });

  test.each<readonly [string, Ask['kind'], number]>([
    ['before it was asked', 'read-store', 0],
    ['between the request and the cut', 'revoke', 1],
    ['between the cut and the look at what it has', 'look', 1],
  ])('ends a server that somebody promoted %s, and tells of all that it has written (I8)', (_, kind, nth) => {
    const world = new SmallWorld();
    if (nth === 0) world.state = primary(600n, { history: byHand });
    else promoteByHandAt(world, kind, nth);
    const reply = askedToPromise(world);
    expect(world.asked).toContain('kill');
    expect(reply).toMatchObject({ kind: 'promised', answer: { extent: { history: byHand, lsn: lsn(WRITTEN) } } });
  });

  test('is not given while such a server cannot be ended (I8)', () => {
    const world = new SmallWorld();
    world.isImmortal = true;
    promoteByHandAt(world, 'look', 1);
    expect(askedToPromise(world)).toMatchObject({ kind: 'refused' });
  });
});

describe('cutting the receiver off', () => {
  const asks = (step: Step): readonly string[] => {
    if (step.kind === 'both') return [...asks(step.first), ...asks(step.second)];
    return [step.kind === 'ask' ? step.ask.kind : step.kind];
  };
  const asksOf = (state: LeaderRecord['state']): readonly string[] => {
    const { self } = factsOf();
    const postmaster = { kind: 'running', purpose: { kind: 'standby' }, promoted: false };
    const bench = {
      store: { record: recordOf({ state }) },
      situation: { member: self.member, guard: { postmaster }, server: { state: standby(500n), seenAtMs: NOW_MS } },
    } as unknown as Bench;
    const { value } = keepPromise(bench, BALLOT).next();
    return value === undefined || !('kind' in value) ? [] : asks(value as Step);
  };
  const final = { timeline: timelineId(1), lsn: lsn(500n) };

  test('goes beside the note, and for what is handed over to us beside closing the door', () => {
    expect(asksOf({ kind: 'serving' })).toEqual(['save', 'revoke']);
    expect(asksOf({ kind: 'handing-over', to: N1, final })).toEqual(['save', 'revoke']);
    expect(asksOf({ kind: 'handing-over', to: N2, final })).toEqual(['save', 'revoke', 'set-open']);
  });
});

describe('a fetch under a promise', () => {
  test('notes the record whose WAL it asks for before the first byte can come, or comes to nothing', () => {
    const { file, store, self } = factsOf();
    const record = recordOf({ seq: 8, timeline: timelineId(2), epoch: epoch(4n) });
    const bench = {
      store: { record, facts: () => store },
      situation: { member: self.member },
      outbox: { nowMs: NOW_MS },
    } as unknown as Bench;
    const begun = (): { readonly recipe: ReturnType<typeof fetchWal>; readonly step: Step | undefined } => {
      const recipe = fetchWal(bench, { kind: 'fetch', from: N3, ballot: BALLOT });
      const { value } = recipe.next();
      return { recipe, step: value as Step };
    };
    const { recipe, step } = begun();
    expect(step?.kind === 'save' ? step.edit(file).accepted : null).toEqual(record);
    expect(recipe.next({ kind: 'done' }).value).toMatchObject({ kind: 'ask', ask: { kind: 'follow' } });
    expect(begun().recipe.next({ kind: 'failed', code: 'PGB-1106', why: 'the disk is full' })).toMatchObject({
      done: true,
      value: { kind: 'failed' },
    });
  });
});
