import { describe, expect, it } from 'vitest';
import { reportCard } from '../../../../chaos/demo/report-card.ts';
import { judge, toJsonReport, type FaultKind, type Measurement } from '../../../../chaos/demo/verdict.ts';

function measured(kind: FaultKind, change: Partial<Measurement> = {}): Measurement {
  return {
    kind,
    outageMs: 150,
    outageEnded: true,
    worstWriterMs: 160,
    lostWrites: 0,
    wrongRows: 0,
    clientErrors: 4,
    checkedWrites: 1_000,
    ...change,
  };
}

const good = [
  measured('crash'),
  measured('nodeLoss', { outageMs: 1_200 }),
  measured('switchover', { clientErrors: 0, checkedWrites: 3_000 }),
];

function replaced(kind: FaultKind, change: Partial<Measurement>): readonly Measurement[] {
  return good.map((one) => (one.kind === kind ? { ...one, ...change } : one));
}

describe('the verdict of the demo', () => {
  it('passes when nothing is lost and every outage is within its budget', () => {
    expect(judge(good, null)).toEqual({ verdict: 'pass', reasons: [] });
  });

  it.each<[string, readonly Measurement[]]>([
    ['one acknowledged write is lost', replaced('nodeLoss', { lostWrites: 1 })],
    ['a crash takes 801 ms', replaced('crash', { outageMs: 801 })],
    ['a lost node takes longer than lease and election', replaced('nodeLoss', { outageMs: 6_501 })],
    ['a switchover takes 1001 ms', replaced('switchover', { outageMs: 1_001 })],
    ['writes never came back, however short the gap looks', replaced('crash', { outageEnded: false })],
    ['a row is there twice', replaced('switchover', { wrongRows: 1 })],
    ['no write was checked', replaced('crash', { checkedWrites: 0 })],
    ['a fault was not run', good.slice(0, 2)],
    ['nothing was run', []],
  ])('fails when %s', (_, measurements) => {
    expect(judge(measurements, null).verdict).toBe('fail');
  });

  it('fails when the demo was stopped by an error, and says by which', () => {
    expect(judge(good, 'no leader is seen')).toEqual({ verdict: 'fail', reasons: ['no leader is seen'] });
  });

  it('is reported with whole milliseconds and the last count of checked writes', () => {
    expect(toJsonReport(replaced('crash', { outageMs: 150.6 }), judge(good, null))).toMatchObject({
      verdict: 'pass',
      crash: { outageMs: 151, lostWrites: 0, clientErrors: 4 },
      switchover: { clientErrors: 0 },
      acknowledgedWrites: 3_000,
    });
    expect(toJsonReport([], judge([], null)).crash).toBeNull();
  });
});

describe('the report card', () => {
  it('shows outage, phases, errors, writes and the reason', () => {
    const lines = reportCard(measured('crash'), {
      from: 'n1',
      to: 'n2',
      epoch: '2',
      timeline: 2,
      why: 'n2 has everything and the higher priority',
      phases: [
        { phase: 'detect', startMs: 0, endMs: 5 },
        { phase: 'promote', startMs: 60, endMs: 110 },
      ],
      errorCodes: { '57P01': 3, ECONNRESET: 1 },
    });
    expect(lines).toContain('n1 -> n2, epoch 2, timeline 2');
    expect(lines.join('\n')).toContain('4: 3 x 57P01, 1 x ECONNRESET');
    expect(lines.join('\n')).toMatch(/promote +\| +#+ *\| 50 ms/);
    expect(lines.join('\n')).toContain('1000 acknowledged, looked up one by one on n2: 0 lost');
  });
});
