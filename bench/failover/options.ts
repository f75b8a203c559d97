/** What was asked for on the command line. Pure. */
import { parseArgs } from 'node:util';
import { DEFAULT_FAULTS, FAULTS, type FaultName } from './course.ts';
import { PEER_SETTINGS, type PeerSetting } from './peer-config.ts';

export type Options = {
  readonly trials: number;
  readonly seed: string;
  readonly faults: readonly FaultName[];
  readonly settings: readonly PeerSetting[];
  readonly synchronous: readonly boolean[];
  readonly json: boolean;
};

export const USAGE = `Usage: npm run bench:failover -- [options]

  --trials N            how often everybody meets every fault                  (3)
  --faults A,B          of ${FAULTS.join(', ')}
                        (all but etcd-stall)
  --peer-setting WHICH  default, fast or both: the timings of Patroni          (fast)
  --sync WHICH          on, off or both: commits that wait for a standby       (on)
  --seed S              when in the period of its loop a fault falls           (drawn, and printed)
  --json                one line of JSON with every trial on stdout
`;

const TEXT = { type: 'string' } as const;
const SWITCH = { type: 'boolean', default: false } as const;

/** Null: only help was wanted. Throws what parseArgs throws, and an Error that names the option whose value is none. */
export function readOptions(args: readonly string[], drawnSeed: string): Options | null {
  const { values } = parseArgs({
    args: [...args],
    options: { trials: TEXT, faults: TEXT, 'peer-setting': TEXT, sync: TEXT, seed: TEXT, json: SWITCH, help: SWITCH },
  });
  if (values.help) return null;
  const trials = values.trials ?? '3';
  if (!/^[1-9]\d{0,4}$/.test(trials)) throw new Error(`--trials takes a whole number from 1, not ${trials}`);
  return {
    trials: Number(trials),
    seed: values.seed ?? drawnSeed,
    faults: faultsOf(values.faults),
    settings: oneOf('peer-setting', values['peer-setting'] ?? 'fast', {
      default: ['default'],
      fast: ['fast'],
      both: Object.keys(PEER_SETTINGS) as readonly PeerSetting[],
    }),
    synchronous: oneOf('sync', values.sync ?? 'on', { on: [true], off: [false], both: [true, false] }),
    json: values.json,
  };
}

function faultsOf(text: string | undefined): readonly FaultName[] {
  if (text === undefined) return DEFAULT_FAULTS;
  const names = [...new Set(text.split(','))];
  return names.map((name) => {
    const fault = FAULTS.find((one) => one === name);
    if (fault === undefined) throw new Error(`--faults: there is no ${name}`);
    return fault;
  });
}

function oneOf<Value>(option: string, word: string, meanings: Readonly<Record<string, Value>>): Value {
  const meaning = Object.hasOwn(meanings, word) ? meanings[word] : undefined;
  if (meaning === undefined) throw new Error(`--${option} takes ${Object.keys(meanings).join(', ')}, not ${word}`);
  return meaning;
}
