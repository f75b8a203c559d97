// How moves begin and end, and who is held meanwhile; what happens to a single session is tested where it happens.
import { expect, test } from 'vitest';
import { Mover } from '../../../../proxy/move/mover.ts';
import type { MoveOrder } from '../../../../proxy/core/landing.ts';
import type { View } from '../../../../proxy/core/view.ts';
import type { Router } from '../../../../proxy/router.ts';
import { Wakeups } from '../../../../proxy/wakeups.ts';
import type { MoveDeps } from '../../../../proxy/move/session-move.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { createLogger } from '../../../../shared/logging/logger.ts';
import { leader, N1, N2, threeNodes } from '../core/fixture.ts';

const HOLD_MS = 30_000;
const log = createLogger({ level: 'silent', name: 'proxy' });

/** A router without sessions: what it shows, and whether it holds newcomers. */
class Desk {
  readonly #wakeups = new Wakeups();
  view: View = threeNodes();
  isMoving = false;

  show(change: Partial<View>): void {
    this.view = { ...this.view, ...change };
    this.#wakeups.wakeAll();
  }

  readonly router = {
    ...{
      addressOf: () => ({ host: '127.0.0.1', port: 1, agentUrl: 'http://127.0.0.1:1' }),
      movableOn: () => [],
      turnBack: () => undefined,
    },
    waitForNews: (forMs: number, signal: AbortSignal) => this.#wakeups.wait(forMs, signal),
    setMoving: (isMoving: boolean) => {
      this.isMoving = isMoving;
    },
  } as unknown as Router;

  constructor() {
    Object.defineProperty(this.router, 'view', { get: () => this.view });
  }
}

function moverOf(desk: Desk): Mover {
  return new Mover({ router: desk.router, holdMs: HOLD_MS, deps: {} as MoveDeps, log });
}

function order(operation: string, at = 5): MoveOrder {
  return { operation, from: N1, to: N2, epoch: epoch(BigInt(at)) };
}

/** Whoever was woken has done what he does. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test('newcomers are held from the parking on, until the new leader serves', async () => {
  const desk = new Desk();
  const mover = moverOf(desk);
  await mover.announce(order('one'), 100);
  expect(desk.isMoving).toBe(false);
  await mover.park(order('one'), 100);
  expect(desk.isMoving).toBe(true);
  desk.show({ leader: leader(N2, 6, { kind: 'promoting' }) });
  await settled();
  expect(desk.isMoving).toBe(true);
  desk.show({ leader: leader(N2, 6) });
  await settled();
  expect(desk.isMoving).toBe(false);
});

test('a move that is announced while another one lands, and called off, leaves nobody held', async () => {
  const desk = new Desk();
  const mover = moverOf(desk);
  await mover.park(order('one'), 100);
  await mover.announce(order('two', 6), 100);
  desk.show({ leader: leader(N2, 6) });
  await settled();
  expect(desk.isMoving).toBe(false);
  desk.show({ operation: { id: 'two', stage: 'aborted' } });
  await settled();
  expect(desk.isMoving).toBe(false);
});

test('newcomers are held as long as any move has parked', async () => {
  const desk = new Desk();
  const mover = moverOf(desk);
  await mover.park(order('one'), 100);
  await mover.park(order('two', 6), 100);
  desk.show({ leader: leader(N2, 6) });
  await settled();
  expect(desk.isMoving).toBe(true);
  desk.show({ leader: leader(N1, 7) });
  await settled();
  expect(desk.isMoving).toBe(false);
});

test('nobody is held by a mover that is closed', async () => {
  const desk = new Desk();
  const mover = moverOf(desk);
  await mover.park(order('one'), 100);
  mover.close();
  await settled();
  expect(desk.isMoving).toBe(false);
});
