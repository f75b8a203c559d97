/**
 * What follows when a cluster has been healed: it becomes whole by itself, in bounded time; then, in some seeds, one more thing happens to it in calm, and it has
 * to become whole again. Nothing in here judges safety.
 */
import { quorumFor } from '../../shared/domain/member-set.ts';
import type { Cluster } from './cluster.ts';
import type { SimOptions } from './options.ts';
import { Violation } from './world.ts';

/** A cluster that is healed has this long to become whole. */
const WHOLE_WITHIN_MS = 60_000;
/** A planned move among nodes that are all well: one stage of it at most goes wrong. */
const MOVED_WITHIN_MS = 12_000;
/** Whole for this long, with writes acknowledged all the time. */
const STEADY_MS = 1_000;
const CHECK_MS = 50;
/** An operator notices by then that the one copy everybody waits for is gone. */
const OPERATOR_AFTER_MS = 8_000;
/** Long enough for the disks that lag to be some writes behind, too short for anybody to be removed. */
const TAIL_MS = 400;
const TAIL_FLUSH_MS = 60;

export type Finale = 'none' | 'move' | 'last-stand';

/** Throws a Violation when the cluster does not become whole. */
export function recover(cluster: Cluster): void {
  becomeWhole(cluster, WHOLE_WITHIN_MS);
  if (cluster.options.finale === 'move') moveOnce(cluster);
  else if (cluster.options.finale === 'last-stand') loseTwo(cluster);
  const { leader } = cluster;
  if (leader !== null) cluster.judge.checkFinal(leader);
}

/** Whoever leads then finds followers that can attach at once: no slot is missing where nobody has followed yet (R38). */
function moveOnce(cluster: Cluster): void {
  const others = cluster.nodes.filter((node) => node !== cluster.leader);
  cluster.operator.requestSwitchover(cluster.world.random('finale').pick(others));
  cluster.world.run(cluster.world.nowMs + CHECK_MS);
  becomeWhole(cluster, MOVED_WITHIN_MS);
}

/**
 * The leader is lost for good, and the best of its members with it, between its promise and its claim. What only these two had was never acknowledged;
 * whoever waits for it waits for ever (H11).
 */
function loseTwo(cluster: Cluster): void {
  const { leader, world } = cluster;
  if (leader === null) return;
  const others = cluster.nodes.filter((node) => node !== leader);
  const best = world.random('finale').pick(others);
  const slow = others.filter((node) => node !== best);
  const { flushMs } = best.weather;
  for (const { weather } of slow) weather.flushMs = TAIL_FLUSH_MS;
  world.run(world.nowMs + TAIL_MS);
  if (cluster.leader !== leader) return;
  cluster.powerOff(leader);
  best.failpoint.arm('change-record/T1', { kind: 'machine-dies', when: 'before' });
  world.run(world.nowMs + TAIL_MS);
  for (const { weather } of slow) weather.flushMs = flushMs;
  becomeWhole(cluster, WHOLE_WITHIN_MS);
}

/** With the leader and one member gone, a read quorum of its members is left. */
export function canLoseTwo({ nodes, policy }: Pick<SimOptions, 'nodes' | 'policy'>): boolean {
  const members = nodes - 1;
  return policy.mode === 'quorum' && members >= 2 && quorumFor(members, policy.k) >= 2 && !(policy.strict && members === 2);
}

function becomeWhole(cluster: Cluster, withinMs: number): void {
  const { world } = cluster;
  const sinceMs = world.nowMs;
  let wholeSinceMs: number | null = null;
  let why: string | null = 'nothing was seen';
  while (wholeSinceMs === null || world.nowMs - wholeSinceMs < STEADY_MS) {
    world.run(world.nowMs + CHECK_MS);
    cluster.operator.repairStore();
    if (world.nowMs - sinceMs > OPERATOR_AFTER_MS) cluster.operator.replaceLostLeader();
    why = whyNotWhole(cluster);
    if (why === null) wholeSinceMs ??= world.nowMs;
    else wholeSinceMs = null;
    if (world.nowMs - sinceMs > withinMs)
      throw new Violation('progress', `${String(withinMs / 1000)} s after everything was healed: ${why ?? 'not steady'}`);
  }
}

/** Null: one serving leader whose writes return, everybody else that is there streams from it and stands in its set. */
function whyNotWhole(cluster: Cluster): string | null {
  const { record } = cluster.store;
  const { leader } = cluster;
  if (record === null || leader === null) return 'there is no leader record';
  if (record.state.kind !== 'serving') return `the record of ${record.holder} is ${record.state.kind}`;
  const { life } = leader;
  if (life === null || life.role !== 'primary') return `${leader.name} holds the record, its PostgreSQL is ${life?.role ?? 'down'}`;
  if (!leader.rendered.open) return `${leader.name} lets nobody in`;
  if (cluster.world.nowMs - cluster.tally.lastAcknowledgedAtMs > 500) return 'no write has been acknowledged lately';
  const others = cluster.nodes.filter((node) => node !== leader && node.isPowered);
  const away = others.find((node) => life.senders.every(({ member }) => member !== node.directory?.marker));
  if (away !== undefined) return `${away.name} does not stream from ${leader.name}`;
  if (record.mode === 'quorum' && record.set.members.length !== others.length)
    return `the set has ${String(record.set.members.length)} of ${String(others.length)} members`;
  return null;
}
