import { describe, expect, it } from 'vitest';
import type { Entry } from '../../../../chaos/ledger/entry.ts';
import { acknowledgedAtMs, longestGap, worstWriterGap } from '../../../../chaos/ledger/outage.ts';

const acks = (...at: readonly number[]): readonly number[] => at;

describe('the longest gap', () => {
  it('runs from the last acknowledgement before the fault to the first one after it', () => {
    expect(longestGap(acks(90, 95, 100, 400, 405), { faultMs: 102, untilMs: 410 })).toEqual({
      fromMs: 100,
      toMs: 400,
      lengthMs: 300,
      ended: true,
    });
  });

  it('finds a standstill that begins some time after the fault', () => {
    expect(longestGap(acks(100, 105, 110, 900, 905), { faultMs: 102, untilMs: 910 })).toMatchObject({
      fromMs: 110,
      toMs: 900,
      lengthMs: 790,
    });
  });

  it('does not count a standstill that was over before the fault', () => {
    expect(longestGap(acks(0, 5_000, 5_005, 5_050, 5_055), { faultMs: 5_006, untilMs: 5_060 }).lengthMs).toBe(45);
  });

  it('reports a cluster that never came back as not ended, however short the outage before it', () => {
    expect(longestGap(acks(90, 100, 150), { faultMs: 102, untilMs: 60_000 })).toEqual({
      fromMs: 150,
      toMs: 60_000,
      lengthMs: 59_850,
      ended: false,
    });
  });

  it('counts from the fault when nothing was ever acknowledged', () => {
    expect(longestGap([], { faultMs: 1_000, untilMs: 3_000 })).toEqual({ fromMs: 1_000, toMs: 3_000, lengthMs: 2_000, ended: false });
  });

  it('does not need sorted input', () => {
    expect(longestGap(acks(405, 100, 95, 400), { faultMs: 102, untilMs: 410 }).lengthMs).toBe(300);
  });
});

describe('outcomes and writers', () => {
  const entry = (writer: number, endedMs: number, outcome: Entry['outcome'] = 'ok'): Entry => ({
    writer,
    seq: endedMs,
    route: 'proxy',
    invokedMs: endedMs - 1,
    endedMs,
    outcome,
    served: null,
  });

  it('takes neither a failed nor an unknown write for a sign of life', () => {
    expect(acknowledgedAtMs([entry(0, 10), entry(0, 20, 'failed'), entry(0, 30, 'unknown')])).toEqual([10]);
  });

  it('shows the writer that stood still for longest', () => {
    const entries = [entry(0, 100), entry(1, 100), entry(0, 150), entry(1, 700), entry(0, 700)];
    expect(longestGap(acknowledgedAtMs(entries), { faultMs: 101, untilMs: 710 }).lengthMs).toBe(550);
    expect(worstWriterGap(entries, { faultMs: 101, untilMs: 710 })?.lengthMs).toBe(600);
  });
});
