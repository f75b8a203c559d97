/**
 * What several processes of one proxy have of their own: a name each, and a port each for the API. Pure. A name that an operator could give to
 * another proxy, or a port that has to be guessed, must never come out of here.
 */
import { z } from 'zod';
import { assert } from '../assert.ts';
import { valueFault, type ConfigFault } from './config-fault.ts';
import type { ProxyConfig } from './proxy-config.ts';

/** The cluster knows 64 proxies, every worker being one of them, and each asks the agents by itself. */
const WORKERS_MAX = 16;
const PORT_MAX = 65_535;

export const workersSchema = z
  .number()
  .int()
  .min(1)
  .max(WORKERS_MAX)
  .describe(
    'Processes that share rwPort and roPort, each on a processor core of its own. Above 1 each is a proxy by itself, named <id>.1, <id>.2 and so on; its API is at api.port, api.port + 1 and so on, and the port in api.advertiseUrl is counted up likewise.',
  );

type Sections = {
  readonly workers?: number;
  readonly rwPort?: number;
  readonly roPort?: number;
  readonly api?: { readonly port: number; readonly advertiseUrl?: string | undefined };
};

export function workersFaults({ workers = 1, rwPort, roPort, api }: Sections): readonly ConfigFault[] {
  if (workers === 1 || api === undefined) return [];
  const faults: ConfigFault[] = [];
  const last = api.port + workers - 1;
  const span = `the APIs of ${String(workers)} workers are at ${String(api.port)} to ${String(last)}`;
  if (last > PORT_MAX) faults.push(valueFault(['api', 'port'], `${span}, beyond the last port`));
  for (const [name, port] of [
    ['rwPort', rwPort],
    ['roPort', roPort],
  ] as const) {
    // Equal to the first of them is said of every proxy, see proxyFaults.
    if (port !== undefined && port > api.port && port <= last) faults.push(valueFault([name], `${span}, and ${name} is one of them`));
  }
  if (api.advertiseUrl !== undefined) {
    const port = Number(new URL(api.advertiseUrl).port);
    if (port === 0)
      faults.push(
        valueFault(['api', 'advertiseUrl'], 'api.advertiseUrl needs a port of its own to count the workers from when there are several'),
      );
    else if (port + workers - 1 > PORT_MAX)
      faults.push(valueFault(['api', 'advertiseUrl'], `api.advertiseUrl leaves no ports for ${String(workers)} workers`));
  }
  return faults;
}

/** One configuration for each worker, in order; everything that is not named here they have in common. */
export function workerConfigs(config: ProxyConfig): readonly ProxyConfig[] {
  const { advertiseUrl, port } = config.api;
  // Any free port would be another after each restart, and could be counted up to nobody's.
  assert(port > 0 && config.rwPort > 0 && config.roPort > 0, 'workers have ports that are known beforehand');
  return Array.from({ length: config.workers }, (_, index) => ({
    ...config,
    // The dot stands in no name that an operator may give.
    id: `${config.id}.${String(index + 1)}`,
    api: { ...config.api, port: port + index, advertiseUrl: advertiseUrl === null ? null : counted(advertiseUrl, index) },
  }));
}

/** Which proxy an id belongs to: that of a worker is `<proxy>.<number>`. */
export function proxyOfWorker(id: string): string {
  return id.split('.', 1)[0] ?? id;
}

function counted(url: string, index: number): string {
  const parts = new URL(url);
  parts.port = String(Number(parts.port) + index);
  return parts.href.replace(/\/$/, '');
}
