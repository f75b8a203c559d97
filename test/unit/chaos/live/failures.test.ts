/** The committed table must be what the scenarios say. After a change of a scenario: `vitest run FILE -u` (in this order: `-u FILE` would run everything). */
import { expect, it } from 'vitest';
import { SABOTAGE, SCENARIOS } from '../../../../chaos/live/catalogue.ts';
import { failureReference } from '../../../../chaos/live/failures.ts';
import { WEAPONS } from '../../../../chaos/live/weapons.ts';

it('docs/FAILURES.md is the text that the scenarios generate', async () => {
  await expect(failureReference()).toMatchFileSnapshot('../../../../docs/FAILURES.md');
});

it('every scenario has a line of its own, and every weapon is named', () => {
  const rows = failureReference()
    .split('\n')
    .filter((line) => line.startsWith('| ') && line.includes('`'));
  expect(rows).toHaveLength(SCENARIOS.length);
  for (const [at, { name, does, clientsSee }] of SCENARIOS.entries())
    for (const text of [`\`${name}\``, does, clientsSee]) expect(rows[at]).toContain(text);
  for (const { name } of [...WEAPONS, ...SABOTAGE]) expect(failureReference()).toContain(`\`${name}\``);
});

it('who is promised no error is promised none, and a bound that is no stated goal is marked', () => {
  const lineOf = (name: string): string =>
    failureReference()
      .split('\n')
      .find((line) => line.includes(`\`${name}\``)) ?? '';
  expect(lineOf('switchover')).toContain('| 200 ms, 600 ms | no bound | none | 1 |');
  expect(lineOf('standby-kill')).toContain('| 1000 ms * | 1400 ms * | none | none |');
  expect(lineOf('backend-kill')).toContain('| possible | 0 to 1 |');
});
