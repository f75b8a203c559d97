/** From what clients lived through to the table of the race. Pure. Nothing is left out: whoever did not come back counts with the time that was waited. */
import { rowKey, type Entry } from '../../chaos/ledger/entry.ts';
import type { ClientError } from '../../chaos/ledger/history.ts';
import { isApplication } from '../../chaos/live/clients.ts';
import type { Figures } from '../../chaos/live/measure.ts';
import { summarize, type Summary } from '../../chaos/live/statistics.ts';
import { FAULT_WORDS, type FaultName } from './course.ts';

export type Result = {
  /** Of sessions that are kept. */
  readonly outageMs: number;
  /** Of clients that make a new session for every row. */
  readonly freshOutageMs: number;
  /** False: nobody wrote again as long as was waited, and the outages are that long at least. */
  readonly back: boolean;
  /** Whole again after healing, in the time that was waited. */
  readonly well: boolean;
  readonly brokenSessions: number;
  readonly refusedConnections: number;
  /** How often clients met which error. */
  readonly errorCodes: Figures['errorCodes'];
  /** Null: the rows could not be looked up. */
  readonly lost: number | null;
  /** Of them those of clients past the proxy, at the old primary's own door. */
  readonly lostPastProxy: number | null;
  readonly split: number;
  readonly wrongRows: number;
  readonly divergedNodes: number;
  /** Timelines beyond the first one that clients saw. */
  readonly failovers: number;
  readonly acknowledged: number;
};

export type Lived = {
  readonly figures: Figures;
  readonly entries: readonly Entry[];
  readonly errors: readonly ClientError[];
  readonly back: boolean;
  readonly well: boolean;
};

export function resultOf({ figures, entries, errors, back, well }: Lived): Result {
  const { data, outage, freshOutage, errorCodes, epochs, vanished, divergedNodes, acknowledged } = figures;
  const lost = new Set((data?.lost ?? []).map(rowKey));
  const lostPastProxy = entries.filter((entry) => lost.has(rowKey(entry)) && !isApplication(entry.route)).length;
  const timelines = new Set(entries.flatMap(({ outcome, served }) => (outcome === 'ok' && served !== null ? [served.timeline] : [])));
  return {
    outageMs: Math.round(outage.lengthMs),
    freshOutageMs: Math.round(freshOutage.lengthMs),
    back: back && outage.ended && freshOutage.ended,
    well,
    brokenSessions: errors.filter(({ phase }) => phase === 'session').length,
    refusedConnections: errors.filter(({ phase }) => phase === 'connect').length,
    errorCodes,
    lost: data === null ? null : lost.size + vanished,
    lostPastProxy: data === null ? null : lostPastProxy,
    split: epochs.stale.length + epochs.shared.length,
    wrongRows: data === null ? 0 : data.duplicated.length + data.resurrected.length + data.foreign.length,
    divergedNodes: divergedNodes.length,
    failovers: Math.max(0, timelines.size - 1),
    acknowledged,
  };
}

/** `result` null: it did not come to the fault, or broke off; `why` says how. */
export type HeatRecord = {
  readonly entrant: string;
  readonly fault: FaultName;
  readonly trial: number;
  readonly result: Result | null;
  readonly why: string | null;
};

export type Line = {
  readonly fault: FaultName;
  readonly entrant: string;
  readonly n: number;
  readonly outageMs: Summary | null;
  readonly freshOutageMs: Summary | null;
  readonly notBack: number;
  readonly brokenSessions: Summary | null;
  readonly refusedConnections: Summary | null;
  readonly lost: number;
  readonly lostPastProxy: number;
  readonly notLookedUp: number;
  readonly split: number;
  readonly wrongRows: number;
  readonly divergedNodes: number;
  readonly failovers: Summary | null;
  /** Heats without a result. */
  readonly failed: number;
};

export function linesOf(records: readonly HeatRecord[], faults: readonly FaultName[], entrants: readonly string[]): readonly Line[] {
  return faults.flatMap((fault) =>
    entrants.map((entrant) =>
      lineOf(
        fault,
        entrant,
        records.filter((record) => record.fault === fault && record.entrant === entrant),
      ),
    ),
  );
}

function lineOf(fault: FaultName, entrant: string, records: readonly HeatRecord[]): Line {
  const results = records.flatMap(({ result }) => (result === null ? [] : [result]));
  const over = (of: (result: Result) => number): Summary | null => summarize(results.map(of));
  const sum = (of: (result: Result) => number): number => results.reduce((total, result) => total + of(result), 0);
  return {
    fault,
    entrant,
    n: results.length,
    outageMs: over(({ outageMs }) => outageMs),
    freshOutageMs: over(({ freshOutageMs }) => freshOutageMs),
    notBack: results.filter(({ back }) => !back).length,
    brokenSessions: over(({ brokenSessions }) => brokenSessions),
    refusedConnections: over(({ refusedConnections }) => refusedConnections),
    lost: sum(({ lost }) => lost ?? 0),
    lostPastProxy: sum((result) => result.lostPastProxy ?? 0),
    notLookedUp: results.filter(({ lost }) => lost === null).length,
    split: sum(({ split }) => split),
    wrongRows: sum(({ wrongRows }) => wrongRows),
    divergedNodes: sum((result) => result.divergedNodes),
    failovers: over(({ failovers }) => failovers),
    failed: records.length - results.length,
  };
}

const HEADINGS = [
  'fault',
  'who',
  'N',
  'outage, median ms',
  'max ms',
  'new sessions, median ms',
  'max ms',
  'broken sessions, median',
  'refused connections, median',
  'lost',
  'of them past the proxy',
  'split brain',
  'failovers, max',
  'remarks',
];

export function tableOf(lines: readonly Line[], records: readonly HeatRecord[]): string {
  const cells = lines.map((line) => [
    line.fault,
    line.entrant,
    String(line.n),
    told(line.outageMs?.median),
    told(line.outageMs?.max),
    told(line.freshOutageMs?.median),
    told(line.freshOutageMs?.max),
    told(line.brokenSessions?.median),
    told(line.refusedConnections?.median),
    String(line.lost),
    String(line.lostPastProxy),
    String(line.split),
    told(line.failovers?.max),
    remarksOf(line),
  ]);
  const widths = HEADINGS.map((heading, at) => Math.max(heading.length, ...cells.map((row) => row[at]?.length ?? 0)));
  const render = (row: readonly string[]): string => `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  return [
    render(HEADINGS),
    render(widths.map((width) => '-'.repeat(width))),
    ...cells.map(render),
    '',
    ...[...new Set(lines.map(({ fault }) => fault))].map((fault) => `${fault}: ${FAULT_WORDS[fault]}`),
    ...records.flatMap(({ entrant, fault, trial, why }) => (why === null ? [] : [`${entrant}, ${fault}, trial ${String(trial)}: ${why}`])),
    '',
  ].join('\n');
}

function remarksOf({ notBack, notLookedUp, wrongRows, divergedNodes, failed }: Line): string {
  const found: readonly (readonly [count: number, what: string])[] = [
    [notBack, 'not back in time'],
    [notLookedUp, 'not looked up'],
    [wrongRows, 'rows twice or unwanted'],
    [divergedNodes, 'nodes with other rows'],
    [failed, 'without a result'],
  ];
  return found
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${String(count)} ${what}`)
    .join(', ');
}

function told(value: number | undefined): string {
  return value === undefined ? '-' : String(value);
}

/**
 * Of pgbaton itself: the race is lost, whatever the times say, when it broke a promise, or could not show that it did not. Lost rows are no breach
 * where commits do not wait.
 */
export function keptPromises(line: Line, isSynchronous: boolean): boolean {
  const { n, lost, split, wrongRows, divergedNodes, notBack, notLookedUp, failed } = line;
  const breaches = [isSynchronous ? lost : 0, split, wrongRows, divergedNodes, notBack, notLookedUp, failed];
  return n > 0 && breaches.every((count) => count === 0);
}
