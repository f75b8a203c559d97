/**
 * Split brain, as clients can prove it. Pure. It knows nothing of faults, nodes or leaders, only of what servers said of themselves in
 * transactions that they acknowledged.
 */
import type { Entry, Served } from './entry.ts';

export type Acknowledged = Entry & { readonly outcome: 'ok'; readonly served: Served };

export type EpochVerdict = {
  /** Acknowledged rows that were looked at. */
  readonly checked: number;
  /** Acknowledged without a word about the timeline: then nothing can be said, which is a fault of the ledger and no pass. */
  readonly untold: number;
  /** Acknowledged on an old primary after the first acknowledgement of a newer one. */
  readonly stale: readonly StaleAck[];
  /** One timeline, several servers: two histories with one name, which nothing can tell apart afterwards. */
  readonly shared: readonly { readonly timeline: number; readonly servers: readonly string[] }[];
};

export type StaleAck = { readonly entry: Acknowledged; readonly newest: Acknowledged };

export function checkEpochs(entries: readonly Entry[]): EpochVerdict {
  const acknowledged = entries.filter(({ outcome }) => outcome === 'ok');
  const told = acknowledged.filter((entry): entry is Acknowledged => entry.served !== null);
  return {
    checked: acknowledged.length,
    untold: acknowledged.length - told.length,
    stale: staleAcknowledgements(told),
    shared: sharedTimelines(told),
  };
}

/**
 * By invocation, not by completion: an acknowledgement that was earned before the old primary was fenced may *reach* its client after the first
 * one of the new primary, and that is no fault. A write *invoked* after that first one, yet acknowledged on the old timeline, is.
 */
function staleAcknowledgements(told: readonly Acknowledged[]): readonly StaleAck[] {
  const byEnd = told.toSorted((a, b) => a.endedMs - b.endedMs);
  let next = 0;
  let newest: Acknowledged | null = null;
  const stale: StaleAck[] = [];
  for (const entry of told.toSorted((a, b) => a.invokedMs - b.invokedMs)) {
    for (let ended = byEnd[next]; ended !== undefined && ended.endedMs < entry.invokedMs; ended = byEnd[next]) {
      if (newest === null || ended.served.timeline > newest.served.timeline) newest = ended;
      next += 1;
    }
    if (newest !== null && entry.served.timeline < newest.served.timeline) stale.push({ entry, newest });
  }
  return stale;
}

function sharedTimelines(told: readonly Acknowledged[]): EpochVerdict['shared'] {
  const servers = new Map<number, Set<string>>();
  for (const { served } of told) {
    const known = servers.get(served.timeline);
    if (known === undefined) servers.set(served.timeline, new Set([served.server]));
    else known.add(served.server);
  }
  return [...servers]
    .filter(([, names]) => names.size > 1)
    .map(([timeline, names]) => ({ timeline, servers: [...names].toSorted() }))
    .toSorted((a, b) => a.timeline - b.timeline);
}
