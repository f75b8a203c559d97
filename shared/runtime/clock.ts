/**
 * The one place that reads time. `monotonicMs` is CLOCK_MONOTONIC in milliseconds: the same for every process of one machine since its
 * boot, so that an agent can hand a deadline to its guard. It is never compared across machines, and wall time never decides anything.
 */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** For humans: logs, history entries. `agoMs` is negative for the past. */
export function wallClockIso(agoMs = 0): string {
  return new Date(Date.now() + agoMs).toISOString();
}
