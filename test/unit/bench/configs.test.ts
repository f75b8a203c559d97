// What the proxies are told: one thread for each, sessions one to one, room for all of them.
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { haproxyConfig, pgbatonConfig, pgbouncerConfig } from '../../../bench/configs.ts';
import { proxySchema } from '../../../shared/config/proxy-config.ts';

const place = { host: '127.0.0.1', port: 21_000, server: { host: '127.0.0.1', port: 22_000 }, sessions: 9_900 };

it('gives HAProxy one thread, TCP mode and the server', () => {
  const config = haproxyConfig(place);
  for (const line of ['nbthread 1', 'mode tcp', 'bind 127.0.0.1:21000 backlog 4096', 'server primary 127.0.0.1:22000', 'maxconn 9900'])
    expect(config).toContain(line);
});

it('gives PgBouncer session pooling with a server for every client', () => {
  const config = pgbouncerConfig(place, '/tmp/users.txt');
  for (const line of ['pool_mode = session', 'max_client_conn = 9900', 'default_pool_size = 9900', 'auth_file = /tmp/users.txt'])
    expect(config).toContain(line);
});

it("gives pgbaton's proxy a file that it accepts, with its defaults for everything that matters", () => {
  const yaml: unknown = parse(pgbatonConfig(place, { cluster: 'bench', etcd: 'http://127.0.0.1:2379', roPort: 21_001, apiPort: 21_002 }));
  expect(proxySchema.parse(yaml)).toMatchObject({ rwPort: 21_000, roPort: 21_001, weakCommits: 'allow', log: { level: 'info' } });
});
