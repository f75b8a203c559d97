import { describe, expect, it } from 'vitest';
import { renderPassfile } from '../../../../agent/postgres/passfile.ts';

describe('a passfile', () => {
  it('binds the secret to one host and port, with colons and backslashes escaped', () => {
    expect(
      renderPassfile([{ host: 'fd00::1', port: 5432, database: 'replication', user: 'pgbaton_replication', password: 'a:b\\c' }]),
    ).toBe('fd00\\:\\:1:5432:replication:pgbaton_replication:a\\:b\\\\c\n');
  });
});
