/**
 * Answers the machine's asks with the real world: etcd, the local PostgreSQL, the disk, the other agents. Every answer comes, whatever happens, and
 * as a value; a defect that throws is the only thing that escapes. It decides nothing.
 */
import { randomBytes } from 'node:crypto';
import { assert, unreachable } from '../../shared/assert.ts';
import { parseIncarnation, type Incarnation } from '../../shared/domain/node-id.ts';
import { describeError, messageOf } from '../../shared/errors.ts';
import type { GuardClient } from '../guard/guard-client.ts';
import type { Answer, Ask, AskOf } from '../machine/asks.ts';
import type { NodeFileStore } from '../node-file/port.ts';
import type { PeerClient } from '../peer/peer-client.ts';
import type { ProxyClient } from '../peer/proxy-client.ts';
import type { DiskProbe } from '../postgres/disk-probe.ts';
import type { Outcome, Postgres } from '../postgres/port.ts';
import type { StoreAsks } from './store-asks.ts';

export type WorldParts = {
  readonly store: StoreAsks;
  readonly postgres: Postgres;
  readonly guard: GuardClient;
  readonly files: NodeFileStore;
  readonly peers: PeerClient;
  readonly proxies: ProxyClient;
  readonly disk: DiskProbe;
};

/** A healthy disk answers in milliseconds; a hung one is a reason to give up the act that needed the write, not the agent. */
const SAVE_DEADLINE_MS = 2_000;
const FEED_DEADLINE_MS = 500;

export function freshIncarnation(): Incarnation {
  const value = parseIncarnation(randomBytes(6).toString('hex'));
  assert(value !== null, 'six random bytes are an incarnation');
  return value;
}

export async function answer(parts: WorldParts, ask: Ask, signal: AbortSignal): Promise<Answer> {
  const { postgres, guard, files, disk } = parts;
  switch (ask.kind) {
    case 'read-store':
    case 'change-record':
    case 'show-operation':
    case 'take-turn':
      return ofStore(parts, ask, signal);
    case 'ask-status':
    case 'ask-promise':
    case 'ask-leave':
    case 'say-down':
    case 'park-clients':
      return ofOthers(parts, ask, signal);
    case 'save-file':
      return saved(files, ask);
    case 'draw-incarnation':
      return freshIncarnation();
    case 'probe':
      return postgres.probe(ask, ask.deadlineMs, signal);
    case 'look':
      return { state: await postgres.observe(ask.deadlineMs), open: postgres.isOpen() };
    case 'stroke':
      return postgres.stroke(ask.deadlineMs);
    case 'knock':
      return postgres.knock(ask.deadlineMs);
    case 'probe-disk':
      return disk.write(ask.deadlineMs);
    case 'feed-guard':
      return fed(guard, ask);
    case 'initialize':
      return postgres.initialize(ask.member, signal);
    case 'adopt':
      return postgres.adopt(ask.member, signal);
    case 'discard':
      return postgres.discard(signal);
    case 'clone':
      return postgres.clone(ask, signal);
    case 'rewind':
      return postgres.rewind(ask, signal);
    case 'start':
      return postgres.start(ask.as, signal);
    case 'stop-fast':
      return postgres.stopFast(ask.deadlineMs, signal);
    case 'kill':
      return postgres.kill(ask.deadlineMs);
    case 'follow':
      return postgres.follow(ask.target, signal);
    case 'revoke':
      return postgres.revoke(signal);
    case 'write-sync':
      return postgres.writeSync(ask.setting, signal);
    case 'prove-sync':
      return postgres.proveSync(ask.setting, ask.deadlineMs, signal);
    case 'promote':
      return postgres.promote(ask, signal);
    case 'set-open':
      return postgres.setOpen(ask.open, signal);
    case 'checkpoint':
      return postgres.checkpoint(AbortSignal.any([signal, AbortSignal.timeout(ask.deadlineMs)]));
    case 'keep-slots':
      return postgres.keepSlots(ask.slots, signal);
    default:
      return unreachable(ask);
  }
}

type StoreAsk = AskOf<'read-store'> | AskOf<'change-record'> | AskOf<'show-operation'> | AskOf<'take-turn'>;
type OthersAsk = AskOf<'ask-status'> | AskOf<'ask-promise'> | AskOf<'ask-leave'> | AskOf<'say-down'> | AskOf<'park-clients'>;

async function ofStore({ store }: WorldParts, ask: StoreAsk, signal: AbortSignal): Promise<Answer> {
  switch (ask.kind) {
    case 'read-store':
      return store.read(ask, signal);
    case 'change-record':
      return store.change(ask, signal);
    case 'show-operation':
      return store.show(ask, signal);
    case 'take-turn':
      return store.takeTurn(ask, signal);
  }
}

async function ofOthers({ peers, proxies }: WorldParts, ask: OthersAsk, signal: AbortSignal): Promise<Answer> {
  switch (ask.kind) {
    case 'ask-status':
      return peers.status(ask.url, ask.timeoutMs, signal, ask.fresh);
    case 'ask-promise':
      return peers.promise(ask.url, ask.question, ask.timeoutMs, signal);
    case 'ask-leave':
      return peers.leave(ask.url, ask.member, ask.timeoutMs, signal);
    case 'say-down':
      return peers.down(ask.url, ask, ask.timeoutMs, signal);
    case 'park-clients':
      return proxies.park(ask, signal);
  }
}

async function saved(files: NodeFileStore, { file }: AskOf<'save-file'>): Promise<Outcome> {
  try {
    await files.save(file, SAVE_DEADLINE_MS);
    return { kind: 'done' };
  } catch (error) {
    const { code, message } = describeError(error);
    return { kind: 'failed', code, why: message };
  }
}

async function fed(guard: GuardClient, { epoch, untilMs }: AskOf<'feed-guard'>): Promise<Outcome> {
  try {
    const reply = await guard.request({ kind: 'deadline', epoch: epoch.toString(), untilMs }, FEED_DEADLINE_MS);
    return reply.kind === 'ok' ? { kind: 'done' } : { kind: 'failed', code: 'PGB-1321', why: reply.why };
  } catch (error) {
    return { kind: 'failed', code: 'PGB-1320', why: messageOf(error) };
  }
}
