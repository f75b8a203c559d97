import { describe, expect, it } from 'vitest';
import { SABOTAGE, SCENARIOS, scenarioNamed } from '../../../../chaos/live/catalogue.ts';
import { backendsOf, BACKENDS, playedOn, type Scenario } from '../../../../chaos/live/scenario.ts';

function named(name: string): Scenario {
  const scenario = scenarioNamed(name);
  if (scenario === null) throw new Error(`there is no scenario ${name}`);
  return scenario;
}

describe('where a scenario is played', () => {
  it.each([
    ['node-kill', ['processes', 'namespaces', 'containers']],
    ['partition-primary', ['namespaces', 'containers']],
    ['pause-container', ['containers']],
    ['node-freeze', ['processes', 'namespaces']],
    ['partition-primary-deaf', ['namespaces']],
  ])('%s: %j', (name, backends) => {
    expect(backendsOf(named(name))).toEqual(backends);
  });

  it('is somewhere, for each of them', () => {
    for (const scenario of [...SCENARIOS, ...SABOTAGE]) expect(backendsOf(scenario).length, scenario.name).toBeGreaterThan(0);
  });

  it('changes neither a scenario of local clusters nor, on containers, what must hold besides the pause', () => {
    for (const scenario of SCENARIOS) {
      for (const backend of BACKENDS.filter((one) => one !== 'containers')) expect(playedOn(backend, scenario)).toBe(scenario);
      const there = playedOn('containers', scenario);
      expect(there.demand.failovers).toEqual(scenario.demand.failovers);
      expect(there.demand.clientErrorsMax).toBe(scenario.demand.clientErrorsMax);
    }
  });

  it('has on containers a bound of its own for a lost node, marked as one, and says what the engine does', () => {
    const { demand, does } = playedOn('containers', named('node-kill'));
    expect(demand.outage).toEqual({ medianMs: 1_600, maxMs: 2_500, origin: 'own' });
    expect(does).toMatch(/^docker kill/);
    expect(playedOn('containers', named('standby-kill')).demand).toEqual(named('standby-kill').demand);
  });
});
