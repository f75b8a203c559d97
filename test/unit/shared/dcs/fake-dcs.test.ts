/** The fake store keeps the contract of the real one, and its faults do what their names say, on virtual time. */
import { afterEach, describe, expect, it } from 'vitest';
import { ABSENT, type Hint } from '../../../../shared/dcs/dcs.ts';
import { FakeDcs } from '../../../../shared/dcs/fake-dcs.ts';
import { FakeStore, type Scheduler } from '../../../../shared/dcs/fake-store.ts';
import { changeOf, committed, describeDcsContract, follow, recordsIn, withBudget } from '../../../support/dcs-contract.ts';

describeDcsContract('the fake', async () => {
  const store = new FakeStore();
  const dcs = new FakeDcs(store, { latencyMs: () => 1 });
  const other = new FakeDcs(store);
  return {
    dcs,
    other,
    loseAnswers: () => dcs.setAnswersLost(true),
    restoreAnswers: () => dcs.setAnswersLost(false),
    close: async () => {
      await Promise.all([dcs.close(), other.close()]);
      store.close();
    },
  };
});

/** Virtual time: nothing happens until `run` says how far to go; promises are given their turn after every event. */
class VirtualTime implements Scheduler {
  #nowMs = 0;
  #sequence = 0;
  #due: { readonly atMs: number; readonly order: number; readonly run: () => void }[] = [];

  readonly nowMs = (): number => this.#nowMs;

  readonly schedule = (afterMs: number, run: () => void): { readonly cancel: () => void } => {
    const entry = { atMs: this.#nowMs + afterMs, order: (this.#sequence += 1), run };
    this.#due.push(entry);
    return { cancel: () => (this.#due = this.#due.filter((one) => one !== entry)) };
  };

  get pending(): number {
    return this.#due.length;
  }

  async run(forMs: number): Promise<void> {
    const endMs = this.#nowMs + forMs;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const [next] = this.#due.toSorted((a, b) => a.atMs - b.atMs || a.order - b.order);
      if (next === undefined || next.atMs > endMs) break;
      this.#due = this.#due.filter((one) => one !== next);
      this.#nowMs = next.atMs;
      next.run();
    }
    this.#nowMs = endMs;
  }
}

const KEY = '/pgbaton/c/leader';
const PREFIX = '/pgbaton/c/';

describe('the fake on virtual time', () => {
  const open: FakeDcs[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((dcs) => dcs.close()));
  });

  function world(): {
    time: VirtualTime;
    store: FakeStore;
    client: () => FakeDcs;
    during: <T>(promise: Promise<T>, ms: number) => Promise<T>;
  } {
    const time = new VirtualTime();
    const store = new FakeStore(time);
    const client = (): FakeDcs => {
      const dcs = new FakeDcs(store, { latencyMs: () => 2 });
      open.push(dcs);
      return dcs;
    };
    const during = async <T>(promise: Promise<T>, ms: number): Promise<T> => {
      await time.run(ms);
      return promise;
    };
    return { time, store, client, during };
  }

  it('takes a round trip for an answer and no real time', async () => {
    const { client, during, time } = world();
    const outcome = await during(client().change(changeOf(KEY, ABSENT), withBudget(1_000)), 4);
    expect(outcome).toMatchObject({ kind: 'committed', sentAtMs: 0 });
    expect(time.pending).toBe(0);
  });

  it('lets a lost change commit at once, yet says unknown at the end of the budget', async () => {
    const { client, during, store, time } = world();
    const dcs = client();
    const change = changeOf(KEY, ABSENT);
    dcs.unknownNext({ kind: 'commits' });
    const waiting = dcs.change(change, withBudget(400));
    await time.run(10);
    expect(store.peek(KEY)?.value).toBe(change.value);
    expect((await during(waiting, 390)).kind).toBe('unknown');
    expect(await during(dcs.change(change, withBudget(400)), 4)).toMatchObject({ kind: 'committed', sentAtMs: 0 });
    expect(store.peek(KEY)?.version).toBe(1);
  });

  it('lets a change commit long after it was called unknown, and never twice', async () => {
    const { client, during, store, time } = world();
    const dcs = client();
    const change = changeOf(KEY, ABSENT);
    dcs.unknownNext({ kind: 'commits-later', afterMs: 5_000 });
    expect((await during(dcs.change(change, withBudget(400)), 400)).kind).toBe('unknown');
    expect(recordsIn(await during(dcs.read([KEY], withBudget(400)), 4))).toEqual([]);
    await time.run(5_000);
    expect(store.peek(KEY)?.value).toBe(change.value);
    expect((await during(dcs.change(change, withBudget(400)), 4)).kind).toBe('committed');
    expect(store.peek(KEY)?.version).toBe(1);
  });

  it('makes a late change harmless once another has been committed on its revision', async () => {
    const { client, during, store, time } = world();
    const dcs = client();
    const late = changeOf(KEY, ABSENT, 'late');
    dcs.unknownNext({ kind: 'commits-later', afterMs: 5_000 });
    await during(dcs.change(late, withBudget(400)), 400);
    const fence = changeOf(KEY, ABSENT, 'fence');
    expect((await during(client().change(fence, withBudget(400)), 4)).kind).toBe('committed');
    await time.run(5_000);
    expect(store.peek(KEY)?.value).toBe(fence.value);
    expect((await during(dcs.change(late, withBudget(400)), 4)).kind).toBe('superseded');
  });

  it('never carries out a change that is lost on the way there', async () => {
    const { client, during, store, time } = world();
    const dcs = client();
    dcs.unknownNext({ kind: 'never' });
    expect((await during(dcs.change(changeOf(KEY, ABSENT), withBudget(400)), 400)).kind).toBe('unknown');
    await time.run(60_000);
    expect(store.peek(KEY)).toBeNull();
  });

  it('is unavailable to the end of the budget, and goes on within it when the way opens', async () => {
    const { client, during, time } = world();
    const dcs = client();
    dcs.setUnavailable(true);
    expect(await during(dcs.read([KEY], withBudget(400)), 400)).toMatchObject({ kind: 'unavailable' });
    const waiting = dcs.change(changeOf(KEY, ABSENT), withBudget(400));
    await time.run(200);
    dcs.setUnavailable(false);
    expect((await during(waiting, 100)).kind).toBe('committed');
  });

  it('carries out a change whose sender is cut off before the answer, and settles it afterwards', async () => {
    const { client, during, store, time } = world();
    const dcs = client();
    const change = changeOf(KEY, ABSENT);
    const waiting = dcs.change(change, withBudget(400));
    await time.run(3);
    dcs.setUnavailable(true);
    expect((await during(waiting, 400)).kind).toBe('unknown');
    expect(store.peek(KEY)?.value).toBe(change.value);
    dcs.setUnavailable(false);
    expect((await during(dcs.change(change, withBudget(400)), 10)).kind).toBe('committed');
  });

  it('says lost after half a second out of reach, and shows what happened meanwhile as a snapshot', async () => {
    const { client, during, time } = world();
    const dcs = client();
    const watch = follow(dcs, PREFIX);
    await time.run(10);
    dcs.setUnavailable(true);
    const change = changeOf(KEY, ABSENT);
    committed(await during(client().change(change, withBudget(400)), 4));
    await time.run(400);
    expect(kinds(watch.hints)).toEqual(['snapshot']);
    await time.run(100);
    expect(kinds(watch.hints)).toEqual(['snapshot', 'lost']);
    dcs.setUnavailable(false);
    await time.run(10);
    expect(kinds(watch.hints)).toEqual(['snapshot', 'lost', 'snapshot']);
    expect(watch.view.get(KEY)).toBe(change.value);
  });

  it('can keep a watch silent without a word', async () => {
    const { client, during, time } = world();
    const dcs = client();
    const watch = follow(dcs, PREFIX);
    await time.run(10);
    dcs.setSilentWatches(true);
    const change = changeOf(KEY, ABSENT);
    committed(await during(dcs.change(change, withBudget(400)), 4));
    await time.run(60_000);
    expect(kinds(watch.hints)).toEqual(['snapshot']);
    dcs.setSilentWatches(false);
    await time.run(10);
    expect(watch.view.get(KEY)).toBe(change.value);
  });

  it('begins a watch anew when the history is compacted or the store restored', async () => {
    const { client, during, store, time } = world();
    const dcs = client();
    const saved = store.save();
    const watch = follow(dcs, PREFIX);
    committed(await during(dcs.change(changeOf(KEY, ABSENT), withBudget(400)), 10));
    store.compact();
    await time.run(10);
    store.restore(saved);
    await time.run(10);
    expect(kinds(watch.hints)).toEqual(['snapshot', 'put', 'lost', 'snapshot', 'lost', 'snapshot']);
    expect(watch.view.size).toBe(0);
    expect(watch.hints.at(-1)).toMatchObject({ header: { revision: 1n } });
  });

  it('expires a lease by virtual time, with its keys', async () => {
    const { client, during, store, time } = world();
    const dcs = client();
    const lease = await during(dcs.grantLease(3, withBudget(400)), 4);
    if (lease === null) throw new Error('no lease');
    await during(dcs.put({ key: `${PREFIX}members/a`, value: 'a', lease }, withBudget(400)), 4);
    await time.run(2_900);
    expect(await during(dcs.renewLease(lease, withBudget(400)), 4)).toBe('renewed');
    await time.run(2_900);
    expect(store.peek(`${PREFIX}members/a`)).not.toBeNull();
    await time.run(200);
    expect(store.peek(`${PREFIX}members/a`)).toBeNull();
    expect(await during(dcs.renewLease(lease, withBudget(400)), 4)).toBe('gone');
  });
});

function kinds(hints: readonly Hint[]): readonly string[] {
  return hints.map((hint) => hint.kind);
}
