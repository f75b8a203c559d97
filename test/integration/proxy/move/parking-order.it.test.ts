/** Who leaves the old leader first: sessions at rest, while the others still work. */
import { afterEach, expect, it } from 'vitest';
import type { AgentClient } from '../../../../proxy/agent-client.ts';
import type { MoveOrder } from '../../../../proxy/core/landing.ts';
import { Mover } from '../../../../proxy/move/mover.ts';
import type { Router } from '../../../../proxy/router.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { createLogger } from '../../../../shared/logging/logger.ts';
import { N1, N2, threeNodes } from '../../../unit/proxy/core/fixture.ts';
import { until } from '../../../support/until.ts';
import { message } from '../raw-client.ts';
import { READY } from '../scripted-server.ts';
import { ride, type Ride } from './ride.ts';

const ORDER: MoveOrder = { operation: 'move-1', from: N1, to: N2, epoch: epoch(1n) };
const AUDIT = 'pgbaton: what does this session consist of';

const cleanups: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const heard = ({ first }: Ride, words: string): boolean => first.heard[0]?.includes(words) === true;

it('nobody who works is parked, and nobody new is held, before those at rest have left their server', async () => {
  const resting = await ride(cleanups);
  const busy = await ride(cleanups);
  let isMoving = false;
  const router = {
    view: threeNodes(),
    movableOn: () => [busy.movable, resting.movable],
    setMoving: (moving: boolean) => (isMoving = moving),
    turnBack: () => undefined,
    waitForNews: () => new Promise(() => undefined),
  } as unknown as Router;
  const log = createLogger({ level: 'silent', name: 'proxy' });
  const mover = new Mover({ router, holdMs: 30_000, deps: { router, agents: {} as AgentClient, log, tls: 'off' }, log });
  cleanups.push(() => mover.close());
  busy.client.send(message('Q', 'select work()\0'));
  await until('the statement runs', 5_000, () => heard(busy, 'select work()'));

  const parking = mover.park(ORDER, 5_000);
  await until('the one at rest is asked what it holds', 5_000, () => heard(resting, AUDIT));
  expect(isMoving).toBe(false);
  // Not what an audit looks like: the session is cut, and its server is left all the same.
  resting.first.sockets[0]?.write(READY);
  await until('it says goodbye', 5_000, () => resting.first.heard[0]?.at(-5) === 'X'.charCodeAt(0));
  await until('newcomers are held', 5_000, () => isMoving);
  expect(heard(busy, AUDIT)).toBe(false);
  busy.first.sockets[0]?.write(Buffer.concat([message('C', 'SELECT 1\0'), READY]));
  await until('the other is asked behind its statement', 5_000, () => heard(busy, AUDIT));
  busy.first.sockets[0]?.write(READY);
  expect(await parking).toBe(0);
});
