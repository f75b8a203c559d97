/**
 * The chaos program on the compose project, once: the judge finds nothing, clients were there on both sides of the cut, and nothing is left of the
 * project. How fast it was is judged where the machine is quiet.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { z } from 'zod';

const run = promisify(execFile);
const PGBATON = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');
const PLAYED_MS = 240_000;

const reportSchema = z.object({
  backend: z.string(),
  rows: z.array(
    z.object({
      scenario: z.string(),
      lost: z.number(),
      split: z.number(),
      reasons: z.array(z.object({ kind: z.string(), text: z.string() })),
    }),
  ),
  trials: z.array(z.object({ figures: z.object({ acknowledged: z.number(), acknowledgedDirectly: z.number() }) })),
});

async function chaos(args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
  // Slow is no failure here, and the exit code would say so.
  return run(process.execPath, [PGBATON, 'chaos', ...args], { timeout: PLAYED_MS }).catch(
    (error: unknown) => error as { readonly stdout: string; readonly stderr: string },
  );
}

it('a primary that is cut off by the engine loses nothing, splits nothing, and leaves nothing behind', async () => {
  const { stdout, stderr } = await chaos(['run', 'partition-primary', '--backend', 'containers', '--trials', '1', '--seed', '1', '--json']);
  expect(stdout, stderr).not.toBe('');
  const { backend, rows, trials } = reportSchema.parse(JSON.parse(stdout));
  const [row] = rows;
  const [trial] = trials;
  expect({ backend, ...row, reasons: row?.reasons.filter(({ kind }) => kind !== 'slow') }, stderr).toEqual({
    backend: 'containers',
    scenario: 'partition-primary',
    lost: 0,
    split: 0,
    reasons: [],
  });
  expect(trial?.figures.acknowledgedDirectly).toBeGreaterThan(10);
  const project = /project (pgbaton-chaos-\d+)/.exec(stderr)?.[1] ?? '';
  expect(project).not.toBe('');
  const label = `label=com.docker.compose.project=${project}`;
  for (const kind of [
    ['ps', '--all'],
    ['network', 'ls'],
    ['volume', 'ls'],
  ]) {
    const { stdout: left } = await run('docker', [...kind, '--quiet', '--filter', label]);
    expect(left, kind.join(' ')).toBe('');
  }
});
