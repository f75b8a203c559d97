/**
 * One heat: all is well, clients write, a fault falls, writes come back or do not, everything is healed, and every acknowledged row is looked up. The
 * clients, the ledger and the figures are those of the chaos program; nothing here knows which product it is about.
 */
import { NotReached, throwIfInterrupted } from '../../chaos/cluster/interrupted.ts';
import { withoutDoors } from '../../chaos/containers/addresses.ts';
import { Wounds } from '../../chaos/faults/fault.ts';
import { directUri } from '../../chaos/faults/ground.ts';
import { countEarlierRows, readLedgerDigest, readLedgerRows } from '../../chaos/ledger/read-rows.ts';
import { Clients } from '../../chaos/live/clients.ts';
import { measure, type Evidence } from '../../chaos/live/measure.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import type { Random } from '../../shared/runtime/random.ts';
import { blowFor } from './blows.ts';
import type { Contestant } from './contestants.ts';
import type { FaultName } from './course.ts';
import { resultOf, type Result } from './figures.ts';

const WELL_BEFORE_MS = 240_000;
const STEADY_WITHIN_MS = 60_000;
/** Three times the longest that Patroni's defaults should need. Whoever is not back by then is counted so, and never left out. */
const BACK_WITHIN_MS = 120_000;
const WELL_AFTER_MS = 240_000;
const EQUAL_WITHIN_MS = 15_000;
/** Quiet writing before and after. */
const SETTLE_MS = 1_000;
/** What a fault broke a second time, just after it seemed over, belongs to it. */
const AFTERMATH_MS = 3_000;
const POLL_MS = 50;

export type HeatOptions = {
  readonly contestant: Contestant;
  readonly fault: FaultName;
  /** How many there were before it on this cluster, for the numbers of the writers. */
  readonly before: number;
  readonly rowsBefore: number;
  readonly random: Random;
  readonly signal: AbortSignal;
};

export type HeatEnd = { readonly result: Result; readonly rows: number };

export async function runHeat({ contestant, fault: name, before, rowsBefore, random, signal }: HeatOptions): Promise<HeatEnd> {
  const { field, periodMs } = contestant;
  const wounds = new Wounds();
  const clients = new Clients(field, before);
  const until = waitUntil(signal);
  try {
    await until('all is well', WELL_BEFORE_MS, async () => (await contestant.missing()) === null);
    clients.start();
    const startedMs = monotonicMs();
    await until('every client writes', STEADY_WITHIN_MS, async () => clients.isSteadySince(startedMs));
    await sleep(SETTLE_MS + random() * periodMs, signal);
    const leader = await contestant.leader();
    if (leader === null) throw new NotReached('nobody leads although clients write');
    const { fault, isMoveDue, hold } = blowFor(name, contestant, leader, random);
    const faultMs = monotonicMs();
    await wounds.strike(fault);
    await hold(signal);
    const struckMs = monotonicMs();
    if (!isMoveDue) await wounds.heal(fault);
    const isBack = async (): Promise<boolean> =>
      clients.isSteadySince(struckMs) && (!isMoveDue || (await contestant.leader().then((now) => now !== null && now !== leader)));
    const back = await until('writes are back', BACK_WITHIN_MS, isBack).then(() => true, whenNotReached(false));
    await sleep(AFTERMATH_MS, signal);
    await wounds.heal(fault);
    const well = await until('all is well again', WELL_AFTER_MS, async () => (await contestant.missing()) === null).then(
      () => true,
      whenNotReached(false),
    );
    await sleep(SETTLE_MS, signal);
    await clients.stop();
    const evidence = await gather({ contestant, clients, faultMs, rowsBefore, isWell: well, signal });
    const errors = clients.errorsSince(faultMs);
    return { result: resultOf({ figures: measure(evidence), entries: evidence.entries, errors, back, well }), rows: totalOf(evidence) };
  } finally {
    await wounds.healAll();
    await clients.stop().catch(() => undefined);
  }
}

function whenNotReached<Value>(value: Value): (error: unknown) => Value {
  return (error) => {
    if (error instanceof NotReached) return value;
    throw error;
  };
}

function waitUntil(signal: AbortSignal) {
  return async (what: string, withinMs: number, isTrue: () => Promise<boolean>): Promise<void> => {
    const deadlineMs = monotonicMs() + withinMs;
    while (!(await isTrue())) {
      throwIfInterrupted(signal);
      if (monotonicMs() > deadlineMs) throw new NotReached(`not within ${String(withinMs / 1_000)} s: ${what}`);
      await sleep(POLL_MS, signal);
    }
    throwIfInterrupted(signal);
  };
}

type Gathering = Pick<HeatOptions, 'contestant' | 'rowsBefore' | 'signal'> & {
  readonly clients: Clients;
  readonly faultMs: number;
  readonly isWell: boolean;
};

async function gather({ contestant, clients, faultMs, rowsBefore, isWell, signal }: Gathering): Promise<Evidence> {
  const { field, project } = contestant;
  const leader = await contestant.leader();
  const uri = leader === null ? null : directUri(field, leader);
  return {
    window: { faultMs, untilMs: clients.stoppedMs },
    entries: withoutDoors(clients.entries(), project.addresses.doors),
    errors: clients.errorsSince(faultMs),
    rows: uri === null ? null : await readLedgerRows(uri, clients.range).catch(() => null),
    earlier: uri === null ? null : { before: rowsBefore, now: await countEarlierRows(uri, clients.range.from) },
    digests: isWell ? await digestsOf(contestant, signal) : [],
    // Products count leaderships in words of their own; the timelines that clients saw are common to all.
    epochsRaised: null,
    claims: [],
    history: [],
  };
}

/** Standbys replay a little later; they get the time for it. */
async function digestsOf({ field }: Contestant, signal: AbortSignal): Promise<Evidence['digests']> {
  const deadlineMs = monotonicMs() + EQUAL_WITHIN_MS;
  for (;;) {
    throwIfInterrupted(signal);
    const digests = await Promise.all(
      field.plan.nodes.map(async ({ name }) => ({ node: name, digest: await readLedgerDigest(directUri(field, name)).catch(() => null) })),
    );
    if (new Set(digests.map(({ digest }) => digest?.word)).size === 1 || monotonicMs() > deadlineMs) return digests;
    await sleep(POLL_MS, signal);
  }
}

function totalOf({ digests }: Evidence): number {
  return digests.find(({ digest }) => digest?.standby === false)?.digest?.rows ?? 0;
}
