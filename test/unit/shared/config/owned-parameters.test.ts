import { expect, it } from 'vitest';
import { OWNED_PARAMETERS, parameterFault } from '../../../../shared/config/owned-parameters.ts';

it('refuses every owned setting, however it is written', () => {
  expect(OWNED_PARAMETERS.length).toBeGreaterThan(30);
  for (const name of OWNED_PARAMETERS) expect(parameterFault(name.toUpperCase(), 'x')).toContain('belongs to pgbaton');
});

it.each([
  ['max_wal_senders', '9', 'at least 10'],
  ['max_wal_senders', 'many', 'at least 10'],
  ['wal_level', 'minimal', 'one of replica, logical'],
  ['work_mem', "1MB'\nfsync = off", 'one line'],
  ['bad name', 'x', 'not a PostgreSQL setting'],
  ['x = 1\ninclude', 'x', 'not a PostgreSQL setting'],
])('refuses %s = %j', (name, value, why) => {
  expect(parameterFault(name, value)).toContain(why);
});

it.each([
  ['max_wal_senders', '20'],
  ['wal_level', 'logical'],
  ['shared_buffers', '1GB'],
  ['constructor', 'x'],
  ['auto_explain.log_min_duration', '1s'],
])('lets %s = %s pass', (name, value) => {
  expect(parameterFault(name, value)).toBeNull();
});
