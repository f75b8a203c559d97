/** The move of one session, where the servers do what servers should not. */
import { afterEach, describe, expect, it } from 'vitest';
import type { AgentClient } from '../../../../proxy/agent-client.ts';
import type { MoveOrder } from '../../../../proxy/core/landing.ts';
import { SessionMove } from '../../../../proxy/move/session-move.ts';
import { VerifierLooks } from '../../../../proxy/move/verifier-looks.ts';
import type { Router } from '../../../../proxy/router.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { createLogger } from '../../../../shared/logging/logger.ts';
import { N1, N2 } from '../../../unit/proxy/core/fixture.ts';
import { until } from '../../../support/until.ts';
import { message } from '../raw-client.ts';
import { AUTH_OK, READY } from '../scripted-server.ts';
import { ride, type Ride } from './ride.ts';

const ORDER: MoveOrder = { operation: 'move-1', from: N1, to: N2, epoch: epoch(1n) };

const cleanups: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** Neither is asked anything on the way of a session that logged in without a password. */
function moveOf({ movable }: Ride): SessionMove {
  const deps = {
    router: {} as Router,
    agents: {} as AgentClient,
    tls: 'off',
    log: createLogger({ level: 'silent', name: 'proxy' }),
  } as const;
  const move = new SessionMove(deps, movable, { order: ORDER, verifiers: new VerifierLooks(deps, ORDER) });
  cleanups.push(() => move.forget());
  return move;
}

const NEVER = new AbortController().signal;

describe('a server that does not answer the audit', () => {
  it('is never given back: what it says late would reach the client', async () => {
    const made = await ride(cleanups);
    made.next.onFirst = (socket) => socket.write(Buffer.concat([AUTH_OK, READY]));
    const move = moveOf(made);
    await move.prepare({ host: '127.0.0.1', port: made.next.port }, NEVER);
    expect(made.first.heard[0]?.includes('pgbaton: what does this session consist of')).toBe(true);
    expect(made.deposed).toEqual(['its server did not answer the audit']);
    made.first.sockets[0]?.write(Buffer.concat([message('C', 'SHOW\0'), READY]));
    await made.client.untilEnd();
    expect(made.client.errorCode).toBe('57P01');
    expect(made.client.messages.filter(({ type }) => type === 'C')).toEqual([]);
  });

  it('makes the parking wait for the look ahead, up to the time that it has', async () => {
    const made = await ride(cleanups);
    made.next.onFirst = (socket) => socket.write(Buffer.concat([AUTH_OK, READY]));
    const move = moveOf(made);
    const preparing = move.prepare({ host: '127.0.0.1', port: made.next.port }, NEVER);
    await until('the audit is asked', 5_000, () => made.first.heard[0]?.includes('pgbaton') === true);
    const deadline = AbortSignal.timeout(100);
    await move.leave(deadline);
    expect(deadline.aborted).toBe(true);
    expect([move.isParked, made.deposed.length]).toEqual([false, 0]);
    await preparing;
  });
});

it('a stream of WAL is given no place elsewhere, is not waited for, and goes on', async () => {
  const made = await ride(cleanups);
  made.client.send(message('Q', 'START_REPLICATION 0/0\0'));
  await until('the server is asked', 5_000, () => made.first.heard[0]?.includes('START') === true);
  made.first.sockets[0]?.write(message('W', Buffer.from([0, 0, 0])));
  await made.client.untilMessage('W');
  const move = moveOf(made);
  await move.prepare({ host: '127.0.0.1', port: made.next.port }, NEVER);
  const deadline = AbortSignal.timeout(60_000);
  await move.leave(deadline);
  expect([deadline.aborted, move.isParked, made.next.sockets.length, made.deposed.length]).toEqual([false, false, 0, 0]);
  made.first.sockets[0]?.write(message('d', 'some WAL'));
  await made.client.untilMessage('d');
});
