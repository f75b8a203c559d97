import { expect, it } from 'vitest';
import type { ProxyStatus } from '../../../proxy/api.ts';
import { renderMetrics } from '../../../proxy/metrics.ts';

const STATUS: ProxyStatus = {
  id: 'p1',
  cluster: 'c',
  rwPort: 1,
  roPort: 2,
  leader: { member: 'n1~a', epoch: '7', state: 'serving' },
  readWriteTarget: 'n1~a',
  nodes: [
    { member: 'n2~"b\\', host: 'h', port: 3, postgres: 'standby', lagBytes: 9, stalenessMs: 1_500, answers: true },
    { member: 'n3~c', host: 'h', port: 4, postgres: null, lagBytes: null, stalenessMs: null, answers: false },
  ],
  admission: { kind: 'open' },
  counts: { held: 1, rwSessions: 2, roSessions: 3, cut: 4, moved: 9, refused: 5 },
  wishes: { byStandby: 6, byLeader: 0, unmet: 0, lost: 0, faulty: 0 },
  weakCommits: {
    policy: 'allow',
    sessions: { off: { open: 1, total: 8 }, local: { open: 0, total: 0 }, remote_write: { open: 0, total: 0 } },
    refused: 0,
  },
  view: { ageMs: 250, lostWhy: null },
};

it('says every number of the status once, with labels escaped, and leaves out what is not known', () => {
  const text = renderMetrics(STATUS);
  for (const line of [
    'pgbaton_proxy_sessions{port="ro"} 3',
    'pgbaton_proxy_leader_epoch 7',
    'pgbaton_proxy_node_lag_bytes{member="n2~\\"b\\\\"} 9',
    'pgbaton_proxy_node_staleness_seconds{member="n2~\\"b\\\\"} 1.5',
    'pgbaton_proxy_read_wishes_total{outcome="by_standby"} 6',
    'pgbaton_proxy_weak_commit_sessions_total{value="off"} 8',
    'pgbaton_proxy_moved_total 9',
    'pgbaton_proxy_store_silent_seconds 0.25',
  ])
    expect(text.split('\n')).toContain(line);
  expect(text).not.toContain('n3~c');
});

it('is text that Prometheus reads: each name is described once, before its samples', () => {
  const lines = renderMetrics(STATUS).trimEnd().split('\n');
  const described = lines.filter((line) => line.startsWith('# TYPE ')).map((line) => line.split(' ')[2] ?? '');
  expect(new Set(described).size).toBe(described.length);
  for (const line of lines) expect(line).toMatch(/^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z_]+="(\\.|[^"\\])*"\})? -?[0-9.e+]+)$/);
});
