/**
 * What pgbaton's proxy needs to see of a cluster and nothing else: a leader record in etcd, the address of one node, and an agent that says that its
 * PostgreSQL is the primary. Whole agents would use processor time that the comparison would charge to nobody. It must never decide anything.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { assert } from '../shared/assert.ts';
import { createEtcdDcs } from '../shared/dcs/etcd-dcs.ts';
import type { Dcs } from '../shared/dcs/dcs.ts';
import { keysOf } from '../shared/dcs/keys.ts';
import { encodeLeader, encodeNode } from '../shared/dcs/records.ts';
import { epoch } from '../shared/domain/epoch.ts';
import { lsn } from '../shared/domain/lsn.ts';
import { NOBODY } from '../shared/domain/member-set.ts';
import { nameOf, parseMemberId } from '../shared/domain/node-id.ts';
import { timelineId } from '../shared/domain/timeline.ts';

const MEMBER = 'bench~000000000000';
const CALL_MS = 5_000;
const TTL_MS = 5_000;

export class StandInCluster {
  readonly #dcs: Dcs;
  readonly #agent: Server;

  constructor(etcdUrl: string) {
    this.#dcs = createEtcdDcs({ endpoints: [etcdUrl], callMs: CALL_MS });
    this.#agent = createServer((_request, response) => {
      const postgres = { kind: 'primary', open: true };
      const history = { timeline: 1, ancestors: [] };
      response.end(JSON.stringify({ member: MEMBER, postgres, epoch: '1', lagBytes: 0, history, replayedLsn: '0/100', seenAgeMs: 1 }));
    });
  }

  async listen(host: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#agent.once('error', reject);
      this.#agent.listen(0, host, resolve);
    });
  }

  /** From now on proxies of this cluster lead to this server. False: etcd did not take it, or not yet. */
  async lead(cluster: string, server: { readonly host: string; readonly port: number }, signal: AbortSignal): Promise<boolean> {
    const keys = keysOf(cluster);
    const member = parseMemberId(MEMBER);
    assert(member !== null, `${MEMBER} is a member id`);
    const agentUrl = `http://${server.host}:${String((this.#agent.address() as AddressInfo).port)}`;
    const node = encodeNode({ member, bootCount: 1, pgHost: server.host, pgPort: server.port, agentUrl, priority: 1 });
    const leader = encodeLeader({
      systemId: '1',
      epoch: epoch(1n),
      seq: 1,
      holder: member,
      state: { kind: 'serving' },
      mode: 'async',
      set: NOBODY,
      timeline: timelineId(1),
      floor: { timeline: timelineId(1), lsn: lsn(1n) },
      barred: [],
      ttlMs: TTL_MS,
      observed: null,
      nonce: 'bench',
    });
    const call = { budgetMs: CALL_MS, signal };
    return (
      (await this.#dcs.put({ key: keys.node(nameOf(member)), value: node }, call)) &&
      (await this.#dcs.put({ key: keys.leader, value: leader }, call))
    );
  }

  async close(): Promise<void> {
    this.#agent.closeAllConnections();
    await new Promise((resolve) => this.#agent.close(resolve));
    await this.#dcs.close();
  }
}
