/**
 * The present node file in memory, and the only way to change it: durable first, visible afterwards, one save at a time. It must never let
 * `promised` or `accepted` fall (I6).
 */
import { assert } from '../../shared/assert.ts';
import { maxEpoch, type Epoch } from '../../shared/domain/epoch.ts';
import { isOlder, type LeaderRecord } from '../../shared/domain/leader-record.ts';
import type { NodeFile } from '../node-file/port.ts';
import type { Outcome } from '../postgres/port.ts';
import type { Outbox } from './outbox.ts';

export type Edit = (file: NodeFile) => NodeFile;
type Waiting = { readonly edit: Edit; readonly onEnd: (outcome: Outcome) => void };

/** A disk that keeps more than this waiting hangs, and whoever asks must hear of it. */
const WAITING_MAX = 32;

export class NodeFileKeeper {
  readonly #outbox: Outbox;
  #current: NodeFile;
  /** The last one whose save failed: it may be durable all the same. */
  #doubtful: NodeFile | null = null;
  #saving = false;
  readonly #waiting: Waiting[] = [];

  constructor(outbox: Outbox, current: NodeFile) {
    this.#outbox = outbox;
    this.#current = current;
  }

  get current(): NodeFile {
    return this.#current;
  }

  /** Applies `edit` to the newest file; `onEnd` hears when it is durable, or that it may not be. */
  update(edit: Edit, onEnd: (outcome: Outcome) => void): void {
    if (this.#waiting.length >= WAITING_MAX) {
      onEnd({ kind: 'failed', code: 'PGB-1106', why: `${String(WAITING_MAX)} writes of the node file are waiting already` });
      return;
    }
    this.#waiting.push({ edit, onEnd });
    this.#saveNext();
  }

  #saveNext(): void {
    if (this.#saving) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    const file = notBelow(next.edit(this.#current), this.#doubtful);
    assert(file.promised >= this.#current.promised, 'promised never falls (I6)');
    const { accepted } = this.#current;
    assert(accepted === null || (file.accepted !== null && !isOlder(file.accepted, accepted)), 'accepted never falls (I6)');
    this.#saving = true;
    this.#outbox.ask<'save-file'>({ kind: 'save-file', file }, (outcome) => {
      this.#saving = false;
      if (outcome.kind === 'done') this.#current = file;
      this.#doubtful = outcome.kind === 'done' ? null : file;
      next.onEnd(outcome);
      this.#saveNext();
    });
  }
}

/** Saved over one that is durable after all, a file must not fall below it (I6). */
function notBelow(file: NodeFile, doubtful: NodeFile | null): NodeFile {
  if (doubtful === null) return file;
  const accepted = doubtful.accepted;
  const isBehind = accepted !== null && (file.accepted === null || isOlder(file.accepted, accepted));
  return { ...file, promised: maxEpoch(file.promised, doubtful.promised), accepted: isBehind ? accepted : file.accepted };
}

/** P4.4: attaching to, or acting for, an epoch persists that it is promised and what was accepted. */
export function accepting(record: LeaderRecord): Edit {
  return (file) => ({
    ...file,
    promised: maxEpoch(file.promised, record.epoch),
    accepted: file.accepted !== null && isOlder(record, file.accepted) ? file.accepted : record,
    systemId: file.systemId ?? record.systemId,
  });
}

export function promising(ballot: Epoch): Edit {
  return (file) => ({ ...file, promised: maxEpoch(file.promised, ballot) });
}
