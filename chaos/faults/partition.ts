/**
 * A component is cut off from others by rules in its own network namespace. Packets are dropped, nobody is told. The machine's own namespace, where
 * clients and observers are, stays connected: a session on the cut-off side is what proves that nothing is acknowledged there.
 */
import { spawn } from 'node:child_process';
import { placesOf } from '../../cli/local/network-plan.ts';
import { namespacePath } from '../../cli/local/network.ts';
import type { Fault } from './fault.ts';
import type { Ground } from './ground.ts';

/** `deaf`: nothing that others send arrives. `mute`: nothing that it sends leaves. `both`: neither. */
export type Direction = 'both' | 'deaf' | 'mute';

export type Cut = { readonly component: string; readonly from: readonly string[]; readonly direction: Direction };

const COMMAND_MS = 5_000;

const WORDS: Readonly<Record<Direction, string>> = {
  both: 'is cut off from',
  deaf: 'does not hear any more',
  mute: 'is not heard any more by',
};

export function partition(ground: Pick<Ground, 'plan' | 'tools'>, cut: Cut): Fault {
  const table = `pgbaton_${cut.direction}`;
  const run = async (script: string): Promise<void> => runNft(ground, cut.component, script);
  return {
    name: `${cut.component} ${WORDS[cut.direction]} ${cut.from.join(', ')}`,
    leaves: 'a wound',
    strike: async () => {
      await run(rulesOf(table, cut, addressesOf(ground, cut.from)));
      return `${cut.component} ${WORDS[cut.direction]} ${cut.from.join(', ')}`;
    },
    // To add a table that is there does nothing, so the pair removes it whether or not it is.
    heal: async () => run(`add table ip ${table}\ndelete table ip ${table}\n`),
  };
}

/** Pure. */
export function rulesOf(table: string, { direction }: Pick<Cut, 'direction'>, addresses: readonly string[]): string {
  const set = `{ ${addresses.join(', ')} }`;
  const chains = [
    ...(direction === 'mute' ? [] : [`chain in { type filter hook input priority -300; policy accept; ip saddr ${set} drop; }`]),
    ...(direction === 'deaf' ? [] : [`chain out { type filter hook output priority -300; policy accept; ip daddr ${set} drop; }`]),
  ];
  return `table ip ${table} {\n  ${chains.join('\n  ')}\n}\n`;
}

function addressesOf({ plan }: Pick<Ground, 'plan'>, components: readonly string[]): readonly string[] {
  return components.map((component) => {
    const place = placesOf(plan).find((one) => one.component === component);
    if (place === undefined) throw new Error(`there is no ${component}`);
    return place.address;
  });
}

async function runNft({ plan, tools }: Pick<Ground, 'plan' | 'tools'>, component: string, script: string): Promise<void> {
  const place = placesOf(plan).find((one) => one.component === component);
  const { nft } = tools;
  if (place === undefined || nft === null || plan.network === null)
    throw new Error(`${component} cannot be cut off without namespaces and nft`);
  const child = spawn('nsenter', [`--net=${namespacePath(place.namespace)}`, '--', nft, '-f', '-'], {
    stdio: ['pipe', 'ignore', 'pipe'],
    timeout: COMMAND_MS,
  });
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    if (told.length < COMMAND_MS) told += chunk;
  });
  child.stdin.end(script);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`nft in the namespace of ${component} ended with ${String(code)}: ${told.trim()}`);
}
