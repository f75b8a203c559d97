/** A proxy on a fake store, with fake agents whose answers the test decides. */
import { createServer, type Server } from 'node:http';
import type { ProxyConfig } from '../../../shared/config/proxy-config.ts';
import { FakeDcs } from '../../../shared/dcs/fake-dcs.ts';
import { FakeStore } from '../../../shared/dcs/fake-store.ts';
import { keysOf } from '../../../shared/dcs/keys.ts';
import { encodeLeader, encodeNode } from '../../../shared/dcs/records.ts';
import type { PostgresStatus } from '../../../shared/domain/cluster-status.ts';
import { epoch } from '../../../shared/domain/epoch.ts';
import type { LeaderState } from '../../../shared/domain/leader-record.ts';
import { lsn } from '../../../shared/domain/lsn.ts';
import { NOBODY } from '../../../shared/domain/member-set.ts';
import type { MemberId } from '../../../shared/domain/node-id.ts';
import { timelineId } from '../../../shared/domain/timeline.ts';
import { createLogger } from '../../../shared/logging/logger.ts';
import { startProxy, type RunningProxy } from '../../../proxy/main.ts';
import type { ProxyStatus } from '../../../proxy/api.ts';
import { member, name } from '../../unit/proxy/core/fixture.ts';
import { until } from '../../support/until.ts';

const keys = keysOf('test');

export type FakeAgentAnswers = {
  postgres: PostgresStatus;
  epoch: string;
  lagBytes: number | null;
  primaryCode: number;
  replayedLsn: string | null;
};

export class FakeNode {
  readonly member: MemberId;
  readonly nodeName: string;
  readonly answers: FakeAgentAnswers = {
    postgres: { kind: 'primary', open: true },
    epoch: '1',
    lagBytes: 0,
    primaryCode: 200,
    replayedLsn: '0/100',
  };
  readonly #server: Server;
  #agentPort = 0;
  pgPort: number;

  constructor(nodeName: string, pgPort: number) {
    this.nodeName = nodeName;
    this.member = member(nodeName);
    this.pgPort = pgPort;
    this.#server = createServer((request, response) => {
      if (request.url === '/primary') response.writeHead(this.answers.primaryCode);
      const { postgres, epoch: at, lagBytes, replayedLsn } = this.answers;
      const history = { timeline: 1, ancestors: [] };
      response.end(JSON.stringify({ member: this.member, postgres, epoch: at, lagBytes, history, replayedLsn, seenAgeMs: 1 }));
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    this.#agentPort = typeof address === 'object' && address !== null ? address.port : 0;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get record(): string {
    return encodeNode({
      member: this.member,
      bootCount: 1,
      pgHost: '127.0.0.1',
      pgPort: this.pgPort,
      agentUrl: `http://127.0.0.1:${String(this.#agentPort)}`,
      priority: 1,
    });
  }
}

export function proxyConfig(settings: Partial<ProxyConfig> = {}): ProxyConfig {
  return {
    cluster: 'test',
    id: 'p1',
    etcd: { endpoints: [], username: null, password: null, caFile: null, certFile: null, keyFile: null },
    workers: 1,
    listenHost: '127.0.0.1',
    rwPort: 0,
    roPort: 0,
    api: { host: '127.0.0.1', port: 0, advertiseUrl: null },
    holdMs: 10_000,
    holdMax: 100,
    maxLagBytes: 1_000_000,
    roFallback: 'primary',
    roWaitMs: 1_000,
    weakCommits: 'allow',
    drainMs: 1_000,
    tls: { kind: 'pass' },
    serverTls: 'off',
    peerToken: null,
    log: { level: 'silent' },
    ...settings,
  };
}

export function leaderText(node: FakeNode, at: number, seq: number, state: LeaderState = { kind: 'serving' }): string {
  return encodeLeader({
    systemId: '7',
    epoch: epoch(BigInt(at)),
    seq,
    holder: node.member,
    state,
    mode: 'quorum',
    set: NOBODY,
    timeline: timelineId(1),
    floor: { timeline: timelineId(1), lsn: lsn(1n) },
    barred: [],
    ttlMs: 5_000,
    observed: null,
    nonce: `nonce${String(seq)}`,
  });
}

export class World {
  readonly store = new FakeStore();
  readonly dcs = new FakeDcs(this.store);
  readonly nodes: readonly FakeNode[];
  proxy!: RunningProxy;
  #seq = 0;

  private constructor(nodes: readonly FakeNode[]) {
    this.nodes = nodes;
  }

  static async start(nodes: readonly FakeNode[], settings: Partial<ProxyConfig> = {}): Promise<World> {
    const world = new World(nodes);
    for (const node of nodes) await node.listen();
    for (const node of nodes) world.register(node);
    const config = proxyConfig(settings);
    const level = process.env['PGBATON_TEST_LOG'] === undefined ? 'silent' : 'debug';
    world.proxy = await startProxy(config, world.dcs, createLogger({ level, name: 'proxy' }));
    return world;
  }

  async close(): Promise<void> {
    await this.proxy.close();
    await this.dcs.close();
    for (const node of this.nodes) await node.close();
  }

  register(node: FakeNode): void {
    this.store.put({ key: keys.node(name(node.nodeName)), value: node.record });
  }

  /** Writes the leader record as an agent would. */
  lead(node: FakeNode, at: number, state: LeaderState = { kind: 'serving' }): void {
    this.#seq += 1;
    const value = leaderText(node, at, this.#seq, state);
    this.store.put({ key: keys.leader, value });
  }

  async status(): Promise<ProxyStatus> {
    const response = await fetch(`http://127.0.0.1:${String(this.proxy.apiPort)}/status`);
    return (await response.json()) as ProxyStatus;
  }

  presence(): string | null {
    return this.store.peek(keys.proxy('p1'))?.value ?? null;
  }

  async until(claim: string, holds: (status: ProxyStatus) => boolean): Promise<void> {
    await until(claim, 5_000, async () => holds(await this.status()));
  }
}
