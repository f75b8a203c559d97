/**
 * The etcd door against real etcd: the contract over a network that loses answers (one member behind a relay), then three members with
 * faults. Frozen means SIGSTOP, killed means SIGKILL. Every change made under a fault is checked afterwards against what etcd really holds.
 */
import { noop } from 'cockatiel';
import { Etcd3, type IRangeResponse } from 'etcd3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ABSENT, type Change, type ChangeOutcome, type Dcs, type ModRevision } from '../../../../shared/dcs/dcs.ts';
import { createEtcdDcs } from '../../../../shared/dcs/etcd-dcs.ts';
import type { EtcdEvent } from '../../../../shared/dcs/etcd-event.ts';
import { monotonicMs } from '../../../../shared/runtime/clock.ts';
import { changeOf, committed, describeDcsContract, follow, recordsIn, withBudget } from '../../../support/dcs-contract.ts';
import { startEtcd, type EtcdCluster, type EtcdMember } from '../../../support/etcd.ts';
import { openTcpGate, type TcpGate } from '../../../support/tcp-gate.ts';
import { until } from '../../../support/until.ts';

const CALL_MS = 400;
const BUDGET_MS = 4_000;

let single: EtcdCluster;
beforeAll(async () => {
  single = await startEtcd({ members: 1 });
});
afterAll(() => single.stop());

describeDcsContract('etcd', async () => {
  const gate = await openTcpGate(firstUrl(single));
  const dcs = createEtcdDcs({ endpoints: [gate.url], callMs: CALL_MS });
  const other = createEtcdDcs({ endpoints: single.urls, callMs: CALL_MS });
  return {
    dcs,
    other,
    loseAnswers: () => gate.swallowReplies(true),
    restoreAnswers: () => gate.swallowReplies(false),
    close: async () => {
      await Promise.all([dcs.close(), other.close()]);
      await gate.close();
    },
  };
});

describe('one member behind a relay', () => {
  let gate: TcpGate;
  let dcs: Dcs;
  let raw: Etcd3;
  beforeEach(async () => {
    gate = await openTcpGate(firstUrl(single));
    dcs = createEtcdDcs({ endpoints: [gate.url], callMs: CALL_MS });
    raw = new Etcd3({ hosts: firstUrl(single) });
  });
  afterEach(async () => {
    raw.close();
    await dcs.close();
    await gate.close();
  });

  it('begins a watch anew when its start has been compacted away', async () => {
    const prefix = '/it/compacted/';
    await dcs.put({ key: `${prefix}a`, value: '0' }, withBudget(BUDGET_MS));
    // The snapshot goes through; the stream's own connection is held until the history is gone.
    const watch = follow(dcs, prefix, (hint) => gate.holdNew(hint.kind === 'snapshot' && watch.hints.length === 1));
    await until('the stream waits to connect', BUDGET_MS, () => gate.heldCount() > 0);
    for (const value of ['1', '2']) await raw.kv.put({ key: Buffer.from(`${prefix}a`), value: Buffer.from(value) });
    const { header } = await raw.kv.range({ key: Buffer.from(prefix) });
    await raw.kv.compact({ revision: header.revision, physical: true });
    gate.holdNew(false);
    await until('a new snapshot is there', BUDGET_MS, () => watch.hints.filter((hint) => hint.kind === 'snapshot').length === 2);
    expect(watch.hints.map((hint) => hint.kind)).toEqual(['snapshot', 'lost', 'snapshot']);
    expect(watch.hints[1]).toMatchObject({ why: expect.stringContaining('compacted') as string });
    expect(watch.view.get(`${prefix}a`)).toBe('2');
    await raw.kv.put({ key: Buffer.from(`${prefix}a`), value: Buffer.from('3') });
    await until('changes arrive again', BUDGET_MS, () => watch.view.get(`${prefix}a`) === '3');
  });

  it('comes back within moments after the way to the only member was cut', async () => {
    const key = '/it/cut/leader';
    const { modRevision } = committed(await dcs.change(changeOf(key, ABSENT), withBudget(BUDGET_MS)));
    gate.cutAll();
    expect((await dcs.change(changeOf(key, modRevision), withBudget(BUDGET_MS))).kind).toBe('committed');
  });

  it('never puts an old value over a newer one when the answer was lost', async () => {
    const key = '/it/put/node';
    gate.swallowReplies(true);
    expect(await dcs.put({ key, value: 'old' }, withBudget(200))).toBe(false);
    gate.swallowReplies(false);
    expect(await dcs.put({ key, value: 'new' }, withBudget(BUDGET_MS))).toBe(true);
    expect(recordsIn(await dcs.read([key], withBudget(BUDGET_MS)))).toMatchObject([{ value: 'new' }]);
  });

  it('refuses at once what etcd refuses, and leaves nothing in doubt', async () => {
    const outcome = await dcs.change(
      { ...changeOf('/it/refused/a', ABSENT), also: [{ key: '/it/refused/b', value: '', lease: '12345' }] },
      withBudget(BUDGET_MS),
    );
    expect(outcome.kind).toBe('refused');
    expect(recordsIn(await dcs.read(['/it/refused/'], withBudget(BUDGET_MS)))).toEqual([]);
  });

  it('leaves no handle behind when it is closed', async () => {
    const own = createEtcdDcs({ endpoints: [gate.url], callMs: CALL_MS });
    const before = handles();
    const watch = follow(own, '/it/handles/');
    await until('the watch is open', BUDGET_MS, () => watch.hints.length > 0);
    gate.swallowReplies(true);
    const waiting = own.read(['/it/handles/'], withBudget(60_000));
    await until('the endpoint is suspect', BUDGET_MS, () => own.endpoints()[0]?.state === 'suspect');
    await own.close();
    await waiting;
    gate.swallowReplies(false);
    gate.cutAll();
    await until('nothing is left', BUDGET_MS, () => handles() <= before);
  });
});

describe('three members', () => {
  let cluster: EtcdCluster;
  let dcs: Dcs;
  let events: EtcdEvent[];
  let sequence = 0;

  beforeAll(async () => {
    cluster = await startEtcd({ members: 3 });
  });
  afterAll(() => cluster.stop());
  beforeEach(async () => {
    await cluster.ready();
    events = [];
    dcs = createEtcdDcs({ endpoints: cluster.urls, callMs: CALL_MS, onEvent: (event) => events.push(event) });
    sequence += 1;
  });
  afterEach(async () => {
    for (const member of cluster.members) {
      member.start();
      member.thaw();
    }
    await dcs.close();
  });

  const key = (): string => `/it/three/${String(sequence)}/leader`;
  const create = async (): Promise<ModRevision> => committed(await dcs.change(changeOf(key(), ABSENT), withBudget(BUDGET_MS))).modRevision;

  /** The member that answers calls: the first, until it fails. */
  const preferred = (): EtcdMember => memberAt(cluster, 0);

  async function leader(): Promise<EtcdMember> {
    for (const member of cluster.members) {
      const client = new Etcd3({ hosts: member.url });
      const status = await client.maintenance.status();
      client.close();
      if (status.leader === status.header.member_id) return member;
    }
    throw new Error('etcd has no leader');
  }

  async function follower(): Promise<EtcdMember> {
    const leading = await leader();
    const found = cluster.members.find((member) => member !== leading);
    if (found === undefined) throw new Error('etcd has no follower');
    return found;
  }

  /** A client that asks `member` first. */
  function preferring(member: EtcdMember): Dcs {
    return createEtcdDcs({ endpoints: [member.url, ...cluster.urls.filter((url) => url !== member.url)], callMs: CALL_MS });
  }

  /** What etcd holds, asked linearizably of whichever member answers, without the code under test. */
  async function present(): Promise<{ value: string; version: string; modRevision: bigint }> {
    for (const member of cluster.members) {
      const kv = (await rangeAt(member).catch(() => null))?.kvs[0];
      if (kv !== undefined) return { value: kv.value.toString(), version: kv.version, modRevision: BigInt(kv.mod_revision) };
    }
    throw new Error('no member holds the key');
  }

  async function rangeAt(member: EtcdMember): Promise<IRangeResponse> {
    const client = new Etcd3({ hosts: member.url, faultHandling: { global: noop, host: () => noop } });
    try {
      return await client.kv.range({ key: Buffer.from(key()) }, { deadline: Date.now() + 1_000 });
    } finally {
      client.close();
    }
  }

  const answersAt = (member: EtcdMember): Promise<boolean> =>
    rangeAt(member).then(
      () => true,
      () => false,
    );

  it('answers through the next member while the preferred one is frozen, long before the deadline of a call', async () => {
    const frozen = await follower();
    const client = preferring(frozen);
    const { modRevision } = committed(await client.change(changeOf(key(), ABSENT), withBudget(BUDGET_MS)));
    frozen.freeze();
    const startedMs = monotonicMs();
    expect((await client.read([key()], withBudget(BUDGET_MS))).kind).toBe('read');
    committed(await client.change(changeOf(key(), modRevision), withBudget(BUDGET_MS)));
    expect(monotonicMs() - startedMs).toBeLessThan(CALL_MS);
    await until('the frozen member is suspect', BUDGET_MS, () => client.endpoints()[0]?.state === 'suspect');
    await client.close();
  });

  it('settles a change sent to a follower that froze, exactly one version step, and a thaw changes nothing', async () => {
    const frozen = await follower();
    const client = preferring(frozen);
    const first = committed(await client.change(changeOf(key(), ABSENT, 'first'), withBudget(BUDGET_MS)));
    const change = changeOf(key(), first.modRevision, 'second');
    frozen.freeze();
    const outcome = committed(await client.change(change, withBudget(BUDGET_MS)));
    const after = { value: change.value, version: '2', modRevision: outcome.modRevision };
    expect(await present()).toEqual(after);
    frozen.thaw();
    await until('the thawed member has caught up', 10_000, () => answersAt(frozen));
    expect(await present()).toEqual(after);
    await client.close();
  });

  it('settles a change sent to the leader that froze, after the election, exactly one version step', async () => {
    const frozen = await leader();
    const client = preferring(frozen);
    const first = committed(await client.change(changeOf(key(), ABSENT, 'first'), withBudget(BUDGET_MS)));
    const change = changeOf(key(), first.modRevision, 'second');
    frozen.freeze();
    const outcome = await settle(client, change);
    expect(outcome.kind).toBe('committed');
    frozen.thaw();
    await until('the thawed member has caught up', 10_000, () => answersAt(frozen));
    expect(await present()).toMatchObject({ value: change.value, version: '2' });
    await client.close();
  });

  it('tells the truth about every change while members freeze and thaw', async () => {
    let revision = await create();
    let version = 1;
    for (let round = 0; round < 6; round += 1) {
      const frozen = memberAt(cluster, round % 3);
      const client = preferring(frozen);
      const change = changeOf(key(), revision, `round ${String(round)}`);
      // Frozen in the middle of the change, so that the request may or may not have left the member.
      const waiting = client.change(change, withBudget(120));
      setImmediate(() => frozen.freeze());
      const early = await waiting;
      frozen.thaw();
      const outcome = early.kind === 'unknown' ? await settle(client, change) : early;
      // Nobody else writes: superseded and rejected would both be lies.
      revision = committed(outcome).modRevision;
      version += 1;
      expect(await present()).toEqual({ value: change.value, version: String(version), modRevision: revision });
      await client.close();
    }
  });

  it('never lets two rivals both believe that they won, whatever freezes', async () => {
    let revision = await create();
    for (let round = 0; round < 4; round += 1) {
      const frozen = memberAt(cluster, round % 3);
      const rivals = [preferring(frozen), preferring(memberAt(cluster, (round + 1) % 3))];
      const changes = rivals.map((_, index) => changeOf(key(), revision, `rival ${String(index)}`));
      setImmediate(() => frozen.freeze());
      const outcomes = await Promise.all(rivals.map((rival, index) => settle(rival, changes[index] as Change)));
      frozen.thaw();
      const { value, modRevision } = await present();
      const winner = changes.findIndex((change) => change.value === value);
      expect(outcomes.map((outcome) => outcome.kind === 'committed')).toEqual(changes.map((_, index) => index === winner));
      revision = modRevision as ModRevision;
      await Promise.all(rivals.map((rival) => rival.close()));
    }
  });

  it('goes on when a member is killed, and takes it back when it returns', async () => {
    const revision = await create();
    await preferred().kill();
    const next = committed(await dcs.change(changeOf(key(), revision), withBudget(BUDGET_MS)));
    expect(await dcs.change(changeOf(key(), revision), withBudget(BUDGET_MS))).toMatchObject({
      current: { modRevision: next.modRevision },
    });
    await until('the killed member is suspect', BUDGET_MS, () => dcs.endpoints()[0]?.state === 'suspect');
    preferred().start();
    await until('the member is back', 10_000, () => dcs.endpoints()[0]?.state === 'ready');
    expect(events.map((event) => event.kind)).toContain('endpoint-ready');
  });

  it('says unavailable and unknown without a quorum, within the budget, and settles afterwards', async () => {
    const revision = await create();
    for (const member of cluster.members.slice(1)) member.freeze();
    const change = changeOf(key(), revision);
    const startedMs = monotonicMs();
    const [read, outcome] = await Promise.all([dcs.read([key()], withBudget(900)), dcs.change(change, withBudget(900))]);
    expect(monotonicMs() - startedMs).toBeLessThan(1_500);
    expect([read.kind, outcome.kind]).toEqual(['unavailable', 'unknown']);
    for (const member of cluster.members.slice(1)) member.thaw();
    expect((await settle(dcs, change)).kind).toBe('committed');
    expect(await present()).toMatchObject({ value: change.value, version: '2' });
  });

  it('moves a watch to the next member when its own one freezes, and shows what was missed', async () => {
    const revision = await create();
    const prefix = key().replace('leader', '');
    const watch = follow(dcs, prefix);
    await until('the snapshot is there', BUDGET_MS, () => watch.hints.length === 1);
    const opened = events.find((event) => event.kind === 'watch-open');
    const watched = cluster.members.find((member) => member.url === (opened as { url: string }).url);
    if (watched === undefined) throw new Error('the watch is nowhere');
    watched.freeze();
    const change = changeOf(key(), revision);
    expect((await settle(dcs, change)).kind).toBe('committed');
    await until('the change is seen elsewhere', 10_000, () => watch.view.get(key()) === change.value);
    expect(watch.hints.map((hint) => hint.kind)).toContain('lost');
    expect(watch.hints.filter((hint) => hint.kind === 'snapshot').length).toBeGreaterThanOrEqual(2);
    watched.thaw();
  });
});

/** The identical change until its outcome is known, as an agent does it. */
async function settle(dcs: Dcs, change: Change): Promise<ChangeOutcome> {
  let outcome: ChangeOutcome = { kind: 'unknown', why: 'not sent' };
  await until('the change is settled', 20_000, async () => {
    outcome = await dcs.change(change, withBudget(1_000));
    return outcome.kind !== 'unknown';
  });
  return outcome;
}

function firstUrl(cluster: EtcdCluster): string {
  return memberAt(cluster, 0).url;
}

function memberAt(cluster: EtcdCluster, index: number): EtcdMember {
  const member = cluster.members[index];
  if (member === undefined) throw new Error(`no member ${String(index)}`);
  return member;
}

function handles(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap' || kind === 'Timeout').length;
}
