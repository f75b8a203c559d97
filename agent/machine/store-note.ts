/**
 * Keeps in the node file which store this node knows, and where the others are (PROTOCOL S6). What is not in there yet is lost with the machine, and a
 * repaired store would pass for a strange one; so a note that failed is written again. It must never note a store that is not trusted.
 */
import type { NodeFileKeeper } from './node-file-keeper.ts';
import type { Outbox } from './outbox.ts';
import type { StoreView } from './store-view.ts';

/** How much the store's revision may move before it is noted again: renewals move it every second. */
const REVISION_STEP = 500n;
/** A full disk answers at once. */
const RETRY_MS = 200;

export class StoreNote {
  readonly #outbox: Outbox;
  readonly #file: NodeFileKeeper;
  readonly #store: StoreView;
  /** What the node file says, or is about to. */
  #noted: { readonly revision: bigint; readonly changes: number } | null;
  #notBeforeMs = 0;

  constructor(parts: { readonly outbox: Outbox; readonly file: NodeFileKeeper; readonly store: StoreView }) {
    this.#outbox = parts.outbox;
    this.#file = parts.file;
    this.#store = parts.store;
    const { etcdClusterId, etcdRevision } = parts.file.current;
    this.#noted = etcdClusterId === null ? null : { revision: BigInt(etcdRevision), changes: 0 };
  }

  run(): void {
    const { clusterId, revision, honoured } = this.#store.identity;
    const { regressed, nodes, lastReadAtMs } = this.#store.facts();
    if (clusterId === null || regressed !== null || lastReadAtMs === null) return;
    const { changes } = this.#store;
    const noted = this.#noted;
    if (noted !== null && noted.changes === changes && revision <= noted.revision + REVISION_STEP) return;
    if (!this.#outbox.reached(this.#notBeforeMs)) return;
    this.#noted = { revision, changes };
    const store = { etcdClusterId: clusterId, etcdRevision: revision.toString(), etcdRepair: honoured };
    this.#file.update(
      (file) => ({ ...file, ...store, nodes: [...nodes.values()] }),
      (outcome) => {
        if (outcome.kind === 'done') return;
        this.#noted = null;
        this.#notBeforeMs = this.#outbox.nowMs + RETRY_MS;
      },
    );
  }
}
