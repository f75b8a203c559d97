/** The ways to the server that are compared, each proxy in one process of one thread. It must never give one of them what the others do not get. */
import { CLI_SCRIPT } from '../cli/local/programs.ts';
import { HOST } from '../cli/local/plan.ts';
import { choosePorts } from '../cli/local/ports.ts';
import { haproxyConfig, pgbatonConfig, pgbouncerConfig, type ProxyPlace } from './configs.ts';
import { sessionsPossible, type ProxyName, type WayName } from './course.ts';
import type { Program, Running } from './programs.ts';
import { USER, type Stage } from './stage.ts';

/** `process` is null for the direct way. */
export type Way = { readonly name: WayName; readonly port: number; readonly process: Running | null };

/** Which server a proxy leads to, and under which name its cluster and its files go. */
export type Goal = { readonly cluster: string; readonly port: number };

export async function startProxy(stage: Stage, name: ProxyName, goal: Goal): Promise<Way & { readonly process: Running }> {
  const [port = 0, roPort = 0, apiPort = 0] = await choosePorts(3);
  const server = { host: HOST, port: goal.port };
  const place: ProxyPlace = { host: HOST, port, server, sessions: sessionsPossible(stage.openFiles) };
  const around = stage.around(`${goal.cluster}-${name}`, 'proxy');
  return { name, port, process: stage.programs.start({ ...around, ...lineOf(stage, { name, goal, place, roPort, apiPort }) }) };
}

function lineOf(
  stage: Stage,
  wish: {
    readonly name: ProxyName;
    readonly goal: Goal;
    readonly place: ProxyPlace;
    readonly roPort: number;
    readonly apiPort: number;
  },
): Pick<Program, 'command' | 'args' | 'as'> {
  const { name, goal, place, roPort, apiPort } = wish;
  switch (name) {
    case 'haproxy': {
      const config = stage.file(`${goal.cluster}-haproxy.cfg`, haproxyConfig(place));
      return { command: stage.peers.haproxy, args: ['-db', '-f', config], as: null };
    }
    case 'pgbouncer': {
      const users = stage.file('pgbouncer-users.txt', `"${USER}" ""\n`);
      const config = stage.file(`${goal.cluster}-pgbouncer.ini`, pgbouncerConfig(place, users));
      return { command: stage.peers.pgbouncer, args: [config], as: stage.as };
    }
    case 'pgbaton': {
      const config = stage.file(
        `${goal.cluster}-pgbaton.yml`,
        pgbatonConfig(place, { cluster: goal.cluster, etcd: stage.etcdUrl, roPort, apiPort }),
      );
      return { command: process.execPath, args: [CLI_SCRIPT, 'proxy', '--config', config], as: null };
    }
  }
}
