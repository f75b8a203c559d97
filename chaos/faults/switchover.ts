/** A planned move, asked for as an operator would. Not a fault, but it stands where faults stand: something is done to the cluster under load. */
import { z } from 'zod';
import { runCli } from '../cluster/cluster-cli.ts';
import type { Fault } from './fault.ts';
import type { Ground } from './ground.ts';

const operationSchema = z.object({ stagesMs: z.record(z.string(), z.number()) });

/** `to` null: the cluster chooses. */
export function switchover(
  { layout }: Pick<Ground, 'layout'>,
  to: string | null,
  signal: AbortSignal,
): Fault & { readonly stages: () => Readonly<Record<string, number>> } {
  let stages: Readonly<Record<string, number>> = {};
  return {
    name: 'switchover',
    leaves: 'nothing',
    strike: async () => {
      const target = to === null ? [] : ['--to', to];
      const answer = await runCli(['switchover', '--yes', '--dir', layout.dir, ...target], { signal });
      stages = operationSchema.parse(answer).stagesMs;
      return 'pgbaton switchover: done';
    },
    heal: async () => undefined,
    stages: () => stages,
  };
}
