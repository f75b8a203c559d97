/** Other people's programs as clients: started, spoken to line by line, and waited for with a deadline. None of them outlives its test. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { until } from './until.ts';

export type ClientProgram = {
  readonly out: () => string;
  readonly err: () => string;
  readonly say: (line: string) => void;
  readonly signal: (signal: NodeJS.Signals) => void;
  readonly untilSaid: (what: RegExp, deadlineMs?: number) => Promise<void>;
  /** The exit code; after the deadline the program is killed, and that is an error. */
  readonly end: (deadlineMs?: number) => Promise<number | null>;
};

/** `env` beside the machine's own, without what would lead libpq elsewhere. */
export function startClient(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ClientProgram {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^PG(?!BATON)/.test(name)));
  const child = spawn(command, [...args], { env: { ...inherited, LC_ALL: 'C', PGCLIENTENCODING: 'UTF8', ...env } });
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
  // It may have ended by itself; whoever waits for it sees that.
  child.stdin.on('error', () => undefined);
  child.on('error', (error) => (said.err += error.message));
  let ended: { readonly code: number | null } | null = null;
  child.on('close', (code) => (ended = { code }));
  const everything = (): string => `${command} ${args.join(' ')}\nout: ${said.out}\nerr: ${said.err}`;
  return {
    out: () => said.out,
    err: () => said.err,
    say: (line) => {
      child.stdin.write(`${line}\n`);
    },
    signal: (signal) => {
      child.kill(signal);
    },
    untilSaid: async (what, deadlineMs = 20_000) => {
      await until(`it says ${String(what)}`, deadlineMs, () => {
        if (what.test(said.out) || what.test(said.err)) return true;
        if (ended !== null) throw new Error(`it ended without saying ${String(what)}: ${everything()}`);
        return false;
      });
    },
    end: async (deadlineMs = 30_000) => {
      child.stdin.end();
      try {
        await until('it ends', deadlineMs, () => ended !== null);
      } catch (error) {
        child.kill('SIGKILL');
        throw new Error(everything(), { cause: error });
      }
      return child.exitCode;
    },
  };
}

/** Runs to its end; anything but exit code 0 is an error that tells what it said. */
export async function runClient(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const client = startClient(command, args, env);
  const code = await client.end();
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${String(code)}: ${client.err()} ${client.out()}`);
  return client.out();
}

/** One of PostgreSQL's own programs, of the version that serves. */
export function postgresProgram(name: string): string {
  return join(process.env['PGBATON_PG_BIN'] ?? '', name);
}
