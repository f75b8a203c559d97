/** One more proxy for a local cluster, as a process of the test: the cluster's own file with another name, other ports, and what a test changes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { layoutOf } from '../../cli/local/layout.ts';
import { readPlan } from '../../cli/local/plan-file.ts';
import { environmentFor } from '../../cli/local/programs.ts';
import { freePort, freePorts } from './free-ports.ts';
import { CLI, type TestCluster } from './local-cluster.ts';
import { until } from './until.ts';

/** In a row, for a proxy whose workers have one each. */
const API_PORTS = 2;

export type ExtraProxy = {
  readonly pid: number;
  readonly rwPort: number;
  readonly roPort: number;
  readonly apiPort: number;
  readonly logFile: string;
  /** Of the process, null when a signal ended it. */
  readonly ended: Promise<number | null>;
  readonly stop: () => Promise<void>;
};

export async function startProxy(cluster: TestCluster, id: string, changes: object): Promise<ExtraProxy> {
  const layout = layoutOf(cluster.dir);
  const plan = readPlan(layout);
  if (plan === null) throw new Error(`no local cluster in ${cluster.dir}`);
  const [rwPort, roPort, apiPort] = [await freePort(), await freePort(), await freePorts(API_PORTS)];
  const own = parse(readFileSync(layout.proxyConfig, 'utf8')) as { readonly api: { readonly host: string } };
  const file = `${cluster.dir}/${id}.yaml`;
  writeFileSync(file, stringify({ ...own, id, rwPort, roPort, api: { ...own.api, port: apiPort }, ...changes }), { mode: 0o600 });
  const log = openSync(layout.log(id), 'a', 0o600);
  const child = spawn(process.execPath, [CLI, 'proxy', '--config', file], {
    stdio: ['ignore', log, log],
    env: environmentFor(plan, process.env),
  });
  closeSync(log);
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  await until(`the proxy ${id} is ready`, 15_000, async () => {
    if (child.exitCode !== null) throw new Error(`the proxy ${id} ended: ${readFileSync(layout.log(id), 'utf8')}`);
    const reply = await fetch(`http://${own.api.host}:${String(apiPort)}/readiness`).catch(() => null);
    return reply?.ok === true;
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
  };
  return { pid: child.pid ?? 0, rwPort, roPort, apiPort, logFile: layout.log(id), ended, stop };
}
