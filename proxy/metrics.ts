/** The proxy's status as Prometheus reads it (text format 0.0.4). Pure. Names and labels are an interface: once published they stay. */
import type { ProxyStatus } from './api.ts';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export function renderMetrics(status: ProxyStatus): string {
  const { counts, leader, nodes, view, weakCommits, wishes } = status;
  const weak = Object.entries(weakCommits.sessions);
  return [
    metric('pgbaton_proxy_sessions', 'gauge', 'Sessions that talk to a server, by port.', [
      [{ port: 'rw' }, counts.rwSessions],
      [{ port: 'ro' }, counts.roSessions],
    ]),
    metric('pgbaton_proxy_held', 'gauge', 'Clients that wait for a server.', [[{}, counts.held]]),
    metric('pgbaton_proxy_admission', 'gauge', '1 for what an operator has asked for: open, paused or draining.', [
      [{ state: status.admission.kind }, 1],
    ]),
    metric('pgbaton_proxy_cut_total', 'counter', 'Sessions ended because their server ceased to be the right one.', [[{}, counts.cut]]),
    metric('pgbaton_proxy_moved_total', 'counter', 'Sessions taken along by a planned switchover.', [[{}, counts.moved]]),
    metric('pgbaton_proxy_refused_total', 'counter', 'Clients turned away.', [[{}, counts.refused]]),
    metric('pgbaton_proxy_leader_epoch', 'gauge', 'Epoch of the leader that is routed to; 0 before the first.', [
      [{}, leader === null ? 0 : Number(leader.epoch)],
    ]),
    metric('pgbaton_proxy_ready', 'gauge', '1 when a new read-write session gets a server without waiting.', [
      [{}, status.readWriteTarget === null ? 0 : 1],
    ]),
    metric(
      'pgbaton_proxy_node_lag_bytes',
      'gauge',
      'How far a standby was behind when its agent was last asked.',
      nodes.flatMap(({ member, lagBytes }): Sample[] => (lagBytes === null ? [] : [[{ member }, lagBytes]])),
    ),
    metric(
      'pgbaton_proxy_node_staleness_seconds',
      'gauge',
      'A standby shows everything that the leader had so long ago.',
      nodes.flatMap(({ member, stalenessMs }): Sample[] => (stalenessMs === null ? [] : [[{ member }, stalenessMs / 1_000]])),
    ),
    metric(
      'pgbaton_proxy_read_wishes_total',
      'counter',
      'Sessions with pgbaton.after or pgbaton.max_staleness_ms, by what became of them.',
      Object.entries(wishes).map(([outcome, value]): Sample => [
        { outcome: outcome.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) },
        value,
      ]),
    ),
    metric(
      'pgbaton_proxy_store_silent_seconds',
      'gauge',
      'Since etcd last said anything.',
      view.ageMs === null ? [] : [[{}, view.ageMs / 1_000]],
    ),
    metric(
      'pgbaton_proxy_weak_commit_sessions',
      'gauge',
      'Open sessions that asked for commits below what the mode promises, by value.',
      weak.map(([value, { open }]): Sample => [{ value }, open]),
    ),
    metric(
      'pgbaton_proxy_weak_commit_sessions_total',
      'counter',
      'All sessions that asked for commits below what the mode promises, by value.',
      weak.map(([value, { total }]): Sample => [{ value }, total]),
    ),
    metric('pgbaton_proxy_weak_commit_refused_total', 'counter', 'Sessions refused for the same reason (weakCommits: forbid).', [
      [{}, weakCommits.refused],
    ]),
  ].join('');
}

function metric(name: string, type: 'gauge' | 'counter', help: string, samples: readonly Sample[]): string {
  if (samples.length === 0) return '';
  const lines = samples.map(([labels, value]) => `${name}${renderLabels(labels)} ${String(value)}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function renderLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
