/**
 * The present node file in memory, and the only way to change it: durable first, visible afterwards. It must never let `promised`,
 * `accepted` or the etcd revision fall (I6).
 */
import { assert } from '../../shared/assert.ts';
import type { Epoch } from '../../shared/domain/epoch.ts';
import { maxEpoch } from '../../shared/domain/epoch.ts';
import type { LeaderRecord } from '../../shared/domain/leader-record.ts';
import type { NodeFile, NodeFileStore } from '../node-file/port.ts';

/** A healthy disk answers in milliseconds; a hung one is a reason to give up the act that needed the write, not the agent. */
const SAVE_DEADLINE_MS = 2_000;

export class NodeFileKeeper {
  readonly #store: NodeFileStore;
  #current: NodeFile;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(store: NodeFileStore, current: NodeFile) {
    this.#store = store;
    this.#current = current;
  }

  current(): NodeFile {
    return this.#current;
  }

  /** Applies `edit` to the newest file; resolves when it is durable. Rejects with AppError when the disk does not answer. */
  async update(edit: (file: NodeFile) => NodeFile): Promise<NodeFile> {
    const run = this.#tail.then(async () => {
      const next = edit(this.#current);
      assert(next.promised >= this.#current.promised, 'promised never falls (I6)');
      await this.#store.save(next, SAVE_DEADLINE_MS);
      this.#current = next;
      return next;
    });
    this.#tail = run.catch(() => null);
    return run;
  }

  /** P4.4: attaching to, or acting for, an epoch persists that it is promised and what was accepted. */
  async accept(record: LeaderRecord, edit: (file: NodeFile) => NodeFile = (file) => file): Promise<NodeFile> {
    return this.update((file) =>
      edit({
        ...file,
        promised: maxEpoch(file.promised, record.epoch),
        accepted: newer(file.accepted, record),
        systemId: file.systemId ?? record.systemId,
      }),
    );
  }

  async promise(ballot: Epoch): Promise<NodeFile> {
    return this.update((file) => ({ ...file, promised: maxEpoch(file.promised, ballot) }));
  }
}

function newer(known: LeaderRecord | null, record: LeaderRecord): LeaderRecord {
  if (known === null || record.epoch > known.epoch) return record;
  return record.epoch === known.epoch && record.seq >= known.seq ? record : known;
}
