/**
 * The course of a trial, to be drawn: how much was acknowledged when, and which leaderships clients came to see. Pure. It judges nothing, and its
 * size is bounded however long the trial was.
 */
import type { Entry } from '../ledger/entry.ts';
import type { Gap, Window } from '../ledger/outage.ts';
import { isApplication } from './clients.ts';
import type { Claim } from './sight.ts';

/** A leadership as clients saw it: when it first acknowledged something. Epoch and holder are what its claim recorded; null: nobody told of one. */
export type Leadership = {
  readonly afterFaultMs: number;
  readonly timeline: number;
  readonly server: string;
  readonly epoch: string | null;
  readonly holder: string | null;
};

/** Times count from the first blow; before it they are negative. */
export type Timeline = {
  readonly fromMs: number;
  readonly untilMs: number;
  /** The longest time without an acknowledgement of writers that keep their session. */
  readonly standstill: { readonly fromMs: number; readonly untilMs: number };
  readonly bucketMs: number;
  /** Acknowledgements in each bucket, through the proxy and past it. */
  readonly applications: readonly number[];
  readonly directly: readonly number[];
  readonly leaderships: readonly Leadership[];
};

const BUCKET_MS = 100;
/** Five minutes at full resolution; what lasts longer is told in wider buckets. */
const BUCKETS_MAX = 3_000;

export type Course = {
  readonly window: Window;
  readonly outage: Pick<Gap, 'fromMs' | 'toMs'>;
  readonly entries: readonly Entry[];
  readonly claims: readonly Claim[];
};

export function timelineOf({ window: { faultMs, untilMs }, outage, entries, claims }: Course): Timeline {
  const startedMs = entries.reduce((least, { invokedMs }) => Math.min(least, invokedMs), faultMs);
  const acknowledged = entries.filter(({ outcome, endedMs }) => outcome === 'ok' && endedMs <= untilMs);
  const spanMs = Math.max(BUCKET_MS, untilMs - startedMs);
  const bucketMs = BUCKET_MS * Math.ceil(spanMs / BUCKET_MS / BUCKETS_MAX);
  const count = Math.ceil(spanMs / bucketMs);
  const perBucket = (which: (entry: Entry) => boolean): readonly number[] => {
    const buckets = Array.from({ length: count }, () => 0);
    for (const { endedMs } of acknowledged.filter(which)) {
      const at = Math.min(count - 1, Math.floor((endedMs - startedMs) / bucketMs));
      buckets[at] = (buckets[at] ?? 0) + 1;
    }
    return buckets;
  };
  return {
    fromMs: Math.round(startedMs - faultMs),
    untilMs: Math.round(untilMs - faultMs),
    standstill: { fromMs: Math.round(outage.fromMs - faultMs), untilMs: Math.round(outage.toMs - faultMs) },
    bucketMs,
    applications: perBucket(({ route }) => isApplication(route)),
    directly: perBucket(({ route }) => !isApplication(route)),
    leaderships: leadershipsOf(acknowledged, claims, faultMs),
  };
}

/** A timeline is one per leadership, so its first acknowledgement is the first that clients can prove of it. */
function leadershipsOf(acknowledged: readonly Entry[], claims: readonly Claim[], faultMs: number): readonly Leadership[] {
  const first = new Map<number, { readonly endedMs: number; readonly server: string }>();
  for (const { served, endedMs } of acknowledged) {
    if (served === null) continue;
    const known = first.get(served.timeline);
    if (known === undefined || endedMs < known.endedMs) first.set(served.timeline, { endedMs, server: served.server });
  }
  return [...first]
    .map(([timeline, { endedMs, server }]) => {
      const claim = claims.findLast((one) => one.timeline === timeline);
      return { afterFaultMs: Math.round(endedMs - faultMs), timeline, server, epoch: claim?.epoch ?? null, holder: claim?.holder ?? null };
    })
    .toSorted((a, b) => a.afterFaultMs - b.afterFaultMs);
}
