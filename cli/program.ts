/** The whole command line: every verb, assembled. It parses and prints help; what a verb does is in the verb's own file. */
import { Command } from 'commander';
import { EXIT_CODES } from './failure.ts';
import { packageVersion } from './version.ts';
import { addConfigVerb } from './verbs/config-check.ts';
import type { Context } from './verbs/context.ts';
import { addFailoverVerb } from './verbs/failover.ts';
import { addHealthcheckVerb } from './verbs/healthcheck.ts';
import { addHistoryVerb } from './verbs/history.ts';
import { addListVerb } from './verbs/list.ts';
import { addLocalVerb } from './verbs/local.ts';
import { addAgentVerb } from './verbs/run-agent.ts';
import { addChaosVerb } from './verbs/run-chaos.ts';
import { addProxyVerb } from './verbs/run-proxy.ts';
import { addStoreVerb } from './verbs/store-repair.ts';
import { addSwitchoverVerb } from './verbs/switchover.ts';
import { addTopologyVerb } from './verbs/topology.ts';
import { addVersionVerb } from './verbs/version.ts';

const VERBS = [
  addListVerb,
  addTopologyVerb,
  addHistoryVerb,
  addSwitchoverVerb,
  addFailoverVerb,
  addStoreVerb,
  addLocalVerb,
  addChaosVerb,
  addAgentVerb,
  addProxyVerb,
  addHealthcheckVerb,
  addConfigVerb,
  addVersionVerb,
];

export function buildProgram(context: Context): Command {
  const program = new Command('pgbaton');
  // Set before the verbs are added: they inherit it. Errors are printed by main.ts, in one shape for all of them.
  program
    .description('Keeps PostgreSQL available: failover, switchover, and a proxy that follows the leader')
    .version(packageVersion(), '-V, --version')
    .exitOverride()
    .configureOutput({ writeOut: context.terminal.out, writeErr: context.terminal.err, outputError: () => undefined })
    .showSuggestionAfterError()
    .addHelpText('after', `\nExit codes:\n${EXIT_CODES.map(({ code, meaning }) => `  ${String(code)}  ${meaning}`).join('\n')}\n`);
  for (const add of VERBS) add(program, context);
  return program;
}

/** `list`, `local up` …: every command that does something, hidden ones left out. */
export function verbNames(command: Command, prefix = ''): readonly string[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .flatMap((child) => {
      if (child.name() === 'help') return [];
      const name = `${prefix}${child.name()}`;
      const inner = verbNames(child, `${name} `);
      return inner.length === 0 ? [name] : inner;
    });
}
