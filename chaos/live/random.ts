/**
 * The random mode: one or two blows drawn from the seed, then a healed final phase in which nobody helps. Drawing is pure: the same seed strikes
 * the same roles with the same weapons at the same moments.
 */
import { messageOf } from '../../shared/errors.ts';
import type { Random } from '../../shared/runtime/random.ts';
import { Interrupted, NotReached } from '../cluster/interrupted.ts';
import { etcdLeader } from '../faults/etcd.ts';
import { processesOfNode } from '../faults/node-processes.ts';
import { between, pick } from './dice.ts';
import { AROUND_SECONDS, type Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';
import { mayFallTogether, type Role, type Weapon } from './weapons.ts';

export type Blow = { readonly weapon: Weapon; readonly afterMs: number; readonly holdMs: number };

/** The second one falls while the first is in force, or while the cluster still suffers from it. */
const SECOND_WITHIN_MS = 3_000;
const TARGET_WITHIN_MS = 10_000;

export function drawBlows(random: Random, weapons: readonly Weapon[], double: boolean): readonly Blow[] {
  const first = pick(random, weapons);
  const partners = weapons.filter((weapon) => mayFallTogether(first, weapon));
  const isPair = (double || random() < 0.5) && partners.length > 0;
  const chosen = isPair ? [first, pick(random, partners)] : [first];
  return chosen.map((weapon, at) => ({
    weapon,
    afterMs: at === 0 ? 0 : between(random, 0, SECOND_WITHIN_MS),
    holdMs: between(random, ...weapon.holdMs),
  }));
}

function describeBlows(blows: readonly Blow[]): string {
  return blows.map(({ weapon, afterMs, holdMs }) => `${weapon.name} (at ${String(afterMs)} ms for ${String(holdMs)} ms)`).join(' + ');
}

/** A scenario like any other, so that it is measured and judged like any other. */
export function scenarioOf(blows: readonly Blow[]): Scenario {
  const justified = blows.reduce((sum, { weapon }) => sum + weapon.justifies, 0);
  const lastsMs = Math.max(...blows.map(({ afterMs, holdMs }) => afterMs + holdMs));
  return {
    name: 'random',
    faults: ['F23'],
    does: describeBlows(blows),
    holds: 'nothing is lost, nothing splits, and the cluster becomes whole unaided',
    clientsSee: 'whatever its blows make legitimate',
    heals: 'everything is healed before the final phase',
    needs: [...new Set(blows.flatMap(({ weapon }) => weapon.needs))],
    onContainers: null,
    etcdMembersLeast: 3,
    mode: 'quorum',
    demand: { outage: null, freshOutage: null, clientErrorsMax: null, failovers: { least: 0, most: justified } },
    secondsExpected: () => AROUND_SECONDS + lastsMs / 1_000 + 3,
    prepare: null,
    play: async (stage) => {
      const struck = await Promise.all(blows.map(async (blow) => deal(stage, blow)));
      if (!struck.includes(true)) throw new NotReached('no blow found its target');
    },
  };
}

/** False when there was nothing to strike at: the other blow had been there before. */
async function deal(stage: Stage, { weapon, afterMs, holdMs }: Blow): Promise<boolean> {
  await stage.pause(afterMs);
  try {
    const fault = weapon.make(stage.ground, await targetOf(stage, weapon.role), stage.signal);
    await stage.strike(fault);
    await stage.pause(holdMs);
    await stage.heal(fault);
    return true;
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    stage.say(`${weapon.name} missed: ${messageOf(error)}`);
    return false;
  }
}

async function targetOf(stage: Stage, role: Role): Promise<string> {
  switch (role) {
    case 'nobody':
      return '';
    case 'leader':
      return leaderNow(stage);
    case 'standby':
      return standbyNow(stage, await leaderNow(stage));
    case 'etcd-leader':
      return stage.until('etcd has a leader', TARGET_WITHIN_MS, async () => etcdLeader(stage.field));
    case 'etcd-follower': {
      const leader = await stage.until('etcd has a leader', TARGET_WITHIN_MS, async () => etcdLeader(stage.field));
      return pick(
        stage.random,
        stage.ground.plan.etcd.map(({ name }) => name).filter((name) => name !== leader),
      );
    }
  }
}

/** One that has not been killed already. */
function standbyNow({ ground, random }: Stage, leader: string): string {
  const living = ground.plan.nodes
    .map(({ name }) => name)
    .filter((name) => name !== leader && processesOfNode(ground.layout, name).agent !== null);
  if (living.length === 0) throw new NotReached('a standby to strike at');
  return pick(random, living);
}

async function leaderNow(stage: Stage): Promise<string> {
  const leader = await stage.until('a serving leader to strike at', TARGET_WITHIN_MS, async () => stage.sight.servingLeader());
  return leader.name;
}
