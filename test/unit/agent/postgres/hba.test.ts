import { describe, expect, it } from 'vitest';
import { renderHba } from '../../../../agent/postgres/hba.ts';

const client = 'host all all 10.0.0.0/8 scram-sha-256';

function rules(open: boolean): readonly string[] {
  return renderHba(open, [client])
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
}

describe('pg_hba.conf', () => {
  it('lets in only the control roles while closed', () => {
    expect(rules(false).every((line) => line.includes('pgbaton_'))).toBe(true);
    expect(rules(true).slice(0, rules(false).length)).toEqual(rules(false));
    expect(rules(true)).toContain(client);
  });

  it('settles the control roles before any line of the operator', () => {
    const rejects = rules(true).findIndex((line) => line.endsWith(' reject'));
    expect(rejects).toBeGreaterThan(0);
    expect(rejects).toBeLessThan(rules(true).indexOf(client));
  });

  it('asks everybody for a password', () => {
    expect(rules(true).every((line) => /(scram-sha-256|reject)$/.test(line))).toBe(true);
  });
});
