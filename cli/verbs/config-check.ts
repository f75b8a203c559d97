/** `config check`: reads a configuration file as the program would, and starts nothing. Secrets are read but never shown. */
import type { Command } from 'commander';
import { loadAnyConfig } from '../config-kind.ts';
import { addOutputOption, printJson, type Context, type OutputFormat } from './context.ts';

export function addConfigVerb(program: Command, { terminal }: Context): void {
  const config = program.command('config').description('work with configuration files');
  addOutputOption(
    config
      .command('check')
      .description('check a configuration file without starting anything')
      .argument('<file>', "a node's or a proxy's configuration file"),
  ).action((file: string, { output }: { output: OutputFormat }) => {
    const { kind, config: loaded } = loadAnyConfig(file, terminal.env);
    const name = 'name' in loaded ? loaded.name : loaded.id;
    if (output === 'json') printJson(terminal, { valid: true, kind, cluster: loaded.cluster, name });
    else terminal.out(`${file} is a valid ${kind} configuration: ${name} in cluster ${loaded.cluster}\n`);
  });
}
