// Which store a node knows is in its file, and a write that failed is not the end of it.
import { describe, expect, test } from 'vitest';
import type { NodeFile } from '../../../../agent/node-file/port.ts';
import { NodeFileKeeper } from '../../../../agent/machine/node-file-keeper.ts';
import { Outbox } from '../../../../agent/machine/outbox.ts';
import { StoreNote } from '../../../../agent/machine/store-note.ts';
import { StoreTrust } from '../../../../agent/machine/store-trust.ts';
import { StoreView } from '../../../../agent/machine/store-view.ts';
import type { Outcome } from '../../../../agent/postgres/port.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { factsOf, historyOf, NOW_MS, recordOf, SYSTEM_ID } from '../../../support/facts-builder.ts';

const FAILED: Outcome = { kind: 'failed', code: 'PGB-1106', why: 'no space left' };

/** A node that knows store 1, reads store 2, and is told there that somebody has repaired it. */
class Noted {
  readonly outbox = new Outbox();
  readonly #keeper: NodeFileKeeper;
  readonly #store: StoreView;
  readonly #note: StoreNote;
  #nowMs = NOW_MS;
  #saves: { readonly id: number; readonly file: NodeFile }[] = [];

  constructor() {
    const { file, self } = factsOf();
    const { outbox } = this;
    const accepted = recordOf({ epoch: epoch(4n) });
    outbox.begin(this.#nowMs);
    this.#keeper = new NodeFileKeeper(outbox, file);
    const trust = new StoreTrust({
      clusterId: file.etcdClusterId,
      revision: 1n,
      honoured: null,
      systemId: () => SYSTEM_ID,
      accepted: () => accepted,
    });
    this.#store = new StoreView({ outbox, policy: self.policy, salt: 'salt', trust, nodes: [], startedAtMs: this.#nowMs });
    this.#note = new StoreNote({ outbox, file: this.#keeper, store: this.#store });
  }

  get file(): NodeFile {
    return this.#keeper.current;
  }

  /** What it wants to be durable now. */
  pass(ms: number): readonly NodeFile[] {
    this.#nowMs += ms;
    this.outbox.begin(this.#nowMs);
    this.#note.run();
    return this.#take();
  }

  read(): void {
    this.#store.run();
    const record = recordOf({ epoch: epoch(5n), seq: 9 });
    const repair = { kind: 'history', entry: historyOf({ epoch: epoch(5n), trigger: 'repair' }) } as const;
    for (const effect of this.outbox.take())
      if (effect.kind === 'ask' && effect.ask.kind === 'read-store')
        this.outbox.answered(effect.id, {
          kind: 'read',
          clusterId: '2',
          revision: 3n,
          items: [repair, { kind: 'leader', record, modRevision: 3n }],
        });
  }

  saved(outcome: Outcome): void {
    const [save, ...others] = this.#saves;
    if (save === undefined) throw new Error('nothing is being saved');
    this.#saves = others;
    this.outbox.answered(save.id, outcome);
  }

  #take(): readonly NodeFile[] {
    const saves = this.outbox
      .take()
      .flatMap((effect) => (effect.kind === 'ask' && effect.ask.kind === 'save-file' ? [{ id: effect.id, file: effect.ask.file }] : []));
    this.#saves.push(...saves);
    return saves.map(({ file }) => file);
  }
}

describe('the note of a store', () => {
  test('is written once it is trusted, with the repair that it was trusted for, and only once', () => {
    const node = new Noted();
    expect(node.pass(0)).toEqual([]);
    node.read();
    expect(node.pass(1)).toMatchObject([{ etcdClusterId: '2', etcdRevision: '3', etcdRepair: epoch(5n) }]);
    expect(node.pass(1_000)).toEqual([]);
    node.saved({ kind: 'done' });
    expect(node.file.etcdClusterId).toBe('2');
    expect(node.pass(1_000)).toEqual([]);
  });

  test('is written again after a while when that failed', () => {
    const node = new Noted();
    node.read();
    node.pass(1);
    node.saved(FAILED);
    expect(node.pass(1)).toEqual([]);
    expect(node.pass(1_000)).toMatchObject([{ etcdClusterId: '2', etcdRepair: epoch(5n) }]);
    node.saved({ kind: 'done' });
    expect(node.file.etcdRepair).toBe(epoch(5n));
  });
});
