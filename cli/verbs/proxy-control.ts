/**
 * `proxy sessions|pause|resume|drain`: speaks to proxies that run, over their HTTP API. Whatever it asks for ends by itself; it must never leave a
 * proxy shut because the second command did not come.
 */
import { Option, type Command } from 'commander';
import { proxyOfWorker } from '../../shared/config/proxy-workers.ts';
import type { ClusterStatus } from '../../shared/domain/cluster-status.ts';
import { appError } from '../../shared/errors.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import { ask, refusalOf, requireAccepted, requireCluster } from '../agent-client.ts';
import { addWhereOptions, findCluster, type WhereOptions } from '../find-cluster.ts';
import { formatMs, plural } from '../render/format.ts';
import { renderTable } from '../render/table.ts';
import { UsageError } from '../usage-error.ts';
import { addOutputOption, positiveSeconds, printJson, type Context, type OutputFormat } from './context.ts';

type Options = WhereOptions & { readonly output: OutputFormat; readonly proxy?: string };
type Proxy = ClusterStatus['proxies'][number];

type Session = {
  readonly port: string;
  readonly client: string;
  readonly user: string | null;
  readonly database: string | null;
  readonly application: string | null;
  readonly state: string;
  readonly server: string | null;
  readonly weakCommit: string | null;
  readonly ageMs: number;
};
type Sessions = { readonly total: number; readonly sessions: readonly Session[] };
type Answer = { readonly admission: { readonly kind: string; readonly resumesInMs?: number | null }; readonly sessions: number };

const READ_MS = 5_000;
const POLL_MS = 250;
/** A session that was cut has a moment to read why. */
const CUT_GRACE_MS = 2_500;

export function addProxyControls(proxy: Command, { terminal }: Context): void {
  withOptions(proxy.command('sessions').description('list the sessions of the proxies')).action(async (options: Options) => {
    const { proxies, token } = await chosen(options, terminal.env);
    const found = await Promise.all(proxies.map(async (one) => ({ id: one.id, ...(await readSessions(one, token)) })));
    if (options.output === 'json') printJson(terminal, { proxies: found });
    else terminal.out(renderSessions(found));
  });
  withOptions(proxy.command('pause').description('hold new sessions for a while; those that are there go on'))
    .addOption(new Option('--port <port>', 'whose sessions').choices(['rw', 'ro', 'both']).default('both'))
    .addOption(new Option('--for <seconds>', 'how long; then the proxy resumes by itself').argParser(positiveSeconds).default(30))
    .action(async (options: Options & { readonly port: string; readonly for: number }) => {
      await tell(options, '/pause', { port: options.port, forMs: options.for * 1000 });
    });
  withOptions(proxy.command('resume').description('end a pause or a drain')).action(async (options: Options) => {
    await tell(options, '/resume', {});
  });
  withOptions(proxy.command('drain').description('refuse new sessions, let the others end, and cut what is left'))
    .addOption(new Option('--within <seconds>', 'how long sessions may end by themselves').argParser(positiveSeconds).default(60))
    .addOption(
      new Option('--stay <seconds>', 'how long the proxy stays drained before it resumes by itself')
        .argParser(positiveSeconds)
        .default(600),
    )
    .action(async (options: Options & { readonly within: number; readonly stay: number }) => {
      const { proxies, token } = await chosen(options, terminal.env);
      const names = [...new Set(proxies.map(({ id }) => proxyOfWorker(id)))];
      // The workers of one proxy share its ports: they are drained together, or new clients would be refused by one and taken by the next.
      if (names.length > 1)
        throw new UsageError('which proxy is meant?', `Give --proxy; there are ${names.join(', ')}. Drain one after the other.`);
      const withinMs = options.within * 1000;
      const untilMs = monotonicMs() + withinMs + CUT_GRACE_MS;
      const answers = await post(proxies, token, '/drain', { withinMs, stayMs: options.stay * 1000 });
      for (const one of proxies) await untilEmpty(one, token, untilMs);
      const drained = answers.map((one) => ({ ...one, sessions: 0 }));
      if (options.output === 'json') printJson(terminal, { proxies: drained });
      else terminal.out(drained.map((one) => line(one)).join(''));
    });

  async function tell(options: Options, path: string, body: unknown): Promise<void> {
    const { proxies, token } = await chosen(options, terminal.env);
    const answers = await post(proxies, token, path, body);
    if (options.output === 'json') printJson(terminal, { proxies: answers });
    else terminal.out(answers.map((one) => line(one)).join(''));
  }
}

function withOptions(command: Command): Command {
  return addOutputOption(addWhereOptions(command)).option(
    '--proxy <id>',
    'one proxy with all its workers, or one worker (default: all of the cluster)',
  );
}

async function chosen(
  options: Options,
  env: Context['terminal']['env'],
): Promise<{ readonly proxies: readonly Proxy[]; readonly token: string }> {
  const { agentUrls, token } = findCluster(options, env);
  const { proxies } = await requireCluster(agentUrls);
  const wanted = proxies.filter(({ id }) => options.proxy === undefined || id === options.proxy || proxyOfWorker(id) === options.proxy);
  if (wanted.length === 0)
    throw appError(
      'PGB-1408',
      options.proxy === undefined ? 'no proxy is listed in etcd' : `${options.proxy}; there are ${proxies.map(({ id }) => id).join(', ')}`,
    );
  return { proxies: wanted, token: token() };
}

/** All of them are asked, even when one refuses: half a pause is better known than guessed. */
async function post(
  proxies: readonly Proxy[],
  token: string,
  path: string,
  body: unknown,
): Promise<readonly (Answer & { readonly id: string })[]> {
  const outcomes = await Promise.allSettled(
    proxies.map(async ({ id, url }) => ({ id, ...((await requireAccepted(`${url}${path}`, body, token)) as Answer) })),
  );
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
}

async function readSessions({ url }: Proxy, token: string): Promise<Sessions> {
  const reply = await ask({ url: `${url}/sessions`, token, budgetMs: READ_MS });
  if (reply.kind === 'silent') throw appError('PGB-1407', `${url}: ${reply.why}`);
  if (reply.status !== 200) throw refusalOf(reply.status, reply.body);
  return reply.body as Sessions;
}

async function untilEmpty(proxy: Proxy, token: string, untilMs: number): Promise<void> {
  for (;;) {
    const { total } = await readSessions(proxy, token);
    if (total === 0) return;
    if (monotonicMs() > untilMs) throw appError('PGB-1406', `${plural(total, 'session')} of ${proxy.id} did not end`);
    await sleep(POLL_MS);
  }
}

function line({ id, admission, sessions }: Answer & { readonly id: string }): string {
  const { resumesInMs } = admission;
  const resumes = typeof resumesInMs === 'number' ? `, resumes by itself in ${formatMs(resumesInMs)}` : '';
  return `${id}: ${admission.kind}, ${plural(sessions, 'session')}${resumes}\n`;
}

/** What a client calls itself may be anything, also a sequence that commands the terminal. */
function named(text: string | null): string {
  return text === null || text === '' ? '-' : text.replaceAll(/\p{C}/gu, '?');
}

const HEAD = ['PROXY', 'PORT', 'STATE', 'SERVER', 'USER', 'DATABASE', 'APPLICATION', 'CLIENT', 'AGE', 'COMMIT'];

function renderSessions(found: readonly (Sessions & { readonly id: string })[]): string {
  const rows = found.flatMap(({ id, sessions }) =>
    sessions.map((one) => [
      id,
      one.port,
      one.state,
      one.server?.replace(/~.*/, '') ?? '-',
      named(one.user),
      named(one.database),
      named(one.application),
      one.client,
      formatMs(one.ageMs),
      one.weakCommit ?? '-',
    ]),
  );
  const more = found.flatMap(({ id, total, sessions }) =>
    total > sessions.length ? [`${id}: ${String(total - sessions.length)} more\n`] : [],
  );
  return `${renderTable(HEAD, rows)}${more.join('')}`;
}
