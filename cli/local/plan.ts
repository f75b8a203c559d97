/**
 * What a local cluster was made as: names, ports, programs. Written once, before anything starts, so that whoever cleans up knows everything
 * that could be running even when every process that knew it is dead. It never holds a secret or a pid.
 */
import { z } from 'zod';

const port = z.number().int().min(1).max(65_535);

export const localPlanSchema = z.object({
  version: z.literal(1),
  /** Every process of this cluster carries it in its environment; nothing without it, or a path of this directory, is ever signalled. */
  id: z.string().regex(/^[0-9a-f]{16}$/),
  cluster: z.string(),
  mode: z.enum(['quorum', 'async']),
  osUser: z.string().nullable(),
  postgresBinDir: z.string(),
  etcdProgram: z.string(),
  etcd: z.array(z.object({ name: z.string(), clientPort: port, peerPort: port })).min(1),
  nodes: z.array(z.object({ name: z.string(), pgPort: port, apiPort: port })).min(1),
  proxy: z.object({ rwPort: port, roPort: port, apiPort: port }),
});

export type LocalPlan = z.infer<typeof localPlanSchema>;

export const HOST = '127.0.0.1';

export function etcdEndpoints(plan: LocalPlan): readonly string[] {
  return plan.etcd.map(({ clientPort }) => `http://${HOST}:${String(clientPort)}`);
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
    readonly pgPort: number;
    readonly agentUrl: string;
    readonly pids: { readonly agent: number | null; readonly guard: number | null; readonly postmaster: number | null };
    readonly dataDir: string;
  }[];
  readonly proxy: { readonly rwPort: number; readonly roPort: number; readonly url: string; readonly pid: number | null };
  readonly etcd: { readonly endpoints: readonly string[]; readonly pids: readonly (number | null)[] };
  readonly superuserUri: string;
};
