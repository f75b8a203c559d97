/**
 * Gathers what stands against this node, shows it in the status and logs each trouble when it begins and when it ends. Beside the facts it
 * looks at the free space of the disks (a disk that fills ends PostgreSQL first and is understood too late) and at who commits less than is promised.
 * It decides nothing.
 */
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemErrorCode } from '../shared/errors.ts';
import { EdgeLog, type EdgeSink } from '../shared/logging/edge-log.ts';
import { monotonicMs } from '../shared/runtime/clock.ts';
import { sleep } from '../shared/runtime/deadline.ts';
import { alarmsOf, weakOverrides, type Alarm } from './core/alarms.ts';
import type { Facts } from './core/facts.ts';
import type { CommitOverride } from './postgres/port.ts';

const LOOK_EVERY_MS = 250;
const DISK_EVERY_MS = 2_000;
/** A question that costs a session; what it finds was made by hand and stands until a hand mends it. */
const OVERRIDES_EVERY_MS = 5_000;
const OVERRIDES_BUDGET_MS = 2_000;
/** A restarted guard is there within a second or two. */
const GUARD_MISSING_MS = 4_000;
const MIB = 1024 * 1024;
/** The state directory holds a few small files. */
const STATE_DIR_LOW_MIB = 1;

export type AlarmWatchParts = {
  readonly facts: () => Facts;
  /** What the store itself has against us; null: nothing. */
  readonly store: () => { readonly code: 'PGB-1201' | 'PGB-1202'; readonly why: string } | null;
  /** The alarm of the decision, which the loop logs by itself. */
  readonly decided: () => string | null;
  readonly dataDir: string;
  readonly stateDir: string;
  readonly walSegmentSizeMb: number;
  readonly endpoints: readonly string[];
  /** Null: cannot be told at present. */
  readonly commitOverrides: (deadlineMs: number) => Promise<readonly CommitOverride[] | null>;
  readonly log: EdgeSink;
};

export class AlarmWatch {
  readonly #parts: AlarmWatchParts;
  readonly #edges: EdgeLog;
  readonly #full = new Map<string, string>();
  #overrides: readonly CommitOverride[] = [];
  #guardSeenAtMs = monotonicMs();
  #logged: ReadonlySet<string> = new Set();

  constructor(parts: AlarmWatchParts) {
    this.#parts = parts;
    this.#edges = new EdgeLog({ log: parts.log, now: monotonicMs });
  }

  /** As operators read them; each begins with its code. */
  texts(): readonly string[] {
    const decided = this.#parts.decided();
    const standing = this.#standing().map(({ code, detail }) => `${code} ${detail}`);
    return decided === null ? standing : [decided, ...standing];
  }

  async run(signal: AbortSignal): Promise<void> {
    const apart = [this.#watchDisks(signal), this.#watchOverrides(signal)];
    while (!signal.aborted) {
      this.#logEdges();
      await sleep(LOOK_EVERY_MS, signal);
    }
    // A look at a disk that hangs never comes back, and one at a server that hangs costs seconds that the next agent needs; nobody waits for them.
    void apart;
    this.#edges.close();
  }

  #logEdges(): void {
    const standing = this.#standing();
    for (const { key, code, detail } of standing)
      this.#edges.report({ key, message: `${code} alarm`, level: 'error', fields: { alarm: `${code} ${detail}` } });
    const keys = new Set(standing.map(({ key }) => key));
    for (const key of this.#logged) if (!keys.has(key)) this.#edges.clear(key, 'alarm is over');
    this.#logged = keys;
  }

  #standing(): readonly Alarm[] {
    const facts = this.#parts.facts();
    if (facts.guard !== null) this.#guardSeenAtMs = facts.nowMs;
    const store = this.#parts.store();
    // What the decision itself raises an alarm about, it also says better.
    const decidedCode = this.#parts.decided()?.split(' ', 1)[0];
    return [
      ...(store === null ? [] : [{ key: 'etcd', code: store.code, detail: this.#aboutStore(store) }]),
      ...alarmsOf(facts, facts.nowMs - this.#guardSeenAtMs > GUARD_MISSING_MS),
      ...weakOverrides(facts, this.#overrides),
      ...[...this.#full].map(([path, detail]) => ({ key: `disk/${path}`, code: 'PGB-1104', detail })),
    ].filter(({ code }) => code !== decidedCode);
  }

  #aboutStore({ code, why }: { readonly code: string; readonly why: string }): string {
    const endpoints = this.#parts.endpoints.join(', ');
    return code === 'PGB-1201' ? `etcd cannot be reached at ${endpoints}: ${why}` : `etcd at ${endpoints} refused: ${why}`;
  }

  async #watchOverrides(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const found = this.#leads() ? await this.#parts.commitOverrides(OVERRIDES_BUDGET_MS) : [];
      // What cannot be told now was true a moment ago.
      if (found !== null) this.#overrides = found;
      await sleep(OVERRIDES_EVERY_MS, signal);
    }
  }

  #leads(): boolean {
    const { state } = this.#parts.facts().server;
    return state.kind === 'running' && !state.facts.inRecovery;
  }

  async #watchDisks(signal: AbortSignal): Promise<void> {
    const { dataDir, stateDir, walSegmentSizeMb } = this.#parts;
    while (!signal.aborted) {
      // Without room for one more segment PostgreSQL stops at the next.
      await this.#lookAt('data directory', dataDir, walSegmentSizeMb);
      await this.#lookAt('state directory', stateDir, STATE_DIR_LOW_MIB);
      await sleep(DISK_EVERY_MS, signal);
    }
  }

  async #lookAt(what: string, path: string, lowMib: number): Promise<void> {
    const freeBytes = await freeBytesAt(path);
    if (freeBytes === null) return;
    if (freeBytes >= lowMib * MIB) this.#full.delete(path);
    else this.#full.set(path, `the disk of the ${what} ${path} has less than ${String(lowMib)} MiB left`);
  }
}

/** Null: cannot be told. A directory that does not exist yet lies where its parent lies. */
async function freeBytesAt(path: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch (error) {
    return systemErrorCode(error) === 'ENOENT' && dirname(path) !== path ? freeBytesAt(dirname(path)) : null;
  }
}
