/** From the samples of all rounds to figures: medians and largest values, latency and throughput against the other ways, and the acceptance. Pure. */
import {
  WAYS,
  WORKLOADS,
  type CopySample,
  type IdleSample,
  type PgbenchSample,
  type Round,
  type Sample,
  type WayName,
  type WorkloadName,
} from './course.ts';
import { criterion, type Criterion } from './criteria.ts';
import { pairUp, summarize, type Summary } from './statistics.ts';

export type Figure = {
  readonly workload: WorkloadName;
  readonly way: WayName;
  readonly tps: Summary | null;
  readonly failed: number;
  readonly p50Us: Summary | null;
  readonly p99Us: Summary | null;
  /** Against the direct way in the same round. */
  readonly addedP50Us: Summary | null;
  readonly addedP99Us: Summary | null;
  readonly connectUs: Summary | null;
  readonly addedConnectUs: Summary | null;
  readonly cpuUsPerTransaction: Summary | null;
  readonly megabytesPerS: Summary | null;
  readonly cpuUsPerMegabyte: Summary | null;
};

export type IdleFigure = IdleSample & {
  /** With 10 000 sessions; reckoned from those that were open when there were fewer. */
  readonly megabytesAtTenThousand: number;
  readonly isReckoned: boolean;
};

const TEN_THOUSAND = 10_000;
const BYTES_PER_MB = 1_000_000;
const SELECTS: WorkloadName = 'select, 16 clients';

type Read<S> = (sample: S) => number | null;
const ofPgbench =
  (read: Read<PgbenchSample>): Read<Sample> =>
  (sample) =>
    sample.kind === 'pgbench' ? read(sample) : null;
const ofCopy =
  (read: Read<CopySample>): Read<Sample> =>
  (sample) =>
    sample.kind === 'copy' ? read(sample) : null;

const tps = ofPgbench((sample) => sample.tps);
const p50Us = ofPgbench(({ latencies }) => latencies?.p50Us ?? null);
const p99Us = ofPgbench(({ latencies }) => latencies?.p99Us ?? null);
const connectUs = ofPgbench((sample) => sample.connectUs);
const cpuUsPerTransaction = ofPgbench((sample) => sample.cpuUsPerTransaction);
const megabytesPerS = ofCopy((sample) => sample.megabytesPerS);
const cpuUsPerMegabyte = ofCopy((sample) => sample.cpuUsPerMegabyte);

export function figuresOfRounds(rounds: readonly Round[]): readonly Figure[] {
  return WORKLOADS.flatMap(({ name }) =>
    WAYS.flatMap((way) => (rounds.some((one) => one.workload === name && one.way === way) ? [figureOf(rounds, name, way)] : [])),
  );
}

function figureOf(rounds: readonly Round[], workload: WorkloadName, way: WayName): Figure {
  const all = (read: Read<Sample>): Summary | null => summarize([...valuesOf(rounds, workload, way, read).values()]);
  const added = (read: Read<Sample>): Summary | null =>
    way === 'direct' ? null : summarize(compared(rounds, workload, { way, to: 'direct', read, compare: (a, b) => a - b }));
  const samples = rounds.filter((one) => one.workload === workload && one.way === way).map(({ sample }) => sample);
  return {
    ...{ workload, way },
    tps: all(tps),
    failed: samples.reduce((sum, sample) => sum + (sample.kind === 'pgbench' ? sample.failed : 0), 0),
    p50Us: all(p50Us),
    p99Us: all(p99Us),
    addedP50Us: added(p50Us),
    addedP99Us: added(p99Us),
    connectUs: all(connectUs),
    addedConnectUs: added(connectUs),
    cpuUsPerTransaction: all(cpuUsPerTransaction),
    megabytesPerS: all(megabytesPerS),
    cpuUsPerMegabyte: all(cpuUsPerMegabyte),
  };
}

function valuesOf(rounds: readonly Round[], workload: WorkloadName, way: WayName, read: Read<Sample>): ReadonlyMap<number, number> {
  const values = new Map<number, number>();
  for (const one of rounds) {
    const value = one.workload === workload && one.way === way ? read(one.sample) : null;
    if (value !== null) values.set(one.round, value);
  }
  return values;
}

function compared(
  rounds: readonly Round[],
  workload: WorkloadName,
  how: { readonly way: WayName; readonly to: WayName; readonly read: Read<Sample>; readonly compare: (a: number, b: number) => number },
): readonly number[] {
  return pairUp(valuesOf(rounds, workload, how.way, how.read), valuesOf(rounds, workload, how.to, how.read), how.compare);
}

export function idleFigureOf(sample: IdleSample): IdleFigure {
  const { sessions, rssBytes, rssBytesEmpty } = sample;
  const bytes = rssBytesEmpty + ((rssBytes - rssBytesEmpty) * TEN_THOUSAND) / sessions;
  return { ...sample, megabytesAtTenThousand: bytes / BYTES_PER_MB, isReckoned: sessions !== TEN_THOUSAND };
}

/** pgbaton against HAProxy, each figure the median of the rounds' own ratios. A run in which a transaction failed has no good throughput. */
export function acceptanceOf(rounds: readonly Round[], idle: readonly IdleFigure[]): readonly Criterion[] {
  const ratio = (workload: WorkloadName, read: Read<Sample>): number | null =>
    summarize(compared(rounds, workload, { way: 'pgbaton', to: 'haproxy', read, compare: (a, b) => a / b }))?.median ?? null;
  const failed = rounds.some(({ sample }) => sample.kind === 'pgbench' && sample.failed > 0);
  const memory = idle.find(({ proxy }) => proxy === 'pgbaton')?.megabytesAtTenThousand ?? null;
  return [
    criterion('throughput against HAProxy, 16 clients', failed ? null : ratio(SELECTS, tps), { least: 0.95 }),
    criterion('processor time a transaction against HAProxy, 16 clients', failed ? null : ratio(SELECTS, cpuUsPerTransaction), {
      most: 1.2,
    }),
    criterion('MB of memory with 10 000 idle sessions', memory, { most: 250 }),
    criterion('COPY out against HAProxy', ratio('COPY out', megabytesPerS), { least: 0.9 }),
    criterion('COPY in against HAProxy', ratio('COPY in', megabytesPerS), { least: 0.9 }),
  ];
}
