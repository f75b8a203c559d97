/**
 * What a local cluster was made as: names, addresses, ports, programs. Written once, before anything starts, so that whoever cleans up knows
 * everything that could be running even when every process that knew it is dead. It never holds a secret or a pid.
 */
import { z } from 'zod';

export const HOST = '127.0.0.1';

const port = z.number().int().min(1).max(65_535);
const host = z.ipv4().default(HOST);

export const localPlanSchema = z.object({
  version: z.literal(1),
  /** Every process of this cluster carries it in its environment; nothing without it, or a path of this directory, is ever signalled. */
  id: z.string().regex(/^[0-9a-f]{16}$/),
  cluster: z.string(),
  mode: z.enum(['quorum', 'async']),
  osUser: z.string().nullable(),
  postgresBinDir: z.string(),
  etcdProgram: z.string(),
  /** Null: everything is on 127.0.0.1. Otherwise every component has a network namespace of its own in `<subnet>.0/24`. */
  network: z
    .object({ subnet: z.string().regex(/^10\.\d{1,3}\.\d{1,3}$/), ipProgram: z.string() })
    .nullable()
    .default(null),
  /** Null: nodes can only be stopped process by process. Otherwise the directory that holds one freezer group for each node. */
  freezer: z.string().nullable().default(null),
  etcd: z.array(z.object({ name: z.string(), host, clientPort: port, peerPort: port })).min(1),
  nodes: z.array(z.object({ name: z.string(), host, pgPort: port, apiPort: port })).min(1),
  proxy: z.object({ host, rwPort: port, roPort: port, apiPort: port }),
});

export type LocalPlan = z.infer<typeof localPlanSchema>;

export const PROXY_NAME = 'proxy';

export function etcdEndpoints(plan: Pick<LocalPlan, 'etcd'>): readonly string[] {
  return plan.etcd.map(({ host: address, clientPort }) => httpUrl(address, clientPort));
}

export function agentUrlsOf(plan: Pick<LocalPlan, 'nodes'>): readonly string[] {
  return plan.nodes.map(({ host: address, apiPort }) => httpUrl(address, apiPort));
}

export function httpUrl(address: string, ofPort: number): string {
  return `http://${address}:${String(ofPort)}`;
}

export function portsOf(plan: LocalPlan): readonly number[] {
  return [
    ...plan.etcd.flatMap(({ clientPort, peerPort }) => [clientPort, peerPort]),
    ...plan.nodes.flatMap(({ pgPort, apiPort }) => [pgPort, apiPort]),
    plan.proxy.rwPort,
    plan.proxy.roPort,
    plan.proxy.apiPort,
  ];
}

/** The shape of `cluster.json` and of `local up -o json`. Pids are what was last seen. */
export type LocalCluster = {
  readonly dir: string;
  readonly cluster: string;
  readonly supervisorPid: number | null;
  readonly nodes: readonly {
    readonly name: string;
    readonly pgHost: string;
    readonly pgPort: number;
    readonly agentUrl: string;
    readonly pids: { readonly agent: number | null; readonly guard: number | null; readonly postmaster: number | null };
    readonly dataDir: string;
  }[];
  readonly proxy: {
    readonly host: string;
    readonly rwPort: number;
    readonly roPort: number;
    readonly url: string;
    readonly pid: number | null;
  };
  readonly etcd: { readonly endpoints: readonly string[]; readonly pids: readonly (number | null)[] };
  readonly superuserUri: string;
};
