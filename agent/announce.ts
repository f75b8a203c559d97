/**
 * A node's name in the store: taken only while nobody else lives under it, kept true afterwards. It decides nothing about leadership; where two
 * agents claim one name, the later one goes, because each would answer for the other's WAL.
 */
import pRetry from 'p-retry';
import type { NodeConfig } from '../shared/config/node-config.ts';
import type { Dcs } from '../shared/dcs/dcs.ts';
import type { Keys } from '../shared/dcs/keys.ts';
import { decodeNode, encodeNode } from '../shared/dcs/records.ts';
import { appError } from '../shared/errors.ts';
import { httpJson } from '../shared/http/client.ts';
import { sleep } from '../shared/runtime/deadline.ts';
import type { AgentMachine } from './machine/machine.ts';

const CONTACT_MS = 2_000;
const LIFE_SIGN_MS = 1_000;
const RETRY_MS = 100;

type Name = { readonly config: NodeConfig; readonly dcs: Dcs; readonly keys: Keys; readonly signal: AbortSignal };

/** Throws PGB-1305 when a living agent under this name answers at another address. False: the store did not answer, so nothing is known. */
export async function refuseDuplicate({ config, dcs, keys, signal }: Name, budgetMs: number): Promise<boolean> {
  const known = await dcs.read([keys.node(config.name)], { budgetMs, signal });
  if (known.kind === 'unavailable') return false;
  const decoded = known.records.map((record) => decodeNode(record.value)).find((one) => one.kind === 'ok');
  if (decoded?.kind !== 'ok' || decoded.value.agentUrl === config.api.advertiseUrl) return true;
  const reply = await httpJson({ url: `${decoded.value.agentUrl}/status`, method: 'GET', timeoutMs: LIFE_SIGN_MS });
  const living =
    reply.kind === 'ok' && typeof reply.body === 'object' && reply.body !== null && 'name' in reply.body && reply.body.name === config.name;
  if (living) throw appError('PGB-1305', `an agent named ${config.name} answers at ${decoded.value.agentUrl}`);
  return true;
}

/** Until then nothing of the store may be believed: an agent that is one too many would begin to clone on the first record it reads. */
export async function untilNameIsFree(name: Name): Promise<void> {
  while (!name.signal.aborted && !(await refuseDuplicate(name, CONTACT_MS))) await sleep(RETRY_MS, name.signal);
}

/** Keeps `nodes/<name>` true. Throws PGB-1305 when somebody else lives under the name. */
export async function announce(parts: Name & { readonly machine: AgentMachine }): Promise<void> {
  const { config, machine, signal } = parts;
  let said = '';
  let seenRepairs = 0;
  let wasRegressed = false;
  while (!signal.aborted) {
    const record = encodeNode({
      member: machine.member,
      bootCount: machine.file.bootCount,
      pgHost: config.postgres.advertiseHost,
      pgPort: config.postgres.port,
      agentUrl: config.api.advertiseUrl,
      priority: config.priority,
    });
    const { nodes, regressed } = machine.store.facts();
    // A store that was wiped, or wiped and repaired, has forgotten where we are.
    const { repairs, mayAnnounce } = machine.store;
    if (repairs !== seenRepairs || (regressed !== null) !== wasRegressed) said = '';
    seenRepairs = repairs;
    wasRegressed = regressed !== null;
    if (mayAnnounce) {
      const known = nodes.get(config.name);
      // The other one may have started at the same moment.
      if (known !== undefined && known.agentUrl !== config.api.advertiseUrl) await refuseDuplicate(parts, CONTACT_MS);
      // A put of an earlier life that was delayed on its way may have overwritten ours.
      const isTold = record === said && (known === undefined || encodeNode(known) === record);
      if (!isTold && (await putNode(parts, record))) said = record;
    }
    await sleep(said === '' ? 100 : 500, signal);
  }
}

/** Where a node can be found decides nothing, so an ordinary retry with a pause will do. */
async function putNode({ config, dcs, keys, signal }: Name, value: string): Promise<boolean> {
  const options = { budgetMs: 2 * config.policy.etcdCallMs, signal };
  const attempt = async (): Promise<true> => {
    if (await dcs.put({ key: keys.node(config.name), value }, options)) return true;
    throw appError('PGB-1201', 'the address of this node could not be written');
  };
  return pRetry(attempt, { retries: 5, minTimeout: 50, maxTimeout: 1_000, signal }).catch(() => false);
}
