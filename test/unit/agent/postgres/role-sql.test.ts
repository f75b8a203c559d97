import { describe, expect, it } from 'vitest';
import { checkpointSql, roleSql, verifierSql } from '../../../../agent/postgres/role-sql.ts';

const verifiers = { monitor: 'SCRAM-m', replication: 'SCRAM-r', rewind: 'SCRAM-w' };

describe('the SQL of the control roles', () => {
  it('is one statement to a line, as single-user mode reads it', () => {
    for (const version of [14, 15, 18])
      for (const line of roleSql(verifiers, version).trim().split('\n')) expect(line).toMatch(/^[A-Z].*;$/);
  });

  it('makes nobody a superuser', () => {
    expect(roleSql(verifiers, 15)).not.toMatch(/(?<!NO)SUPERUSER/);
  });

  it('lets one role ask for a verifier, one at a time and through a function that nobody else may call', () => {
    const sql = roleSql(verifiers, 15);
    expect(sql).toMatch(/REVOKE ALL ON FUNCTION public\.pgbaton_verifier\(text\) FROM PUBLIC/);
    expect(sql).not.toMatch(/GRANT[^;]* ON (TABLE )?(pg_catalog\.)?pg_authid/);
    expect(verifierSql()).toContain('pgbaton_verifier($1)');
  });

  it('lets roles checkpoint where there is a right for it, and by a function where there is none', () => {
    expect(checkpointSql(15)).toBe('CHECKPOINT');
    expect(roleSql(verifiers, 15)).toMatch(/GRANT pg_checkpoint/);
    expect(checkpointSql(14)).toMatch(/^SELECT /);
    expect(roleSql(verifiers, 14)).toMatch(/pgbaton_checkpoint\(\) RETURNS void .* SECURITY DEFINER/);
    expect(roleSql(verifiers, 14)).not.toMatch(/pg_checkpoint TO/);
  });
});
