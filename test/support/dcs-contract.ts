/**
 * What every implementation of the store's port must keep, run against the fake and against real etcd. The heart of it: a change that
 * committed is never called rejected, one that did not is never called committed, and an unknown one is settled by sending it again.
 */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ABSENT,
  type CallOptions,
  type Change,
  type ChangeOutcome,
  type Dcs,
  type Expected,
  type Hint,
  type KeyValue,
  type ModRevision,
  type ReadOutcome,
} from '../../shared/dcs/dcs.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { until } from './until.ts';

export type DcsHarness = {
  /** The client under test. */
  readonly dcs: Dcs;
  /** Another client of the same store. */
  readonly other: Dcs;
  /** Requests of `dcs` still arrive and are carried out; their answers are lost until `restore`. */
  readonly loseAnswers: () => void;
  readonly restoreAnswers: () => void;
  readonly close: () => Promise<void>;
};

const BUDGET_MS = 3_000;
const SHORT_MS = 300;
const SOON_MS = 5_000;

export function withBudget(budgetMs: number, signal: AbortSignal = new AbortController().signal): CallOptions {
  return { budgetMs, signal };
}

export function changeOf(key: string, expected: Expected, text = 'v', also?: Change['also']): Change {
  const nonce = randomUUID();
  return { key, expected, value: `${text} ${nonce}`, nonce, ...(also === undefined ? {} : { also }) };
}

export function committed(outcome: ChangeOutcome): Extract<ChangeOutcome, { kind: 'committed' }> {
  if (outcome.kind !== 'committed') throw new Error(`expected a commit, not ${outcome.kind}`);
  return outcome;
}

export function recordsIn(outcome: ReadOutcome): readonly KeyValue[] {
  if (outcome.kind !== 'read') throw new Error(`the store is unavailable: ${outcome.why}`);
  return outcome.records;
}

/** Collects hints, and folds them into what a consumer would believe. */
export function follow(
  dcs: Dcs,
  prefix: string,
  onEach: (hint: Hint) => void = () => undefined,
): { readonly hints: Hint[]; readonly view: Map<string, string>; readonly close: () => void } {
  const hints: Hint[] = [];
  const view = new Map<string, string>();
  const subscription = dcs.watch(prefix, (hint) => {
    hints.push(hint);
    onEach(hint);
    if (hint.kind === 'snapshot') {
      view.clear();
      for (const record of hint.records) view.set(record.key, record.value);
    } else if (hint.kind === 'put') view.set(hint.record.key, hint.record.value);
    else if (hint.kind === 'deleted') view.delete(hint.key);
  });
  return { hints, view, close: () => subscription.close() };
}

export function describeDcsContract(name: string, open: () => Promise<DcsHarness>): void {
  describe(`${name} keeps the contract of the store`, () => {
    let harness: DcsHarness;
    let dcs: Dcs;
    let root: string;
    const budget = withBudget(BUDGET_MS);

    beforeEach(async () => {
      harness = await open();
      dcs = harness.dcs;
      root = `/contract/${randomUUID()}/`;
    });
    afterEach(() => harness.close());

    const create = async (key: string, text?: string): Promise<ModRevision> =>
      committed(await dcs.change(changeOf(key, ABSENT, text), budget)).modRevision;

    it('creates a key once', async () => {
      const first = committed(await dcs.change(changeOf(`${root}leader`, ABSENT, 'first'), budget));
      const second = await harness.other.change(changeOf(`${root}leader`, ABSENT, 'second'), budget);
      expect(second).toMatchObject({ kind: 'rejected', current: { modRevision: first.modRevision } });
      expect(first.modRevision).toBe(first.header.revision);
    });

    it('changes a key only from the revision that was compared, and shows what is there instead', async () => {
      const revision = await create(`${root}leader`);
      const next = committed(await harness.other.change(changeOf(`${root}leader`, revision, 'theirs'), budget));
      const late = await dcs.change(changeOf(`${root}leader`, revision, 'ours'), budget);
      expect(late.kind === 'rejected' && late.current?.modRevision).toBe(next.modRevision);
      expect(late.kind === 'rejected' && late.current?.value).toContain('theirs');
    });

    it('rejects a change of a key that is gone', async () => {
      const revision = await create(`${root}operation`);
      expect(await dcs.remove(`${root}operation`, budget)).toBe(true);
      expect(await dcs.change(changeOf(`${root}operation`, revision), budget)).toMatchObject({ kind: 'rejected', current: null });
    });

    it('writes what belongs to a change in its transaction, or not at all', async () => {
      const revision = await create(`${root}leader`);
      const lost = changeOf(`${root}leader`, ABSENT, 'lost', [{ key: `${root}history/1`, value: 'no' }]);
      expect((await dcs.change(lost, budget)).kind).toBe('rejected');
      const won = changeOf(`${root}leader`, revision, 'won', [{ key: `${root}history/2`, value: 'yes' }]);
      const { modRevision } = committed(await dcs.change(won, budget));
      expect(recordsIn(await dcs.read([`${root}history/`], budget))).toEqual([{ key: `${root}history/2`, value: 'yes', modRevision }]);
    });

    it('reads keys and prefixes of one revision, and no neighbours', async () => {
      for (const key of ['leader', 'nodes/a', 'nodes/b', 'nodesx', 'nodes', 'members/a'])
        await dcs.put({ key: `${root}${key}`, value: key }, budget);
      const records = recordsIn(await dcs.read([`${root}leader`, `${root}nodes/`, `${root}absent`], budget));
      expect(records.map((record) => record.value).toSorted()).toEqual(['leader', 'nodes/a', 'nodes/b']);
    });

    it('stamps every answer with the store and a revision that grows', async () => {
      const first = await dcs.read([root], budget);
      await create(`${root}leader`);
      const beforeMs = monotonicMs();
      const second = await dcs.read([root], budget);
      if (first.kind !== 'read' || second.kind !== 'read') throw new Error('the store is unavailable');
      expect(second.header.revision).toBe(first.header.revision + 1n);
      expect(second.header.clusterId).toBe(first.header.clusterId);
      expect(second.sentAtMs).toBeGreaterThanOrEqual(beforeMs);
    });

    it('keeps text as it is', async () => {
      const value = '{"why":"naïve – ✓ 🐘\\n"}';
      await dcs.put({ key: `${root}nodes/ä`, value }, budget);
      expect(recordsIn(await harness.other.read([`${root}nodes/`], budget))).toMatchObject([{ key: `${root}nodes/ä`, value }]);
    });

    it('puts over whatever is there, and removes what may not be there', async () => {
      for (const value of ['1', '2', '2']) expect(await dcs.put({ key: `${root}nodes/a`, value }, budget)).toBe(true);
      expect(recordsIn(await dcs.read([`${root}nodes/a`], budget))).toMatchObject([{ value: '2' }]);
      for (const _ of [1, 2]) expect(await dcs.remove(`${root}nodes/a`, budget)).toBe(true);
      expect(recordsIn(await dcs.read([root], budget))).toEqual([]);
    });

    it('keeps a leased key while the lease is renewed and lets it go afterwards', async () => {
      const lease = await dcs.grantLease(2, budget);
      if (lease === null) throw new Error('no lease');
      expect(await dcs.put({ key: `${root}members/a`, value: 'here', lease }, budget)).toBe(true);
      expect(await dcs.renewLease(lease, budget)).toBe('renewed');
      const watch = follow(harness.other, root);
      await until('the key is gone with its lease', 8_000, () => watch.hints.some((hint) => hint.kind === 'deleted'));
      expect(await dcs.renewLease(lease, budget)).toBe('gone');
      expect(await dcs.put({ key: `${root}members/a`, value: 'here', lease }, budget)).toBe(false);
      expect(recordsIn(await dcs.read([root], budget))).toEqual([]);
    });

    it('watches: a snapshot first, then every change in order, nothing twice', async () => {
      const first = await create(`${root}leader`, 'first');
      const watch = follow(dcs, root);
      await until('the snapshot is there', SOON_MS, () => watch.hints.length === 1);
      expect(watch.hints[0]).toMatchObject({ kind: 'snapshot', records: [{ modRevision: first }] });
      await harness.other.put({ key: `${root}nodes/a`, value: 'a' }, budget);
      const second = committed(await harness.other.change(changeOf(`${root}leader`, first, 'second'), budget));
      await harness.other.remove(`${root}nodes/a`, budget);
      await harness.other.put({ key: `${root.slice(0, -1)}x`, value: 'a neighbour' }, budget);
      await until('three changes are there', SOON_MS, () => watch.hints.length >= 4);
      expect(watch.hints.slice(1)).toMatchObject([
        { kind: 'put', record: { key: `${root}nodes/a`, value: 'a' } },
        { kind: 'put', record: { key: `${root}leader`, modRevision: second.modRevision } },
        { kind: 'deleted', key: `${root}nodes/a`, modRevision: second.modRevision + 1n },
      ]);
      watch.close();
      await harness.other.put({ key: `${root}nodes/b`, value: 'b' }, budget);
      await dcs.read([root], budget);
      expect(watch.hints).toHaveLength(4);
    });

    it('settles an unknown change that had committed as committed, by the identical change, one version step', async () => {
      const revision = await create(`${root}leader`);
      const change = changeOf(`${root}leader`, revision, 'ours');
      const beforeMs = monotonicMs();
      harness.loseAnswers();
      expect((await dcs.change(change, withBudget(SHORT_MS))).kind).toBe('unknown');
      const afterMs = monotonicMs();
      harness.restoreAnswers();
      const settled = committed(await dcs.change(change, budget));
      expect(settled.modRevision).toBe(revision + 1n);
      // A lease counts from the first copy, which is the one that committed.
      expect(settled.sentAtMs).toBeGreaterThanOrEqual(beforeMs);
      expect(settled.sentAtMs).toBeLessThan(afterMs);
      expect(recordsIn(await harness.other.read([`${root}leader`], budget))).toMatchObject([
        { modRevision: settled.modRevision, value: change.value },
      ]);
    });

    it('calls an unknown change superseded, never rejected, once somebody has written over it', async () => {
      const revision = await create(`${root}leader`);
      const change = changeOf(`${root}leader`, revision, 'ours');
      harness.loseAnswers();
      expect((await dcs.change(change, withBudget(SHORT_MS))).kind).toBe('unknown');
      harness.restoreAnswers();
      const theirs = committed(await harness.other.change(changeOf(`${root}leader`, (revision + 1n) as ModRevision, 'theirs'), budget));
      expect(await dcs.change(change, budget)).toMatchObject({ kind: 'superseded', current: { modRevision: theirs.modRevision } });
    });

    it('answers at once when the caller has given up', async () => {
      const given = new AbortController();
      given.abort();
      const over = withBudget(BUDGET_MS, given.signal);
      const startedMs = monotonicMs();
      expect((await dcs.read([root], over)).kind).toBe('unavailable');
      expect((await dcs.change(changeOf(`${root}leader`, ABSENT), over)).kind).toBe('unknown');
      expect(await dcs.put({ key: `${root}nodes/a`, value: '' }, over)).toBe(false);
      expect(await dcs.renewLease('1', over)).toBe('unknown');
      expect(monotonicMs() - startedMs).toBeLessThan(SHORT_MS);
      expect(recordsIn(await dcs.read([root], budget))).toEqual([]);
    });

    it('answers at once when the caller gives up while waiting', async () => {
      const given = new AbortController();
      harness.loseAnswers();
      const waiting = Promise.all([
        dcs.read([root], withBudget(60_000, given.signal)),
        dcs.change(changeOf(`${root}leader`, ABSENT), withBudget(60_000, given.signal)),
      ]);
      setImmediate(() => given.abort());
      expect((await waiting).map((outcome) => outcome.kind)).toEqual(['unavailable', 'unknown']);
    });

    it('ends what is under way when it is closed, and answers afterwards too', async () => {
      harness.loseAnswers();
      const watch = follow(dcs, root);
      const waiting = dcs.change(changeOf(`${root}leader`, ABSENT), withBudget(60_000));
      await dcs.close();
      expect((await waiting).kind).toBe('unknown');
      expect((await dcs.read([root], withBudget(60_000))).kind).toBe('unavailable');
      expect(await dcs.grantLease(5, withBudget(60_000))).toBeNull();
      expect(watch.hints.filter((hint) => hint.kind !== 'lost')).toEqual([]);
    });

    it('lets exactly one of many win, and tells each its own outcome', async () => {
      const revision = await create(`${root}leader`);
      const changes = Array.from({ length: 8 }, (_, index) => changeOf(`${root}leader`, revision, `candidate ${String(index)}`));
      const outcomes = await Promise.all(changes.map((change, index) => (index % 2 === 0 ? dcs : harness.other).change(change, budget)));
      const [present] = recordsIn(await dcs.read([`${root}leader`], budget));
      expect(present?.modRevision).toBe(revision + 1n);
      outcomes.forEach((outcome, index) => {
        // `superseded` is allowed where a slow answer made a second copy necessary; `committed` only for the value that is there.
        if (present?.value === changes[index]?.value) expect(outcome.kind).toBe('committed');
        else expect(['rejected', 'superseded']).toContain(outcome.kind);
      });
    });
  });
}
