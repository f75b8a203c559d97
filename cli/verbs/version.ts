/** `version`: what this is, and what it runs on. */
import type { Command } from 'commander';
import { packageVersion } from '../version.ts';
import { addOutputOption, printJson, type Context, type OutputFormat } from './context.ts';

export function addVersionVerb(program: Command, { terminal }: Context): void {
  addOutputOption(program.command('version').description('print the version')).action(({ output }: { output: OutputFormat }) => {
    if (output === 'json')
      printJson(terminal, { pgbaton: packageVersion(), node: process.versions.node, platform: `${process.platform}-${process.arch}` });
    else terminal.out(`pgbaton ${packageVersion()} (Node.js ${process.versions.node}, ${process.platform}-${process.arch})\n`);
  });
}
