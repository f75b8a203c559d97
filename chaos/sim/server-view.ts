/**
 * What an agent can see of the PostgreSQL on its node: the state a look tells of, and whether a setting is in force. Seeing changes nothing.
 */
import { sameSync } from '../../agent/postgres/settings.ts';
import { expectedPriority } from '../../agent/postgres/sync-names.ts';
import type { ServerFacts, ServerState, SyncSetting, WalSender } from '../../agent/postgres/port.ts';
import type { SimNode } from './node.ts';
import type { ServerLife } from './server.ts';
import { toLsn } from './wal.ts';

export class ServerView {
  readonly #node: SimNode;

  constructor(node: SimNode) {
    this.#node = node;
  }

  /** What the adapter can see: a fresh session's value, a probe that waits, and the priority each walsender shows. */
  isInForce(setting: SyncSetting): boolean {
    const { life } = this.#node;
    if (life === null || !sameSync(life.sync.setting, setting)) return false;
    if (setting.kind !== 'no-wait' && !life.sync.doesWait) return false;
    return this.stale(setting).length === 0;
  }

  /** Walsenders of members that still go by another value. */
  stale(setting: SyncSetting): readonly { readonly terminate: () => void }[] {
    const { life } = this.#node;
    if (life === null || life.role !== 'primary') return [];
    return life.senders.filter(
      ({ acknowledger, member }) => expectedPriority(acknowledger.copy, member) !== expectedPriority(setting, member),
    );
  }

  state(): ServerState {
    const { directory, life, guard } = this.#node;
    if (life === null) {
      if (!guard.isVerifiedDead) return { kind: 'silent', why: 'the former server is not verified dead yet' };
      if (directory === null) return { kind: 'absent' };
      const { wal } = directory;
      return {
        kind: 'stopped',
        systemId: directory.systemId,
        wasPrimary: directory.wasPrimary,
        cleanly: directory.wasStoppedCleanly,
        extent: wal.extentAt(wal.end),
        marker: directory.marker,
      };
    }
    return life.role === 'starting' ? { kind: 'starting' } : { kind: 'running', facts: this.#facts(life) };
  }

  #facts(life: ServerLife): ServerFacts {
    const { directory } = life;
    const { wal } = directory;
    const isStandby = life.role === 'standby';
    const end = isStandby ? Math.max(life.hasReceived ? wal.bytes : 0, life.replayed) : life.flushed;
    return {
      systemId: directory.systemId,
      versionNum: 150_018,
      inRecovery: isStandby,
      history: isStandby ? wal.historyAt(end) : wal.history(),
      receivedLsn: isStandby && life.hasReceived ? toLsn(wal.bytes) : null,
      replayedLsn: isStandby ? toLsn(life.replayed) : null,
      replayIdle: !isStandby || life.isReplayIdle,
      receiver: life.receiver === null ? 'none' : life.receiver.state === 'streaming' ? 'streaming' : 'connecting',
      flushedLsn: isStandby ? null : toLsn(life.flushed),
      synchronousStandbyNames: '',
      walSenders: life.senders.map(({ acknowledger }): WalSender => {
        const flushed = toLsn(acknowledger.flushed);
        return {
          applicationName: acknowledger.member,
          pid: 1,
          state: 'streaming',
          flushLsn: acknowledger.flushed === 0 ? null : flushed,
          replayLsn: flushed,
          syncPriority: expectedPriority(acknowledger.copy, acknowledger.member),
        };
      }),
      physicalSlots: [...directory.slots],
    };
  }
}
