import { describe, expect, it } from 'vitest';
import { renderHba } from '../../../../agent/postgres/hba.ts';

const client = 'host all all 10.0.0.0/8 scram-sha-256';

function rules(open: boolean, givesWal = true): readonly string[] {
  return renderHba({ open, givesWal }, [client])
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

  it.each([true, false])('gives nobody WAL who would stream through a standby that follows somebody itself (open: %s)', (open) => {
    const isReplication = (line: string): boolean => line.startsWith('host replication ');
    expect(rules(open, true).filter(isReplication)).toHaveLength(2);
    expect(rules(open, false)).toEqual(rules(open, true).filter((line) => !isReplication(line)));
    // Whatever the operator's lines say.
    const last = rules(open, false).findIndex((line) => line.startsWith('host all,replication ') && line.endsWith(' all reject'));
    expect(rules(open, false).indexOf(client)).not.toBe(0);
    expect(last).toBeGreaterThan(0);
    if (open) expect(last).toBeLessThan(rules(open, false).indexOf(client));
  });
});
