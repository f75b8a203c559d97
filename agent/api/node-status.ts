/** Tells what this node is and why, in the shape everybody reads (shared/domain/cluster-status.ts). Reads only. */
import type { FailoverReport, NodeStatus, PostgresStatus } from '../../shared/domain/cluster-status.ts';
import { historyToJson } from '../../shared/domain/cluster-status.ts';
import { bytesBetween, formatLsn, lsn } from '../../shared/domain/lsn.ts';
import { nameOf } from '../../shared/domain/node-id.ts';
import { wallClockIso } from '../../shared/runtime/clock.ts';
import type { NodeConfig } from '../../shared/config/node-config.ts';
import type { Facts } from '../core/facts.ts';
import { authorityOf, recordInForce } from '../core/authority.ts';
import { ownExtent } from '../core/extent.ts';
import { isHealthy } from '../core/health.ts';
import type { Witness } from '../core/repair.ts';
import { holderSilentMs } from '../core/suspicion.ts';
import type { Decision } from '../core/decision.ts';
import type { StatusReply } from '../machine/asks.ts';
import type { TimedFailover } from '../machine/failover-clock.ts';

export function peerStatusOf(facts: Facts): StatusReply {
  const { self, file, store } = facts;
  return {
    name: self.name,
    member: self.member,
    systemId: file.systemId,
    epoch: store.view.kind === 'present' ? store.view.record.epoch : null,
    promised: file.promised,
    accepted: file.accepted === null ? null : { epoch: file.accepted.epoch, seq: file.accepted.seq },
    priority: self.priority,
    extent: ownExtent(facts.server.state),
    leads: leads(facts) || isPromoted(facts),
    servingAsPrimary: leads(facts) && facts.open,
    healthy: isHealthy(facts),
    holderSilentMs: store.view.kind === 'present' ? holderSilentMs(facts, store.view.record) : null,
  };
}

/** What this node has on its disk, for `store repair`. */
export function testimonyOf({ self, file, server, store }: Facts): Witness {
  const trusts = store.regressed === null && store.view.kind === 'present' ? store.view.record : null;
  return {
    name: self.name,
    member: self.member,
    promised: file.promised,
    accepted: file.accepted,
    history: ownExtent(server.state)?.history ?? null,
    trusts: trusts === null ? null : { epoch: trusts.epoch, seq: trusts.seq },
  };
}

/** A look takes a second at most, and another follows at once. */
const SEEN_LATELY_MS = 2_500;

/** Holds a serving record and runs it as a primary, with authority by this node's own clock. */
function leads(facts: Facts): boolean {
  const record = recordInForce(facts);
  if (record === null || record.state.kind !== 'serving' || facts.hasSaidDown) return false;
  const { state, seenAtMs } = facts.server;
  if (state.kind !== 'running' || state.facts.inRecovery || facts.nowMs - seenAtMs > SEEN_LATELY_MS) return false;
  const authority = authorityOf(facts, record);
  return authority !== null && facts.nowMs < authority.untilMs;
}

/** Claimed and promoted, and waiting for the members it needs: whoever has to come back to it may. */
function isPromoted(facts: Facts): boolean {
  const record = recordInForce(facts);
  if (record === null || record.state.kind !== 'promoting') return false;
  const { state, seenAtMs } = facts.server;
  if (state.kind !== 'running' || state.facts.inRecovery || facts.nowMs - seenAtMs > SEEN_LATELY_MS) return false;
  const authority = authorityOf(facts, record);
  return state.facts.history.timeline === record.timeline && authority !== null && facts.nowMs < authority.untilMs;
}

export function nodeStatusOf(parts: {
  readonly facts: Facts;
  readonly decision: Decision;
  readonly config: NodeConfig;
  readonly lastFailover: TimedFailover | null;
  readonly alarms: readonly string[];
}): NodeStatus {
  const { facts, decision, config, alarms } = parts;
  const { state } = facts.server;
  const record = recordInForce(facts);
  const running = state.kind === 'running' ? state.facts : null;
  const extent = ownExtent(state);
  const guard = facts.guard;
  return {
    name: facts.self.name,
    member: facts.file.accepted === null && facts.file.dir === 'absent' ? null : facts.self.member,
    cluster: config.cluster,
    state: decision.state,
    reason: decision.reason,
    leadership: record?.holder === facts.self.member ? 'leader' : 'follower',
    postgres: postgresStatus(facts),
    serverVersion: running === null ? null : `${String(Math.floor(running.versionNum / 10_000))}.${String(running.versionNum % 10_000)}`,
    pgHost: config.postgres.advertiseHost,
    pgPort: config.postgres.port,
    agentUrl: config.api.advertiseUrl,
    epoch: record?.epoch.toString() ?? null,
    promised: facts.file.promised.toString(),
    history: extent === null ? null : historyToJson(extent.history, (value) => formatLsn(lsn(value))),
    receivedLsn: extent === null ? null : formatLsn(extent.lsn),
    replayedLsn: running === null ? null : formatNullable(running.inRecovery ? running.replayedLsn : running.flushedLsn),
    seenAgeMs: running === null ? null : Math.max(0, Math.ceil(facts.nowMs - facts.server.seenAtMs)),
    lagBytes: lagBytes(facts),
    pids: {
      agent: process.pid,
      guard: guard?.guardPid ?? null,
      postmaster: guard?.postmaster.kind === 'running' ? guard.postmaster.pid : null,
    },
    dataDir: config.postgres.dataDir,
    alarms,
    lastFailover: parts.lastFailover === null ? null : reportOf(parts.lastFailover, facts.nowMs),
    healthy: leads(facts) ? facts.open : running?.inRecovery === true && running.receiver === 'streaming',
  };
}

function reportOf({ evidenceAtMs, ...report }: TimedFailover, nowMs: number): FailoverReport {
  return { ...report, at: wallClockIso(evidenceAtMs - nowMs) };
}

function formatNullable(value: bigint | null): string | null {
  return value === null ? null : formatLsn(lsn(value));
}

function postgresStatus(facts: Facts): PostgresStatus {
  const { state } = facts.server;
  switch (state.kind) {
    case 'absent':
      return { kind: 'absent' };
    case 'stopped':
      return { kind: 'stopped' };
    case 'starting':
      return { kind: 'starting' };
    case 'silent':
      return { kind: 'unknown', why: state.why };
    case 'running':
      return state.facts.inRecovery
        ? { kind: 'standby', streaming: state.facts.receiver === 'streaming' }
        : { kind: 'primary', open: facts.open && leads(facts) };
  }
}

/** Bytes that the leader, when last heard, had written and this standby has not replayed. */
function lagBytes(facts: Facts): number | null {
  const { state } = facts.server;
  const { view } = facts.store;
  if (state.kind !== 'running' || view.kind !== 'present') return null;
  if (!state.facts.inRecovery) return 0;
  const leader = facts.peers.get(nameOf(view.record.holder));
  if (leader?.extent === undefined || leader.extent === null || state.facts.replayedLsn === null) return null;
  if (leader.extent.history.timeline !== state.facts.history.timeline) return null;
  return bytesBetween(state.facts.replayedLsn, leader.extent.lsn);
}
