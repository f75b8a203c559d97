/** A replay that finds nothing must have looked: a recording with one effect changed is told from the one that was made. */
import { describe, expect, it } from 'vitest';
import type { RecordedStep } from '../../../agent/loop/recording.ts';
import type { Event } from '../../../agent/machine/events.ts';
import { AgentMachine, type MachineStart } from '../../../agent/machine/machine.ts';
import { replay } from '../../../chaos/replay/replay.ts';
import { factsOf } from '../../support/facts-builder.ts';

const { self, file } = factsOf();
const start: MachineStart = { self, file, salt: 'salt', nowMs: 1_000 };
const EVENTS: readonly Event[] = [
  { kind: 'guard', status: null },
  { kind: 'woken' },
  { kind: 'asked-fresh', request: 1 },
  { kind: 'woken' },
];

function recorded(): RecordedStep[] {
  const machine = new AgentMachine(start);
  return EVENTS.map((event, at) => {
    const nowMs = 1_000 + 40 * at;
    return { event, nowMs, effects: machine.step(event, nowMs) };
  });
}

describe('a replay', () => {
  it('wants what was wanted', () => {
    const steps = recorded();
    expect(steps.flatMap(({ effects }) => effects).length).toBeGreaterThan(3);
    expect(replay({ start, steps })).toMatchObject({ kind: 'identical', events: EVENTS.length });
  });

  it('names the first step that differs', () => {
    const steps = recorded();
    const [first] = steps;
    if (first === undefined) throw new Error('nothing was recorded');
    const forged: RecordedStep[] = [{ ...first, effects: first.effects.slice(1) }, ...steps.slice(1)];
    expect(replay({ start, steps: forged })).toMatchObject({ kind: 'different', step: 0 });
  });

  it('differs when the file that the agent began with was another', () => {
    const other: MachineStart = { ...start, salt: 'pepper', self: { ...self, policy: { ...self.policy, heartbeatMs: 1 } } };
    expect(replay({ start: other, steps: recorded() })).toMatchObject({ kind: 'different' });
  });
});
