/**
 * The words that all kinds of traffic of a trial share, and what each of them has to offer. Whoever judges knows only operations and what is there at
 * the end; nothing here knows of faults. The ledger is traffic too, but it alone measures how long writes stood still.
 */
import type { Outcome, Served } from '../ledger/entry.ts';

/** What runs beside the ledger. */
export const WORKLOADS = ['bank', 'list-append'] as const;
export type WorkloadName = (typeof WORKLOADS)[number];

/** Clients that can be let loose once and stopped once; `stop` waits until each has settled its last attempt, or has given it up as unknown. */
export interface Traffic {
  start(): void;
  stop(): Promise<void>;
}

/** Traffic with a checker of its own. */
export interface Workload extends Traffic {
  readonly name: WorkloadName;
  /** On the whole cluster, before the clients begin. */
  prepare(): Promise<void>;
  /** Reads what is there from a primary, after `stop`. Null: there is nobody to read from, and so nothing is proven. */
  judge(primaryUri: string | null): Promise<WorkloadVerdict>;
  /** Everything that was attempted, for whoever wants to look for himself. */
  history(): readonly Op<unknown>[];
}

/** What the server said of itself from inside the transaction. A standby tells no timeline. */
export type Origin = Omit<Served, 'timeline'> & { readonly node: string; readonly timeline: number | null };

/** One operation of one client. Times are of one monotonic clock, in ms; a repeated operation is a new one. */
export type Op<Act> = {
  readonly id: number;
  readonly client: number;
  /** `proxy`, or the name of the node that was asked past it. */
  readonly route: string;
  readonly invokedMs: number;
  readonly endedMs: number;
  readonly outcome: Outcome;
  /** Null when no answer told. */
  readonly origin: Origin | null;
  readonly act: Act;
};

/**
 * `lost`: acknowledged and absent. `doubled`: there more often than it was sent. `phantom`: there, or read, although it was rolled back or never sent.
 * `torn`: a part of a transaction without the rest of it. `negative`: a balance that no order of transfers can have. `unbalanced`: balances that are
 * not what the transfers that are there make of the first ones. `not-prefix`: a read that is no beginning of the final order. `stale`: a read that
 * does not know what had been acknowledged before it began. `cycle`: transactions that cannot have been one after the other.
 */
export const FLAW_KINDS = ['lost', 'doubled', 'phantom', 'torn', 'negative', 'unbalanced', 'not-prefix', 'stale', 'cycle'] as const;
export type FlawKind = (typeof FLAW_KINDS)[number];
/** After how many there are. */
export const FLAW_SAYS: Readonly<Record<FlawKind, string>> = {
  lost: 'acknowledged and lost',
  doubled: 'there more often than sent',
  phantom: 'there or read, and should not be',
  torn: 'of which only a part was seen',
  negative: 'balances below nothing',
  unbalanced: 'balances that their transfers do not make',
  'not-prefix': 'reads that are no beginning of the final order',
  stale: 'reads that did not know what had been acknowledged',
  cycle: 'circles of transactions that cannot have been one after the other',
};
export type Flaw = { readonly kind: FlawKind; readonly what: string };

export type WorkloadVerdict = {
  readonly workload: WorkloadName;
  /** False: the end could not be read, and so nothing is proven. */
  readonly isRead: boolean;
  /** Writing transactions that were acknowledged, rolled back for certain, or neither. */
  readonly acknowledged: number;
  readonly failed: number;
  readonly unknown: number;
  /** Of the unknown ones, those that are in fact there. Neither good nor bad. */
  readonly surfaced: number;
  /** Acknowledged reads that were held against what is there. */
  readonly reads: number;
  /** Every one by name. */
  readonly flaws: Readonly<Record<FlawKind, readonly string[]>>;
};

export type Checked = { readonly surfaced: number; readonly flaws: readonly Flaw[] };

/** `checked`: null when the end could not be read. */
export function verdictOf<Act>(
  workload: WorkloadName,
  {
    ops,
    isWrite,
    checked,
  }: { readonly ops: readonly Op<Act>[]; readonly isWrite: (act: Act) => boolean; readonly checked: Checked | null },
): WorkloadVerdict {
  const count = (outcome: Outcome): number => ops.filter((op) => op.outcome === outcome && isWrite(op.act)).length;
  return {
    workload,
    isRead: checked !== null,
    acknowledged: count('ok'),
    failed: count('failed'),
    unknown: count('unknown'),
    surfaced: checked?.surfaced ?? 0,
    reads: ops.filter((op) => op.outcome === 'ok' && !isWrite(op.act)).length,
    flaws: perKind((kind) => (checked?.flaws ?? []).flatMap((flaw) => (flaw.kind === kind ? [flaw.what] : []))),
  };
}

/** One value for each kind. */
export function perKind<Value>(of: (kind: FlawKind) => Value): Readonly<Record<FlawKind, Value>> {
  return {
    lost: of('lost'),
    doubled: of('doubled'),
    phantom: of('phantom'),
    torn: of('torn'),
    negative: of('negative'),
    unbalanced: of('unbalanced'),
    'not-prefix': of('not-prefix'),
    stale: of('stale'),
    cycle: of('cycle'),
  };
}

/** A timeline is one per leadership, so it tells the epoch. Null: nobody claimed that timeline, or nobody told one. */
export function withEpochs<Act>(
  ops: readonly Op<Act>[],
  leaderships: readonly { readonly timeline: number; readonly epoch: string | null }[],
): readonly (Op<Act> & { readonly epoch: string | null })[] {
  const epochs = new Map(leaderships.map(({ timeline, epoch }) => [timeline, epoch]));
  return ops.map((op) => ({ ...op, epoch: epochs.get(op.origin?.timeline ?? 0) ?? null }));
}
