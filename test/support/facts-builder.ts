// Builds facts for decision tests: a healthy three-node cluster in quorum mode, from which each test changes what it is about.
import type { Facts, PeerStatus, PromiseAnswer, StoreFacts } from '../../agent/core/facts.ts';
import { UNTRIED } from '../../agent/core/health.ts';
import type { ServerFacts, ServerState, WalSender } from '../../agent/postgres/port.ts';
import { epoch } from '../../shared/domain/epoch.ts';
import type { HistoryEntry, LeaderRecord, NodeRecord, OperationRecord } from '../../shared/domain/leader-record.ts';
import { lsn } from '../../shared/domain/lsn.ts';
import { memberSet } from '../../shared/domain/member-set.ts';
import { nameOf, parseMemberId, type MemberId } from '../../shared/domain/node-id.ts';
import { DEFAULT_POLICY } from '../../shared/domain/policy.ts';
import { rootHistory, timelineId } from '../../shared/domain/timeline.ts';

export const NOW_MS = 1_000_000;
export const SYSTEM_ID = '7000000000000000001';

export function member(name: string): MemberId {
  const id = parseMemberId(`${name}~${'0'.repeat(11)}${name.slice(-1)}`);
  if (id === null) throw new Error(`${name} is not a member name`);
  return id;
}

export const N1 = member('n1');
export const N2 = member('n2');
export const N3 = member('n3');

export function recordOf(change: Partial<LeaderRecord> = {}): LeaderRecord {
  return {
    systemId: SYSTEM_ID,
    epoch: epoch(4n),
    seq: 7,
    holder: N1,
    state: { kind: 'serving' },
    mode: 'quorum',
    set: memberSet([N2, N3], 1),
    timeline: timelineId(1),
    floor: { timeline: timelineId(1), lsn: lsn(100n) },
    barred: [],
    ttlMs: DEFAULT_POLICY.ttlMs,
    observed: null,
    nonce: 'nonce',
    ...change,
  };
}

export function presentOf(record: LeaderRecord, ageMs = 100): StoreFacts['view'] {
  return { kind: 'present', record, modRevision: 50n, firstSeenAtMs: NOW_MS - ageMs };
}

export function standby(received: bigint, change: Partial<ServerFacts> = {}): ServerState {
  return {
    kind: 'running',
    facts: {
      ...serverFacts(),
      inRecovery: true,
      receivedLsn: lsn(received),
      replayedLsn: lsn(received),
      flushedLsn: null,
      walSenders: [],
      ...change,
    },
  };
}

export function primary(flushed: bigint, change: Partial<ServerFacts> = {}): ServerState {
  return {
    kind: 'running',
    facts: { ...serverFacts(), flushedLsn: lsn(flushed), walSenders: [sender(N2, flushed), sender(N3, flushed)], ...change },
  };
}

export function sender(name: MemberId, flushed: bigint): WalSender {
  return { applicationName: name, pid: 1, state: 'streaming', flushLsn: lsn(flushed), replayLsn: lsn(flushed), syncPriority: 1 };
}

function serverFacts(): ServerFacts {
  return {
    systemId: SYSTEM_ID,
    versionNum: 150018,
    inRecovery: false,
    history: rootHistory(timelineId(1)),
    receivedLsn: null,
    replayedLsn: null,
    replayIdle: true,
    receiver: 'none',
    flushedLsn: null,
    synchronousStandbyNames: '',
    walSenders: [],
    physicalSlots: [N1, N2, N3].map((one) => `pgbaton_${one.replaceAll(/[^a-z0-9_]/g, '_')}`),
  };
}

export function answer(from: MemberId, received: bigint, ballot = 5n): PromiseAnswer {
  return {
    member: from,
    name: nameOf(from),
    promised: epoch(ballot),
    extent: { history: rootHistory(timelineId(1)), lsn: lsn(received) },
    priority: 50,
    acceptedEpoch: epoch(4n),
  };
}

export function historyOf(change: Partial<HistoryEntry> = {}): HistoryEntry {
  return {
    epoch: epoch(4n),
    holder: N1,
    timeline: timelineId(1),
    floor: { timeline: timelineId(1), lsn: lsn(100n) },
    ancestors: [],
    trigger: 'creation',
    why: 'test',
    at: '',
    ...change,
  };
}

/** A move from n1 to n2 under way. */
export function operationOf(change: Partial<OperationRecord> = {}): OperationRecord {
  return {
    id: 'move-1',
    kind: 'switchover',
    from: N1,
    to: N2,
    stage: 'checkpointing',
    stagesMs: {},
    epoch: epoch(4n),
    why: null,
    requestedAt: '',
    ...change,
  };
}

function nodeOf(id: MemberId): NodeRecord {
  return { member: id, bootCount: 1, pgHost: '127.0.0.1', pgPort: 5432, agentUrl: `http://127.0.0.1/${id}`, priority: 50 };
}

/** Facts as `self` sees them; follower `n2` unless told otherwise. */
export function factsOf(change: Partial<Facts> = {}, store: Partial<StoreFacts> = {}, self: MemberId = N2): Facts {
  return {
    nowMs: NOW_MS,
    // Goes by the facts it is asked on, so that a test may move `nowMs` on.
    reached(this: Facts, atMs) {
      return atMs <= this.nowMs;
    },
    self: { name: nameOf(self), member: self, priority: 50, adopt: false, initialize: true, policy: DEFAULT_POLICY },
    startedAtMs: NOW_MS - 60_000,
    file: {
      incarnation: self.slice(-12) as Facts['file']['incarnation'],
      systemId: SYSTEM_ID,
      etcdClusterId: '1',
      etcdRevision: '1',
      etcdRepair: null,
      bootCount: 1,
      promised: epoch(4n),
      accepted: recordOf(),
      promotion: null,
      dir: 'ok',
      unfit: null,
      nodes: [],
    },
    store: {
      view: presentOf(recordOf()),
      lastReadAtMs: NOW_MS - 100,
      unbrokenSinceMs: NOW_MS - 60_000,
      renewedSinceStart: true,
      renewedAtMs: NOW_MS - 100,
      regressed: null,
      history: [historyOf()],
      nodes: new Map([N1, N2, N3].map((id) => [nameOf(id), nodeOf(id)])),
      operation: null,
      changeInFlight: 'none',
      ...store,
    },
    server: { state: standby(500n, { receiver: 'streaming' }), seenAtMs: NOW_MS - 5 },
    guard: null,
    peers: new Map(),
    holder: { member: N1, heardAtMs: NOW_MS - 50, walMovedAtMs: null, probeAnsweredAtMs: null, probeFailedAtMs: null },
    awakeSinceMs: NOW_MS - 60_000,
    confirmations: new Map(),
    leaving: new Set(),
    answers: [],
    down: null,
    takeover: null,
    downAcknowledged: new Set(),
    job: null,
    failures: new Map(),
    following: { epoch: epoch(4n), holder: N1 },
    inForce: { kind: 'proven', set: memberSet([N2, N3], 1), waiting: true, provenAtLsn: lsn(0n) },
    resting: memberSet([N3], 1),
    health: UNTRIED,
    hasSaidDown: false,
    open: true,
    handover: null,
    promiseKept: null,
    ...change,
  };
}

export function peerOf(id: MemberId, change: Partial<PeerStatus> = {}): PeerStatus {
  return {
    name: nameOf(id),
    member: id,
    systemId: SYSTEM_ID,
    epoch: epoch(4n),
    promised: epoch(4n),
    accepted: { epoch: epoch(4n), seq: 7 },
    priority: 50,
    extent: null,
    leads: change.servingAsPrimary ?? false,
    servingAsPrimary: false,
    healthy: true,
    holderSilentMs: null,
    askedAtMs: NOW_MS - 30,
    heardAtMs: NOW_MS - 29,
    ...change,
  };
}

export function peersOf(...peers: readonly PeerStatus[]): ReadonlyMap<PeerStatus['name'], PeerStatus> {
  return new Map(peers.map((peer) => [peer.name, peer]));
}
