import { describe, expect, it } from 'vitest';
import { ownedProcesses, type ProcessInfo } from '../../../../cli/local/processes.ts';

const ownership = { id: '00112233445566aa', dir: '/tmp/c', programRoot: '/opt/pgbaton/dist', exceptPid: 999 };

function info(pid: number, change: Partial<ProcessInfo>): ProcessInfo {
  return { pid, parent: 1, argv: [], cwd: '/', exe: '/usr/bin/node', clusterId: null, ...change };
}

function owned(...all: readonly ProcessInfo[]): readonly number[] {
  return ownedProcesses(all, ownership).map(({ pid }) => pid);
}

describe('the processes of a local cluster', () => {
  it('carry its id in their environment', () => {
    expect(owned(info(10, { clusterId: ownership.id }), info(11, { clusterId: 'ffffffffffffffff' }))).toEqual([10]);
  });

  it('are guards, though these are started with an empty environment', () => {
    expect(
      owned(info(10, { argv: ['node', '/opt/pgbaton/dist/agent/guard/main.js', '--socket', '/tmp/c/nodes/n1/run/guard.sock'] })),
    ).toEqual([10]);
  });

  it('are agents, proxies and the supervisor, also when nobody may read their environment', () => {
    const cli = '/opt/pgbaton/dist/cli/main.js';
    expect(
      owned(
        info(10, { argv: ['node', cli, 'agent', '--config', '/tmp/c/n1.yaml'] }),
        info(11, { argv: ['node', cli, 'proxy', '--config', '/tmp/c/proxy.yaml'] }),
        info(12, { argv: ['node', cli, 'local', 'supervise', '--dir', '/tmp/c'] }),
      ),
    ).toEqual([10, 11, 12]);
  });

  it('are backends, which have overwritten both arguments and environment with their title', () => {
    expect(
      owned(info(10, { argv: ['postgres: walwriter'], exe: '/usr/lib/postgresql/15/bin/postgres', cwd: '/tmp/c/nodes/n1/data' })),
    ).toEqual([10]);
    expect(
      owned(info(10, { argv: ['postgres: walwriter'], exe: '/usr/lib/postgresql/15/bin/postgres', cwd: '/tmp/c/nodes/n1/data (deleted)' })),
    ).toEqual([10]);
  });

  it('are descendants of any of them, whatever they are', () => {
    expect(owned(info(10, { clusterId: ownership.id }), info(12, { parent: 11, exe: null }), info(11, { parent: 10 }))).toEqual([
      10, 11, 12,
    ]);
  });

  it.each([
    ['a shell that stands in the data directory', { argv: ['bash'], exe: '/bin/bash', cwd: '/tmp/c/nodes/n1/data' }],
    ['an editor of one of its files', { argv: ['vim', '/tmp/c/n1.yaml'], exe: '/usr/bin/vim' }],
    ['a psql on its socket', { argv: ['psql', '-h', '/tmp/c/nodes/n1/run'], exe: '/usr/bin/psql' }],
    ['another verb on the same cluster', { argv: ['node', '/opt/pgbaton/dist/cli/main.js', 'list', '--dir', '/tmp/c'] }],
    ['another installation of pgbaton', { argv: ['node', '/elsewhere/dist/cli/main.js', 'agent', '--config', '/tmp/c/n1.yaml'] }],
    ['the cluster in a directory whose name begins alike', { argv: ['etcd', '--data-dir', '/tmp/c2/etcd/e1'], exe: '/usr/bin/etcd' }],
    [
      "somebody else's PostgreSQL",
      { argv: ['postgres', '-D', '/var/lib/postgresql/data'], exe: '/usr/lib/postgresql/15/bin/postgres', cwd: '/var/lib/postgresql/data' },
    ],
  ])('are not %s', (_, change) => {
    expect(owned(info(10, change))).toEqual([]);
  });

  it('never include the one who asks', () => {
    expect(owned(info(999, { clusterId: ownership.id }))).toEqual([]);
  });
});
