/**
 * One fault from beginning to end: wait until the cluster is whole, strike, watch the clients, look every acknowledged row up on the new primary,
 * wait until the cluster is whole again. The ledger decides what the outage was; what nodes say is only shown.
 */
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import type { NodeStatus } from '../../shared/domain/cluster-status.ts';
import { checkLedger } from '../ledger/check.ts';
import { rowKey, type RowKey } from '../ledger/entry.ts';
import type { ClientError } from '../ledger/history.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { acknowledgedAtMs, longestGap, worstWriterGap } from '../ledger/outage.ts';
import { readLedgerRows } from '../ledger/read-rows.ts';
import type { ClusterWatch } from '../cluster/cluster-cli.ts';
import { leaderOf, nodeUri, type ClusterView, type LocalCluster } from '../cluster/cluster-view.ts';
import { NotReached, throwIfInterrupted } from '../cluster/interrupted.ts';
import { phasesOf, reportCard, type Handover } from './report-card.ts';
import type { Screen } from './screen.ts';
import { OUTAGE_BUDGET_MS, type FaultKind, type Measurement } from './verdict.ts';

export type Stage = {
  readonly cluster: LocalCluster;
  readonly watch: ClusterWatch;
  readonly ledger: Ledger;
  readonly screen: Screen;
  readonly signal: AbortSignal;
  /** Rows that an earlier fault lost already. */
  readonly alreadyLost: Set<RowKey>;
};

export type Fault = {
  readonly kind: FaultKind;
  readonly title: string;
  /** Does it, and says what was done. The clock of the outage starts just before. */
  readonly strike: (leader: NodeStatus, view: ClusterView) => Promise<string>;
  /** What belongs to the fault but not to the outage: bringing a killed node back. */
  readonly mend: (oldLeader: string) => Promise<void>;
  /** Phases from elsewhere than the new leader's report. */
  readonly phases: () => Handover['phases'] | null;
};

const WHOLE_WITHIN_MS = 60_000;
const RECOVERED_WITHIN_MS = 30_000;
/** Writes that must have been acknowledged after the new leader was seen, so that the end of the outage is no fluke. */
const STEADY_ACKS = 40;
const POLL_MS = 10;
const BEFORE_STRIKE_MS = 1_000;

export async function untilWhole({ cluster, watch, signal }: Pick<Stage, 'cluster' | 'watch' | 'signal'>): Promise<ClusterView> {
  const nodeCount = cluster.nodes.length;
  return watch.until(
    (view) => (view.missing === null && view.nodes.length === nodeCount ? view : null),
    WHOLE_WITHIN_MS,
    (view) =>
      `the cluster is not whole: ${view?.missing ?? (view === null ? 'no agent answers' : `${String(view.nodes.length)} of ${String(nodeCount)} nodes`)}`,
    signal,
  );
}

export async function runDrill(stage: Stage, fault: Fault): Promise<Measurement> {
  const { screen, signal } = stage;
  screen.title(fault.title);
  await untilWhole(stage);
  // The quiet second shows that clients write steadily, and that what follows is the fault's doing.
  await sleep(BEFORE_STRIKE_MS, signal);
  const before = await untilWhole(stage);
  const leader = leaderOf(before);
  if (leader === null) throw new NotReached('the leader disappeared before the fault');
  const faultMs = monotonicMs();
  screen.event(faultMs, await fault.strike(leader, before));
  const after = await untilRecovered(stage, faultMs, before);
  const handover = handoverOf(stage, fault, leader.name, after, faultMs);
  const recovered = measure(stage, faultMs);
  screen.event(
    faultMs,
    `writes are back: ${recovered.gap.ended ? `${recovered.gap.lengthMs.toFixed(0)} ms without an acknowledgement` : 'not yet steady'}`,
    recovered.gap.toMs,
  );
  const data = await checkData(stage, after);
  await fault.mend(leader.name);
  await untilWhole(stage);
  screen.event(faultMs, 'one primary and all standbys stream again');
  // Measured to the end of the repair: a standby that comes back must not hold up writes either.
  const { gap, worstWriterMs, errors } = measure(stage, faultMs);
  const measured: Measurement = {
    kind: fault.kind,
    outageMs: gap.lengthMs,
    outageEnded: gap.ended,
    worstWriterMs,
    clientErrors: errors.length,
    ...data,
  };
  const good = gap.ended && gap.lengthMs <= OUTAGE_BUDGET_MS[fault.kind] && data.lostWrites === 0 && data.wrongRows === 0;
  screen.box(reportCard(measured, { ...handover, errorCodes: countCodes(errors) }), good ? 'good' : 'bad');
  return measured;
}

/** Tells what is seen on the way, each thing once. */
async function untilRecovered({ watch, ledger, screen, signal }: Stage, faultMs: number, before: ClusterView): Promise<ClusterView> {
  const deadlineMs = faultMs + RECOVERED_WITHIN_MS;
  const told = new Set<string>();
  const tell = (text: string, atMs?: number): void => {
    if (!told.has(text)) screen.event(faultMs, text, atMs);
    told.add(text);
  };
  let attemptsWhenServing: number | null = null;
  for (;;) {
    throwIfInterrupted(signal);
    const [firstError] = ledger.errorsSince(faultMs);
    if (firstError !== undefined) tell(`first client error: ${firstError.code} ${firstError.message}`, firstError.atMs);
    const view = watch.latest;
    if (view !== null && view.leader !== null && isAnother(view, before)) {
      tell(`${view.leader.name} leads, ${view.leader.state}, epoch ${view.leader.epoch}`);
      for (const phase of phasesOf(leaderOf(view)?.lastFailover ?? null, view.leader.epoch)) {
        tell(`  ${view.leader.name}: ${phase.phase} took ${(phase.endMs - phase.startMs).toFixed(0)} ms`);
      }
      if (view.leader.state === 'serving' && leaderOf(view)?.postgres.kind === 'primary') {
        attemptsWhenServing ??= ledger.attempts;
        const acks = ledger.attempts - attemptsWhenServing;
        if (acks >= STEADY_ACKS && (ledger.lastAckMs ?? 0) > faultMs) return view;
      }
    }
    if (monotonicMs() > deadlineMs) {
      const leader = view?.leader ?? null;
      const seen = leader === null ? 'no leader is seen' : `${leader.name} is ${leader.state}, epoch ${leader.epoch}`;
      const lastAck = ((ledger.lastAckMs ?? faultMs) - faultMs).toFixed(0);
      throw new NotReached(
        `${String(RECOVERED_WITHIN_MS / 1000)} s after the fault: ${seen}, last write acknowledged ${lastAck} ms after it`,
      );
    }
    await sleep(POLL_MS, signal);
  }
}

/** A new epoch, or a PostgreSQL started anew under the old one. */
function isAnother(view: ClusterView, before: ClusterView): boolean {
  if (view.leader?.epoch !== before.leader?.epoch) return true;
  const now = leaderOf(view)?.pids.postmaster ?? null;
  return now !== null && now !== (leaderOf(before)?.pids.postmaster ?? null);
}

function handoverOf({ ledger }: Stage, fault: Fault, from: string, after: ClusterView, faultMs: number): Handover {
  const leader = leaderOf(after);
  const epoch = after.leader?.epoch ?? '?';
  const report = leader?.lastFailover ?? null;
  return {
    from,
    to: after.leader?.name ?? '?',
    epoch,
    timeline: after.leader?.timeline ?? 0,
    why: report?.epoch === epoch ? report.why : null,
    phases: fault.phases() ?? phasesOf(report, epoch),
    errorCodes: countCodes(ledger.errorsSince(faultMs)),
  };
}

function measure(
  { ledger }: Stage,
  faultMs: number,
): { readonly gap: ReturnType<typeof longestGap>; readonly worstWriterMs: number; readonly errors: readonly ClientError[] } {
  const window = { faultMs, untilMs: monotonicMs() };
  const entries = ledger.entries();
  const gap = longestGap(acknowledgedAtMs(entries), window);
  return { gap, worstWriterMs: worstWriterGap(entries, window)?.lengthMs ?? gap.lengthMs, errors: ledger.errorsSince(faultMs) };
}

async function checkData(
  { cluster, ledger, screen, alreadyLost }: Stage,
  after: ClusterView,
): Promise<Pick<Measurement, 'lostWrites' | 'wrongRows' | 'checkedWrites'>> {
  const entries = ledger.entries();
  const name = after.leader?.name ?? '';
  const rows = await readLedgerRows(nodeUri(cluster, name));
  const verdict = checkLedger(entries, rows);
  const lost = verdict.lost.filter((row) => !alreadyLost.has(rowKey(row)));
  for (const row of lost) alreadyLost.add(rowKey(row));
  const wrongRows = verdict.duplicated.length + verdict.resurrected.length + verdict.foreign.length;
  screen.line(
    `             ${String(verdict.checked)} acknowledged rows looked up on ${name}: ${String(lost.length)} lost`,
    lost.length === 0 ? 'quiet' : 'bad',
  );
  return { lostWrites: lost.length, wrongRows, checkedWrites: verdict.checked };
}

function countCodes(errors: readonly ClientError[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { code, message } of errors) {
    const key = code === 'none' ? message : code;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}
