/**
 * The `policy:` section: the same numbers as shared/domain/policy.ts, each optional. Broken relations are refused at the line of the first
 * key that takes part, with the arithmetic; nothing is rounded, clamped or repaired.
 */
import { z } from 'zod';
import { brokenRelations, DEFAULT_POLICY } from '../domain/policy.ts';
import type { Policy } from '../domain/policy.ts';
import type { ConfigFault } from './config-fault.ts';
import { isRecord } from './plain-value.ts';

function duration(key: keyof Policy, text: string): z.ZodDefault<z.ZodNumber> {
  const value = DEFAULT_POLICY[key];
  return z
    .number()
    .int()
    .min(1)
    .max(3_600_000)
    .default(typeof value === 'number' ? value : 1)
    .describe(`${text} Milliseconds.`);
}

const policyShape = {
  mode: z
    .enum(['quorum', 'async'])
    .default(DEFAULT_POLICY.mode)
    .describe(
      'quorum: a commit waits for k standbys, nothing acknowledged is lost. async: commits do not wait, a failover may lose up to maxLagBytes.',
    ),
  k: z
    .number()
    .int()
    .min(1)
    .max(20)
    .optional()
    .describe('Acknowledgements of standbys that a commit waits for in quorum mode. Not set: half of the members, rounded up.'),
  strict: z
    .boolean()
    .default(DEFAULT_POLICY.strict)
    .describe('true: with no standby left, commits wait. false: after degradeAfterMs the leader goes on alone.'),
  ttlMs: duration('ttlMs', 'How long a leadership is valid after the last renewal was sent.'),
  renewMs: duration('renewMs', 'Pause between two renewals.'),
  marginMs: duration('marginMs', 'What the leader subtracts from ttlMs when it counts its own right.'),
  heartbeatMs: duration('heartbeatMs', 'Pause between two signs of life from the leader to its standbys.'),
  suspectMs: duration('suspectMs', 'Silence after which a standby suspects the leader.'),
  readFreshMs: duration('readFreshMs', 'Age up to which an answer of etcd counts as the present.'),
  promiseAttemptMs: duration('promiseAttemptMs', 'How long one request for a promise may take.'),
  promiseByMs: duration('promiseByMs', 'How long a round of promises may take.'),
  etcdCallMs: duration('etcdCallMs', 'How long one call of etcd may take.'),
  removeAfterMs: duration('removeAfterMs', 'How long a standby may be away before it leaves the durability set.'),
  degradeAfterMs: duration(
    'degradeAfterMs',
    'How long the leader waits before it goes on without any standby (only when strict is false).',
  ),
  promoteByMs: duration('promoteByMs', 'How long a promotion may go without progress.'),
  stageByMs: duration('stageByMs', 'How long one stage of a switchover may take before it is aborted.'),
  parkMs: duration('parkMs', 'How long a switchover waits for open transactions, while all other clients wait, before it breaks them off.'),
  stallMs: duration('stallMs', 'How long a PostgreSQL may commit nothing, or answer no new session, before it counts as dead.'),
  minLeadMs: duration('minLeadMs', 'How long a leader leads at least, where one was replaced for slowness lately, before it may be too.'),
  killMs: duration('killMs', 'Time the guard needs to kill every process of PostgreSQL and see it dead.'),
  maxLagBytes: z
    .number()
    .int()
    .min(0)
    .default(DEFAULT_POLICY.maxLagBytes)
    .describe('async mode: how far a candidate may be behind the last recorded position. Bytes.'),
  clockDrift: z
    .number()
    .min(0)
    .max(0.2)
    .default(DEFAULT_POLICY.clockDrift)
    .describe('async mode: how far two clocks may run apart, as a fraction (0.01 = 1 %).'),
} satisfies Record<keyof Policy, z.ZodType>;

export const policySchema = z.strictObject(policyShape).prefault({});

export function toPolicy(parsed: z.output<typeof policySchema>): Policy {
  return { ...parsed, k: parsed.k ?? null };
}

/** Relations are checked on what is readable even when other keys are faulty, so that one start shows every fault. */
export function policyFaults(rawPolicy: unknown): readonly ConfigFault[] {
  const raw = rawPolicy === undefined ? {} : rawPolicy;
  if (!isRecord(raw)) return [];
  const unreadable = new Set<string>();
  const given: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(policyShape)) {
    const parsed = schema.safeParse(raw[key]);
    if (parsed.success) given[key] = parsed.data;
    else unreadable.add(key);
  }
  const policy: Policy = { ...DEFAULT_POLICY, ...given, k: null };
  return brokenRelations(policy)
    .filter(({ fields }) => !fields.some((field) => unreadable.has(field)))
    .map(({ fields, claim, arithmetic }) => {
      const first = fields.find((field) => raw[field] !== undefined);
      const values = fields.map((field) => `${field} = ${String(policy[field])}`).join(', ');
      return {
        kind: 'relation',
        path: first === undefined ? ['policy'] : ['policy', first],
        at: 'key',
        message: `${claim}\n    ${values}: ${arithmetic}`,
        suggestion: null,
      };
    });
}
