/**
 * From the history of a trial to its figures. Pure. It knows when something was done and when the trial ended, never what was done.
 */
import { checkLedger, type LedgerVerdict } from '../ledger/check.ts';
import { rowKey, type Entry, type Row } from '../ledger/entry.ts';
import { checkEpochs, type EpochVerdict } from '../ledger/epochs.ts';
import type { ClientError } from '../ledger/history.ts';
import { acknowledgedAtMs, longestGap, type Gap, type Window } from '../ledger/outage.ts';
import type { Digest } from '../ledger/read-rows.ts';
import { isApplication } from './clients.ts';
import type { Claim } from './sight.ts';
import { timelineOf, type Timeline } from './timeline.ts';

export type Evidence = {
  readonly window: Window;
  readonly entries: readonly Entry[];
  readonly errors: readonly ClientError[];
  /** All rows of this trial's writers on the leader, read after everything was healed. Null: there was nobody to read them from. */
  readonly rows: readonly Row[] | null;
  /** Of earlier trials on the same cluster: how many rows there were, and how many there are now. Null: not looked at. */
  readonly earlier: { readonly before: number; readonly now: number } | null;
  readonly digests: readonly { readonly node: string; readonly digest: Digest | null }[];
  /** How far the epoch rose. Null: no leader was there to ask at the end. */
  readonly epochsRaised: number | null;
  /** Claims since the trial began. */
  readonly claims: readonly Claim[];
  /** All that is known of any, for the names of leaderships. */
  readonly history: readonly Claim[];
};

export type Figures = {
  readonly outage: Gap;
  readonly freshOutage: Gap;
  readonly clientErrors: number;
  readonly errorCodes: Readonly<Record<string, number>>;
  readonly acknowledged: number;
  readonly acknowledgedDirectly: number;
  readonly data: LedgerVerdict | null;
  /**
   * How far back a loss reaches: from when the oldest lost row was sent to the last acknowledgement on its timeline. 0: nothing is lost. Null: the
   * rows could not be looked up.
   */
  readonly rpoMs: number | null;
  readonly epochs: EpochVerdict;
  /** Rows of earlier trials that were there and are not any more. */
  readonly vanished: number;
  /** Nodes whose rows are not those of the leader. */
  readonly divergedNodes: readonly string[];
  /** Claims, and what a leader raised to take up its own leadership again after others had promised somebody who never claimed. */
  readonly epochsRaised: number | null;
  readonly failovers: number;
  readonly timeline: Timeline;
};

export function measure({ window, entries, errors, rows, earlier, digests, epochsRaised, claims, history }: Evidence): Figures {
  const data = rows === null ? null : checkLedger(entries, rows);
  const acknowledged = entries.filter(({ outcome }) => outcome === 'ok');
  const outage = outageOf('proxy', entries, window);
  return {
    outage,
    freshOutage: outageOf('fresh', entries, window),
    clientErrors: errors.length,
    errorCodes: countCodes(errors),
    acknowledged: acknowledged.length,
    acknowledgedDirectly: acknowledged.filter(({ route }) => !isApplication(route)).length,
    data,
    rpoMs: data === null ? null : reachOf(data.lost, entries),
    epochs: checkEpochs(entries),
    // More is no fault: what was on its way when that trial ended may have become durable later.
    vanished: earlier === null ? 0 : Math.max(0, earlier.before - earlier.now),
    divergedNodes: divergedNodes(digests),
    epochsRaised,
    failovers: claims.length,
    timeline: timelineOf({ window, outage, entries, claims: history }),
  };
}

function reachOf(lost: readonly Row[], entries: readonly Entry[]): number {
  const keys = new Set(lost.map(rowKey));
  const oldest = entries
    .filter((entry) => entry.outcome === 'ok' && keys.has(rowKey(entry)))
    .reduce<Entry | null>((least, entry) => (least === null || entry.invokedMs < least.invokedMs ? entry : least), null);
  if (oldest === null) return 0;
  const onItsTimeline = entries.filter(({ outcome, served }) => outcome === 'ok' && served?.timeline === oldest.served?.timeline);
  const lastMs = onItsTimeline.reduce((latest, { endedMs }) => Math.max(latest, endedMs), oldest.endedMs);
  return Math.ceil(lastMs - oldest.invokedMs);
}

/**
 * The gap that is open when the observation ends is closed by the next acknowledgement, if there is one: every writer pauses between two rows, and
 * where nothing happened that pause may well be the longest gap of all.
 */
function outageOf(ofRoute: string, entries: readonly Entry[], { faultMs, untilMs }: Window): Gap {
  const acksMs = acknowledgedAtMs(entries.filter(({ route }) => route === ofRoute));
  const nextMs = acksMs.filter((at) => at > untilMs).reduce((least, at) => Math.min(least, at), Number.POSITIVE_INFINITY);
  return longestGap(acksMs, { faultMs, untilMs: Number.isFinite(nextMs) ? nextMs : untilMs });
}

/** Compared with the one that is no standby. Where there is none, or several, nobody agrees. */
function divergedNodes(digests: Evidence['digests']): readonly string[] {
  const primaries = digests.filter(({ digest }) => digest?.standby === false);
  const [primary] = primaries;
  if (primary === undefined || primaries.length > 1) return digests.map(({ node }) => node);
  return digests.filter(({ digest }) => digest === null || !isSame(digest, primary.digest)).map(({ node }) => node);
}

function isSame(one: Digest, other: Digest | null): boolean {
  return other !== null && one.rows === other.rows && one.word === other.word;
}

export function countCodes(errors: readonly ClientError[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { code, message } of errors) {
    const key = code === 'none' ? message : code;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}
