/** Somebody who believes that it helps runs `pg_ctl promote` on a standby. There is nothing to heal: the cluster has to set it right. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { idsOf } from '../../cli/local/binaries.ts';
import type { Fault } from './fault.ts';
import type { Ground } from './ground.ts';

const run = promisify(execFile);
const COMMAND_MS = 10_000;

export function promoteByHand({ plan, layout }: Pick<Ground, 'plan' | 'layout'>, node: string): Fault {
  return {
    name: `promote ${node} by hand`,
    leaves: 'nothing',
    strike: async () => {
      const ids = plan.osUser === null ? null : idsOf(plan.osUser);
      const args = ['promote', '-D', layout.dataDir(node), '--no-wait'];
      await run(join(plan.postgresBinDir, 'pg_ctl'), args, { timeout: COMMAND_MS, cwd: '/', ...ids });
      return `pg_ctl promote on ${node}`;
    },
    heal: async () => undefined,
  };
}
