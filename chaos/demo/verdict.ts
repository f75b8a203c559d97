/** From measurements to a verdict. Pure. A fault that was not run, or an outage that did not end, can never pass. */
import { DEFAULT_POLICY } from '../../shared/domain/policy.ts';

export type FaultKind = 'crash' | 'nodeLoss' | 'switchover';

export const FAULTS: readonly FaultKind[] = ['crash', 'nodeLoss', 'switchover'];

/** The longest outage that still passes. A silent node is given its lease and the election after it; usually it takes far less. */
export const OUTAGE_BUDGET_MS: Readonly<Record<FaultKind, number>> = {
  crash: 800,
  nodeLoss: DEFAULT_POLICY.ttlMs + 1_500,
  switchover: 1_000,
};

export type Measurement = {
  readonly kind: FaultKind;
  /** Longest time without an acknowledged write, all writers together. */
  readonly outageMs: number;
  readonly outageEnded: boolean;
  /** The same for the unluckiest single writer. */
  readonly worstWriterMs: number;
  readonly lostWrites: number;
  /** Rows doubled, risen from a rollback, or from nowhere. */
  readonly wrongRows: number;
  readonly clientErrors: number;
  readonly checkedWrites: number;
};

export type Verdict = { readonly verdict: 'pass' | 'fail'; readonly reasons: readonly string[] };

export function judge(measurements: readonly Measurement[], stopped: string | null): Verdict {
  const reasons = [
    ...(stopped === null ? [] : [stopped]),
    ...FAULTS.filter((kind) => !measurements.some((one) => one.kind === kind)).map((kind) => `${kind} was not measured`),
    ...measurements.flatMap(faultsOf),
  ];
  return { verdict: reasons.length === 0 ? 'pass' : 'fail', reasons };
}

function faultsOf({ kind, outageMs, outageEnded, lostWrites, wrongRows, checkedWrites }: Measurement): readonly string[] {
  const budgetMs = OUTAGE_BUDGET_MS[kind];
  return [
    ...(lostWrites === 0 ? [] : [`${kind}: ${String(lostWrites)} acknowledged writes are lost`]),
    ...(wrongRows === 0 ? [] : [`${kind}: ${String(wrongRows)} rows are there that should not be`]),
    ...(checkedWrites === 0 ? [`${kind}: no acknowledged write could be checked`] : []),
    ...(outageEnded ? [] : [`${kind}: writes did not come back`]),
    ...(outageMs <= budgetMs ? [] : [`${kind}: writes stood still for ${outageMs.toFixed(0)} ms, more than ${String(budgetMs)} ms`]),
  ];
}

export type JsonReport = Readonly<
  Record<
    FaultKind,
    { readonly outageMs: number; readonly worstWriterMs: number; readonly lostWrites: number; readonly clientErrors: number } | null
  >
> & {
  readonly verdict: 'pass' | 'fail';
  readonly reasons: readonly string[];
  readonly acknowledgedWrites: number;
};

export function toJsonReport(measurements: readonly Measurement[], { verdict, reasons }: Verdict): JsonReport {
  const of = (kind: FaultKind): JsonReport[FaultKind] => {
    const found = measurements.find((one) => one.kind === kind);
    if (found === undefined) return null;
    return {
      outageMs: Math.round(found.outageMs),
      worstWriterMs: Math.round(found.worstWriterMs),
      lostWrites: found.lostWrites,
      clientErrors: found.clientErrors,
    };
  };
  return {
    verdict,
    crash: of('crash'),
    nodeLoss: of('nodeLoss'),
    switchover: of('switchover'),
    acknowledgedWrites: Math.max(0, ...measurements.map(({ checkedWrites }) => checkedWrites)),
    reasons,
  };
}
