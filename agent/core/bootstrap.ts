/**
 * The birth of a cluster and of a node (PROTOCOL T0, adoption, join). It must never initialise over history, and never create a record
 * while anybody who can be reached remembers one (S6).
 */
import { epoch } from '../../shared/domain/epoch.ts';
import type { HistoryEntry, LeaderRecord } from '../../shared/domain/leader-record.ts';
import { NOBODY } from '../../shared/domain/member-set.ts';
import { nameOf } from '../../shared/domain/node-id.ts';
import { extentPosition, type WalExtent } from '../../shared/domain/wal-position.ts';
import { alarmed, decision, job, mayRetry, type Decision } from './decision.ts';
import type { Facts } from './facts.ts';
import type { Memory } from './memory.ts';
import { isOurUnnoted } from './own-directory.ts';

export function decideWithoutRecord(facts: Facts, memory: Memory): Decision {
  const { file, self, peers } = facts;
  const witness = [...peers.values()].find(({ accepted }) => accepted !== null);
  // Created a moment ago, or gone: the read that this asks for will tell (S6).
  if (file.accepted !== null || witness !== undefined)
    return decision(memory, 'waiting', `${witness?.name ?? 'this node'} remembers a leader: looking at the store again`, {
      kind: 'read-store',
      why: 'record',
    });
  const unheard = [...facts.store.nodes.values()].find(({ member }) => member !== self.member && !peers.has(nameOf(member)));
  if (unheard !== undefined && !facts.reached(facts.startedAtMs + 2 * self.policy.suspectMs))
    return decision(memory, 'waiting', `${nameOf(unheard.member)} is known here: hearing first what it remembers`);
  if (file.dir === 'ok') return recordOurs(facts, memory);
  const { state } = facts.server;
  if (state.kind === 'silent' && state.code !== undefined) return alarmed(memory, `${state.code} ${state.why}`);
  const directory = state.kind;
  if (directory === 'starting' || directory === 'silent')
    return decision(memory, 'waiting', 'the data directory has not been looked at yet');
  if (isOurUnnoted(facts))
    return decision(memory, 'bootstrapping', 'a directory of our own was never noted down: discarding it', job({ kind: 'discard' }));
  if (directory !== 'absent') return decideOverForeignDirectory(facts, memory);
  if (self.adopt) return alarmed(memory, 'PGB-1303 adoption is configured, but the data directory is empty');
  if (!self.initialize) return decision(memory, 'waiting', 'no cluster exists yet and this node may not create one');
  if (!mayRetry(facts, 'initialize')) return decision(memory, 'bootstrapping', 'initdb failed; trying again shortly');
  return decision(memory, 'bootstrapping', 'no cluster exists yet: creating one', job({ kind: 'initialize' }));
}

function decideOverForeignDirectory(facts: Facts, memory: Memory): Decision {
  if (!facts.self.adopt) {
    return alarmed(
      memory,
      'PGB-1301 the data directory holds a database that pgbaton did not make: set postgres.adopt on exactly one node, or point postgres.dataDir elsewhere',
    );
  }
  const failure = facts.failures.get('adopt');
  // The alarm stands through the retries: one that came and went with each of them would be news every few seconds.
  if (failure !== undefined) return alarmed(memory, failure.why, ...(mayRetry(facts, 'adopt') ? [job({ kind: 'adopt' })] : []));
  return decision(memory, 'bootstrapping', 'adopting the existing data directory', job({ kind: 'adopt' }));
}

function recordOurs(facts: Facts, memory: Memory): Decision {
  const { file, server, self } = facts;
  if (server.state.kind !== 'stopped' || file.systemId === null) {
    return decision(memory, 'bootstrapping', 'waiting to see the new directory at rest before it is recorded');
  }
  const { extent } = server.state;
  if (extent === null) return alarmed(memory, 'PGB-1304 the end of the WAL in the new directory cannot be read');
  const record = firstRecord(facts, extent, file.systemId);
  const history: HistoryEntry = {
    epoch: record.epoch,
    holder: self.member,
    timeline: record.timeline,
    floor: record.floor,
    ancestors: extent.history.ancestors,
    trigger: 'creation',
    why: self.adopt ? 'cluster created by adoption' : 'cluster created',
    at: '',
  };
  return decision(memory, 'bootstrapping', 'recording the new cluster', { kind: 'create', record, history });
}

function firstRecord(facts: Facts, extent: WalExtent, systemId: string): LeaderRecord {
  const { self } = facts;
  return {
    systemId,
    epoch: epoch(1n),
    seq: 0,
    holder: self.member,
    state: { kind: 'serving' },
    mode: self.policy.mode,
    set: NOBODY,
    timeline: extent.history.timeline,
    floor: extentPosition(extent),
    barred: [],
    ttlMs: self.policy.ttlMs,
    observed: null,
    nonce: '',
  };
}
