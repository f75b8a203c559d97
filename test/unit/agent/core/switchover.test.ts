// The holder while its own planned move is under way.
import { expect, test } from 'vitest';
import { decide } from '../../../../agent/core/decide.ts';
import { EMPTY_MEMORY } from '../../../../agent/core/memory.ts';
import { factsOf, N1, NOW_MS, operationOf } from '../../../support/facts-builder.ts';

const OPERATION = operationOf({ stage: 'stopping' });

test('a server that answers nobody while it is stopped for a move is no silent server: the move goes on, and the record is renewed', () => {
  const facts = factsOf(
    {
      server: { state: { kind: 'silent', why: 'the database system is shutting down' }, seenAtMs: NOW_MS - 5 },
      following: null,
      resting: null,
      job: { kind: 'stop-for-switchover', sinceMs: NOW_MS - 50 },
    },
    { operation: OPERATION, renewedAtMs: NOW_MS - 60_000 },
    N1,
  );
  const made = decide(facts, EMPTY_MEMORY);
  expect(made.state).toBe('handing-over');
  expect(made.memory.silentSinceMs).toBeNull();
  expect(made.actions.map(({ kind }) => kind)).toEqual(['renew']);
  // The same silence without a move is one.
  const alone = decide({ ...facts, job: null }, EMPTY_MEMORY);
  expect(alone.state).not.toBe('handing-over');
  expect(alone.memory.silentSinceMs).toBe(NOW_MS);
});
