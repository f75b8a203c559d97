#!/usr/bin/env node
/** The `pgbaton` program: runs one verb and turns however it ends into output and an exit code. */
import { EndedWith } from './ended-with.ts';
import { failureOf, wantsJson, type Failure } from './failure.ts';
import { buildProgram } from './program.ts';
import { processTerminal, type Terminal } from './terminal.ts';

function report(terminal: Terminal, { code, message, hint }: Failure, json: boolean): void {
  if (json) {
    terminal.out(`${JSON.stringify({ error: { code, message, hint } })}\n`);
    return;
  }
  terminal.err(`${terminal.paint('red', code)} ${message}\n  hint: ${hint}\n`);
}

async function main(argv: readonly string[]): Promise<number> {
  const terminal = processTerminal();
  try {
    await buildProgram({ terminal }).parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof EndedWith) return error.exitCode;
    const failure = failureOf(error);
    if (failure === null) return 0;
    report(terminal, failure, wantsJson(argv));
    return failure.exitCode;
  }
}

// A reader that went away (`pgbaton list | head -1`) is not a failure of the command.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});
const exitCode = await main(process.argv.slice(2));
// Kept-alive connections to agents would hold the process for seconds.
process.exit(exitCode);
