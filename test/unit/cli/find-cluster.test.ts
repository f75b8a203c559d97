import { describe, expect, it } from 'vitest';
import { findCluster } from '../../../cli/find-cluster.ts';
import { UsageError } from '../../../cli/usage-error.ts';

describe('finding the cluster', () => {
  it('takes the agents named on the command line, and the token from the environment', () => {
    const where = findCluster({ agent: ['http://a:8008/', 'http://b:8008'] }, { PGBATON_SECRET_PEER_TOKEN: 't0ken' });
    expect(where.agentUrls).toEqual(['http://a:8008', 'http://b:8008']);
    expect(where.token()).toBe('t0ken');
  });

  it('needs no token until somebody asks for it', () => {
    const where = findCluster({ agent: ['http://a:8008'] }, {});
    expect(() => where.token()).toThrow(UsageError);
  });

  it('refuses two answers to the question where the cluster is', () => {
    expect(() => findCluster({ agent: ['http://a:8008'], dir: '/tmp/x' }, {})).toThrow('exclude each other');
  });

  it('refuses an address that is no URL', () => {
    expect(() => findCluster({ agent: ['a:8008'] }, {})).toThrow('not a URL');
  });

  it('says that there is no local cluster in a directory that has none', () => {
    expect(() => findCluster({ dir: '/nonexistent/pgbaton' }, {})).toThrow(expect.objectContaining({ code: 'PGB-1501' }) as Error);
  });
});
