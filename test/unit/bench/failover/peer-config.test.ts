import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { clampedByPatroni, haproxyConfig, patroniYaml, PEER_SETTINGS, SERVER_PARAMETERS } from '../../../../bench/failover/peer-config.ts';

describe('the timings of the peer', () => {
  it('are taken by Patroni as they are', () => {
    for (const timings of Object.values(PEER_SETTINGS)) expect(clampedByPatroni(timings)).toEqual([]);
  });

  it('are its own defaults, and the lowest values that it takes', () => {
    expect(PEER_SETTINGS.default).toEqual({ ttlS: 30, loopWaitS: 10, retryTimeoutS: 10 });
    const { fast } = PEER_SETTINGS;
    for (const key of ['ttlS', 'loopWaitS', 'retryTimeoutS'] as const)
      expect(clampedByPatroni({ ...fast, [key]: fast[key] - 1 })).toHaveLength(1);
  });

  it('obey its rule about the ttl', () => {
    expect(clampedByPatroni({ ttlS: 30, loopWaitS: 10, retryTimeoutS: 11 })).toEqual(['loop_wait + 2 × retry_timeout above ttl']);
    expect(() => patroniYaml({ timings: { ttlS: 5, loopWaitS: 1, retryTimeoutS: 3 }, isSynchronous: true, password: 'p' })).toThrow();
  });
});

describe('what is written for the peer', () => {
  it('is a configuration with these timings, quorum commits or none, and the parameters of pgbaton’s own server', () => {
    const written = (isSynchronous: boolean): unknown => parse(patroniYaml({ timings: PEER_SETTINGS.fast, isSynchronous, password: 'p' }));
    expect(written(true)).toMatchObject({
      bootstrap: {
        dcs: { ttl: 20, loop_wait: 1, retry_timeout: 3, synchronous_mode: 'quorum', postgresql: { parameters: SERVER_PARAMETERS } },
      },
      postgresql: { authentication: { superuser: { password: 'p' } } },
    });
    expect(written(false)).toMatchObject({ bootstrap: { dcs: { synchronous_mode: false } } });
  });

  it('has HAProxy check each node at least once a second and cut the sessions of one that is no primary', () => {
    const text = haproxyConfig('*:5432', [
      { name: 'n1', host: '10.1.2.21', port: 5432, checkPort: 8008 },
      { name: 'n2', host: '10.1.2.22', port: 5433, checkPort: 8009 },
    ]);
    expect(text).toContain('bind *:5432');
    expect(text).toContain('server n1 10.1.2.21:5432 check port 8008');
    expect(text).toContain('server n2 10.1.2.22:5433 check port 8009');
    expect(text).toMatch(/option httpchk GET \/primary/);
    expect(text).toMatch(/inter 1s fastinter 250ms downinter 250ms .*on-marked-down shutdown-sessions/);
  });
});
