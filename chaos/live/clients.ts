/**
 * The clients of a trial, and one history of all of them. Through the proxy: writers that keep their session, and one that makes a new session for
 * every row. Past the proxy: writers that stay connected to each node, so that what a frozen or cut-off primary acknowledges is seen by sessions
 * that were there before it was frozen.
 */
import { sleep } from '../../shared/runtime/deadline.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { directUri, type Field } from '../faults/ground.ts';
import type { Entry } from '../ledger/entry.ts';
import { History, type ClientError } from '../ledger/history.ts';
import type { WriterRange } from '../ledger/read-rows.ts';
import { runWriter, type WriterOptions } from '../ledger/writer.ts';
import { Crew } from '../workload/crew.ts';
import type { Traffic } from '../workload/workload.ts';

/** Numbers of writers that one trial may use. */
export const WRITERS_PER_TRIAL = 100;
const KEPT_WRITERS = 4;
const DIRECT_PER_NODE = 2;
const PROXY_PACE_MS = 5;
const FRESH_PACE_MS = 50;
const DIRECT_PACE_MS = 20;
const REFUSED_MS = 100;
const RETRY_MS = 10;
const PATIENCE_MS = 15_000;
/** A session of a frozen node is to be there still when the node thaws. */
const DIRECT_PATIENCE_MS = 120_000;
/** How long a last row may take when the trial is over. */
const GRACE_MS = 3_000;
const POLL_MS = 10;

export class Clients implements Traffic {
  readonly range: WriterRange;
  readonly #options: readonly WriterOptions[];
  readonly #history = new History();
  readonly #crew = new Crew();
  #stoppedMs: number | null = null;
  #stopping: Promise<void> | null = null;

  constructor(field: Field, trial: number) {
    const from = trial * WRITERS_PER_TRIAL;
    this.range = { from, below: from + WRITERS_PER_TRIAL };
    this.#options = writersFor(field).map((options, at) => ({ ...options, writer: from + at }));
  }

  start(): void {
    this.#crew.start(this.#options.map((options) => async (endings) => runWriter(options, this.#history, endings)));
  }

  /**
   * The observation ends here, and each writer behind the proxy gets a moment to write once more: without that row, the pause that it was just making
   * could not be told from an outage. What is still on its way later counts as unknown. Rejects when a writer ended by a defect.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  async #end(): Promise<void> {
    const endMs = monotonicMs();
    this.#stoppedMs = endMs;
    while (!this.isSteadySince(endMs) && monotonicMs() - endMs < GRACE_MS) await sleep(POLL_MS);
    await this.#crew.stop();
  }

  entries(): readonly Entry[] {
    return this.#history.entries();
  }

  /** Of applications, that is of clients behind the proxy; past it, an error is the business of whoever goes past it. */
  errorsSince(sinceMs: number): readonly ClientError[] {
    return this.#history.errorsSince(sinceMs).filter(({ route }) => isApplication(route));
  }

  /** Every writer behind the proxy has written since then. */
  isSteadySince(sinceMs: number): boolean {
    return this.#options.every(({ writer, route }) => !isApplication(route) || this.#history.hasAckSince(writer, sinceMs));
  }

  /** The end of the observation. */
  get stoppedMs(): number {
    return this.#stoppedMs ?? monotonicMs();
  }
}

export function isApplication(route: string): boolean {
  return route === 'proxy' || route === 'fresh';
}

function writersFor(field: Field): readonly Omit<WriterOptions, 'writer'>[] {
  const application = { connectionString: field.uri, retryMs: RETRY_MS, patienceMs: PATIENCE_MS, onReadOnly: { kind: 'leave' } } as const;
  const kept = { ...application, route: 'proxy', session: 'kept', paceMs: PROXY_PACE_MS } as const;
  const fresh = { ...application, route: 'fresh', session: 'fresh', paceMs: FRESH_PACE_MS } as const;
  const direct = field.plan.nodes.map(({ name }) => ({
    route: name,
    connectionString: directUri(field, name),
    session: 'kept' as const,
    paceMs: DIRECT_PACE_MS,
    retryMs: REFUSED_MS,
    patienceMs: DIRECT_PATIENCE_MS,
    onReadOnly: { kind: 'stay' as const, refusedMs: REFUSED_MS },
  }));
  return [
    ...Array.from({ length: KEPT_WRITERS }, () => kept),
    fresh,
    ...direct.flatMap((one) => Array.from({ length: DIRECT_PER_NODE }, () => one)),
  ];
}
