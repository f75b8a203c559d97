/** Every core is kept busy by a process that does nothing, so that everybody else gets to run late. */
import { spawn, type ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { ID_VARIABLE } from '../../cli/local/processes.ts';
import type { Fault } from './fault.ts';
import type { Ground } from './ground.ts';

/** `perCore` of two means that whoever wants to run finds two others there who want the same. */
export function cpuLoad({ plan }: Pick<Ground, 'plan'>, perCore: number): Fault {
  const burners: ChildProcess[] = [];
  return {
    name: 'load on every core',
    leaves: 'a wound',
    strike: async () => {
      const count = availableParallelism() * perCore;
      for (let burner = 0; burner < count; burner += 1) {
        // With the cluster's mark, `local down` ends them if nobody else does.
        burners.push(spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore', env: { ...process.env, [ID_VARIABLE]: plan.id } }));
      }
      return `${String(count)} processes keep the processor busy`;
    },
    heal: async () => {
      for (const burner of burners.splice(0)) burner.kill('SIGKILL');
    },
  };
}
