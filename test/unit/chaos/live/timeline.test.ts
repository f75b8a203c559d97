import { describe, expect, it } from 'vitest';
import type { Entry } from '../../../../chaos/ledger/entry.ts';
import { timelineOf } from '../../../../chaos/live/timeline.ts';

function ack(endedMs: number, route = 'proxy', timeline = 1): Entry {
  const served = { server: `s${String(timeline)}`, timeline, lsn: '0/1', backendPid: 1 };
  return { writer: 0, seq: endedMs, route, invokedMs: endedMs - 1, endedMs, outcome: 'ok', served };
}

const outage = { fromMs: 1_150, toMs: 1_310 };
const total = (buckets: readonly number[]): number => buckets.reduce((sum, one) => sum + one, 0);

describe('the timeline of a trial', () => {
  it('counts acknowledgements per 100 ms, through the proxy and past it, and nothing else', () => {
    const entries = [
      ack(1_001),
      ack(1_099),
      ack(1_101),
      ack(1_150, 'n1'),
      ack(1_310, 'fresh'),
      { ...ack(1_320), outcome: 'unknown' as const },
      ack(1_600),
    ];
    expect(timelineOf({ window: { faultMs: 1_200, untilMs: 1_400 }, outage, entries, claims: [] })).toMatchObject({
      fromMs: -200,
      untilMs: 200,
      standstill: { fromMs: -50, untilMs: 110 },
      bucketMs: 100,
      applications: [2, 1, 0, 1],
      directly: [0, 1, 0, 0],
    });
  });

  it('dates a leadership by what it first acknowledged, whoever heard it, and names it by its claim', () => {
    const entries = [ack(1_000), ack(1_900, 'proxy', 2), ack(1_800, 'n2', 2)];
    const claims = [{ epoch: '7', holder: 'n2~0', timeline: 2, why: '' }];
    expect(timelineOf({ window: { faultMs: 1_200, untilMs: 2_000 }, outage, entries, claims }).leaderships).toEqual([
      { afterFaultMs: -200, timeline: 1, server: 's1', epoch: null, holder: null },
      { afterFaultMs: 600, timeline: 2, server: 's2', epoch: '7', holder: 'n2~0' },
    ]);
  });

  it('stays small however long the trial was, and loses no acknowledgement over it', () => {
    const entries = Array.from({ length: 5_000 }, (_, at) => ack(at * 1_000));
    const { bucketMs, applications } = timelineOf({ window: { faultMs: 0, untilMs: 5_000_000 }, outage, entries, claims: [] });
    expect(applications.length).toBeLessThanOrEqual(3_000);
    expect([bucketMs, total(applications)]).toEqual([1_700, 5_000]);
  });

  it('is there although nobody ever wrote', () => {
    expect(timelineOf({ window: { faultMs: 5, untilMs: 5 }, outage, entries: [], claims: [] })).toMatchObject({
      applications: [0],
      leaderships: [],
    });
  });
});
