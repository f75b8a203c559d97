import { describe, expect, it } from 'vitest';
import { WholeWatch } from '../../../../chaos/live/whole-watch.ts';
import { monotonicMs } from '../../../../shared/runtime/clock.ts';
import { until } from '../../../support/until.ts';

describe('the watch over the cluster', () => {
  it('notes when the cluster became whole, counted from when it was left alone', async () => {
    let isWhole = false;
    const watch = new WholeWatch(async () => isWhole);
    const sinceMs = monotonicMs() - 1_000;
    watch.begin(sinceMs);
    setTimeout(() => (isWhole = true), 400);
    await until('it has seen the cluster whole', 5_000, () => watch.wholeAfterMs !== null);
    expect(watch.wholeAfterMs).toBeGreaterThanOrEqual(1_400);
    watch.forget();
  });

  it('forgets what it saw before the next blow', async () => {
    const watch = new WholeWatch(async () => true);
    watch.begin(monotonicMs());
    await until('it has seen the cluster whole', 5_000, () => watch.wholeAfterMs !== null);
    watch.forget();
    expect([watch.wholeAfterMs, watch.isWatching]).toEqual([null, false]);
  });

  it('does not take a cluster that nobody can ask for a whole one', async () => {
    let asked = 0;
    const watch = new WholeWatch(async () => {
      asked += 1;
      throw new Error('nobody answers');
    });
    watch.begin(monotonicMs());
    await until('it has asked again and again', 5_000, () => asked >= 3);
    expect(watch.wholeAfterMs).toBeNull();
    watch.forget();
  });
});
