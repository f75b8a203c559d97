import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { layoutOf, localDir } from '../../../../cli/local/layout.ts';
import { nodeYaml } from '../../../../cli/local/node-yaml.ts';
import { localPlanSchema, portsOf, type LocalPlan } from '../../../../cli/local/plan.ts';
import { choosePorts, isPortFree } from '../../../../cli/local/ports.ts';
import { agentPrograms, environmentFor, etcdPrograms } from '../../../../cli/local/programs.ts';

const plan: LocalPlan = {
  version: 1,
  id: '00112233445566aa',
  cluster: 'local',
  mode: 'quorum',
  osUser: null,
  postgresBinDir: '/usr/lib/postgresql/17/bin',
  etcdProgram: '/usr/bin/etcd',
  network: null,
  freezer: null,
  etcd: [
    { name: 'e1', host: '127.0.0.1', clientPort: 20_001, peerPort: 20_002 },
    { name: 'e2', host: '127.0.0.1', clientPort: 20_003, peerPort: 20_004 },
  ],
  nodes: [{ name: 'n1', host: '127.0.0.1', pgPort: 20_005, apiPort: 20_006 }],
  proxy: { host: '127.0.0.1', rwPort: 20_007, roPort: 20_008, apiPort: 20_009 },
};

describe('the programs of a local cluster', () => {
  it('do not inherit the configuration of a real node from the environment', () => {
    const env = environmentFor(plan, {
      PATH: '/bin',
      PGBATON_CLUSTER: 'prod',
      PGBATON_SECRET_PEER_TOKEN: 'x',
      ETCD_NAME: 'prod',
      ETCD_UNSUPPORTED_ARCH: 'arm64',
      PGBATON_RECORD: '/tmp/recordings',
    });
    const kept = { PATH: '/bin', ETCD_UNSUPPORTED_ARCH: 'arm64', PGBATON_RECORD: '/tmp/recordings' };
    expect(env).toEqual({ ...kept, PGBATON_LOCAL_CLUSTER: plan.id });
  });

  it('keep etcd durable, and quick to elect', () => {
    const [first] = etcdPrograms(plan, layoutOf('/tmp/c'), {});
    const line = first?.args.join(' ') ?? '';
    expect(line).toContain('--heartbeat-interval 50 --election-timeout 500');
    expect(line).toContain('--initial-cluster e1=http://127.0.0.1:20002,e2=http://127.0.0.1:20004');
    expect(line).not.toContain('fsync');
  });

  it('start inside their namespace and their freezer group when the cluster has these, and etcd in no group', () => {
    const apart: LocalPlan = { ...plan, network: { subnet: '10.7.9', ipProgram: '/bin/ip' }, freezer: '/sys/fs/cgroup/freezer/x' };
    const [agent] = agentPrograms(apart, layoutOf('/tmp/c'), {});
    expect(agent?.command).toBe('/bin/sh');
    expect(agent?.args.slice(3, 7)).toEqual(['/sys/fs/cgroup/freezer/x/n1', 'nsenter', `--net=/run/netns/pgbaton-${plan.id}-n1`, '--']);
    const [etcd] = etcdPrograms(apart, layoutOf('/tmp/c'), {});
    expect([etcd?.command, etcd?.args[0]]).toEqual(['nsenter', `--net=/run/netns/pgbaton-${plan.id}-e1`]);
  });

  it('read their secrets from files, never from the configuration', () => {
    const yaml = parse(nodeYaml(plan, layoutOf('/tmp/c'), 'n1', { host: '127.0.0.1', pgPort: 20_005, apiPort: 20_006 })) as {
      secrets: Record<string, string>;
      postgres: Record<string, unknown>;
    };
    expect(Object.values(yaml.secrets).every((path) => path.startsWith('/tmp/c/secrets/'))).toBe(true);
    expect(yaml.postgres).not.toHaveProperty('osUser');
  });
});

describe('plan and layout', () => {
  it('survive being written and read, and count every port once', () => {
    expect(localPlanSchema.parse(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
    expect(portsOf(plan)).toEqual([20_001, 20_002, 20_003, 20_004, 20_005, 20_006, 20_007, 20_008, 20_009]);
  });

  it('prefer the option to the environment, and both to the default', () => {
    expect(localDir('/a', { PGBATON_LOCAL_DIR: '/b' })).toBe('/a');
    expect(localDir(undefined, { PGBATON_LOCAL_DIR: '/b' })).toBe('/b');
    expect(localDir(undefined, {})).toMatch(/^\/tmp\/pgbaton-\d+\/default$/);
  });

  it('refuse a directory too deep for Unix sockets', () => {
    expect(() => localDir(`/tmp/${'x'.repeat(80)}`, {})).toThrow('longer than');
  });
});

describe('ports', () => {
  it('are free, distinct and below those of outgoing connections', async () => {
    const ports = await choosePorts(20);
    expect(new Set(ports).size).toBe(20);
    expect(ports.every((port) => port >= 20_000 && port < 32_000)).toBe(true);
    expect(await isPortFree(ports[0] ?? 0)).toBe(true);
  });
});
