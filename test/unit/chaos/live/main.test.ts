import { describe, expect, it } from 'vitest';
import { SABOTAGE, SCENARIOS } from '../../../../chaos/live/catalogue.ts';
import { listScenarios } from '../../../../chaos/live/main.ts';
import { isSame, type Shape } from '../../../../chaos/live/bench.ts';

function listed(json: boolean): string {
  let text = '';
  const out = (more: string): void => {
    text += more;
  };
  listScenarios({ json }, { out, err: out, canAsk: false, outIsTerminal: false, env: {}, paint: (_, plain) => plain });
  return text;
}

describe('the list of scenarios', () => {
  it('has every one of them, and says which test the judge', () => {
    const [proving = '', testing = ''] = listed(false).split('Tests of the judge');
    for (const { name } of SCENARIOS) expect(proving).toContain(`${name} (`);
    for (const { name } of SABOTAGE) expect([proving.includes(`${name} (`), testing.includes(`${name} (`)]).toEqual([false, true]);
  });

  it('says of each where it is played, and what the engine does to a container', () => {
    const paragraph = listed(false)
      .split(/^(?=\S)/m)
      .find((text) => text.startsWith('partition-primary ('));
    expect(paragraph).toContain('backends: namespaces, containers');
    expect(paragraph).toContain('on containers: docker network disconnect');
  });

  it('says the same as JSON', () => {
    const scenarios = JSON.parse(listed(true)) as readonly { readonly name: string; readonly isPartOfAll: boolean }[];
    expect(scenarios.filter(({ isPartOfAll }) => isPartOfAll).map(({ name }) => name)).toEqual(SCENARIOS.map(({ name }) => name));
    expect(scenarios.filter(({ isPartOfAll }) => !isPartOfAll).map(({ name }) => name)).toEqual(SABOTAGE.map(({ name }) => name));
  });
});

describe('a cluster', () => {
  const shape: Shape = { backend: 'processes', etcdMembers: 3, mode: 'quorum', disk: 'none' };
  it('is not shared by scenarios that need another shape', () => {
    const others: readonly Partial<Shape>[] = [{ backend: 'namespaces' }, { etcdMembers: 1 }, { mode: 'async' }, { disk: 'disk-full' }];
    expect(isSame(shape, { ...shape })).toBe(true);
    for (const other of others) expect(isSame(shape, { ...shape, ...other })).toBe(false);
  });
});
