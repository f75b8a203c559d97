/** `list` and `topology` as text. Pure. A node that does not answer stays in the picture: a missing row would look like a missing node. */
import type { ClusterStatus, NodeStatus } from '../../shared/domain/cluster-status.ts';
import { formatBytes } from './format.ts';
import { renderTable } from './table.ts';

type NodeRow = ClusterStatus['nodes'][number];

const HEAD = ['NODE', 'ROLE', 'STATE', 'EPOCH', 'TIMELINE', 'LAG', 'SYNC', 'POSTGRES', 'REASON'];

export function renderList(cluster: ClusterStatus): string {
  return (
    headline(cluster) +
    renderTable(
      HEAD,
      cluster.nodes.map((node) => listRow(node, cluster.leader)),
    ) +
    operationLine(cluster) +
    alarmLines(cluster)
  );
}

function listRow(node: NodeRow, leader: ClusterStatus['leader']): readonly string[] {
  if ('unreachable' in node)
    return [node.name, leader?.name === node.name ? 'leader, ?' : '?', 'unreachable', '-', '-', '?', '?', '?', node.unreachable];
  return [
    node.name,
    `${node.leadership}, ${postgresWord(node.postgres)}`,
    node.state,
    node.epoch ?? '-',
    node.history === null ? '-' : String(node.history.timeline),
    node.leadership === 'leader' ? '-' : formatBytes(node.lagBytes),
    syncWord(node, leader),
    `${node.pgHost}:${String(node.pgPort)}`,
    node.reason,
  ];
}

export function postgresWord(postgres: NodeStatus['postgres']): string {
  switch (postgres.kind) {
    case 'primary':
      return postgres.open ? 'primary' : 'primary (closed)';
    case 'standby':
      return postgres.streaming ? 'standby' : 'standby (not streaming)';
    case 'absent':
    case 'stopped':
    case 'starting':
      return postgres.kind;
    case 'unknown':
      return `unknown (${postgres.why})`;
  }
}

function syncWord(node: NodeStatus, leader: ClusterStatus['leader']): string {
  if (node.leadership === 'leader') return '-';
  return isMember(node, leader) ? 'yes' : 'no';
}

function isMember({ member }: NodeStatus, leader: ClusterStatus['leader']): boolean {
  return member !== null && leader !== null && leader.members.includes(member);
}

export function headline({ cluster, leader }: ClusterStatus): string {
  if (leader === null) return `${cluster}: no leader\n`;
  const rule =
    leader.k === 0 ? 'no standby acknowledges' : `${String(leader.k)} of ${String(leader.members.length)} standbys acknowledge each commit`;
  return `${cluster}: leader ${leader.name} (${leader.state}), epoch ${leader.epoch}, timeline ${String(leader.timeline)}, ${leader.mode} mode, ${rule}\n`;
}

function operationLine({ operation }: ClusterStatus): string {
  if (operation === null) return '';
  const why = operation.why === null ? '' : `: ${operation.why}`;
  return `${operation.kind} ${operation.from} → ${operation.to}: ${operation.stage}${why}\n`;
}

/** What an operator has to hear of; each begins with its code. */
function alarmLines({ nodes }: ClusterStatus): string {
  return nodes.flatMap((node) => ('unreachable' in node ? [] : node.alarms.map((alarm) => `! ${node.name}: ${alarm}\n`))).join('');
}

export function renderTopology(cluster: ClusterStatus): string {
  const { leader, nodes, proxies } = cluster;
  const top = nodes.find(({ name }) => name === leader?.name);
  const rest = nodes.filter((node) => node !== top);
  const under = top === undefined ? '' : '   ';
  return [
    headline(cluster),
    ...(top === undefined ? [] : [`└─ ${topologyLine(top, leader)}\n`]),
    ...rest.map((node, index) => `${under}${index === rest.length - 1 ? '└─' : '├─'} ${topologyLine(node, leader)}\n`),
    ...(proxies.length === 0 ? [] : ['proxies\n']),
    ...proxies.map(
      ({ id, rwPort, roPort, url }, index) =>
        `${index === proxies.length - 1 ? '└─' : '├─'} ${id}  read-write ${String(rwPort)}, read-only ${String(roPort)}, ${url}\n`,
    ),
  ].join('');
}

function topologyLine(node: NodeRow, leader: ClusterStatus['leader']): string {
  if ('unreachable' in node) return `${node.name}  unreachable: ${node.unreachable}`;
  const address = `${node.pgHost}:${String(node.pgPort)}`;
  if (node.leadership === 'leader') return `${node.name}  leader, ${postgresWord(node.postgres)}, ${address}`;
  return `${node.name}  ${postgresWord(node.postgres)}, lag ${formatBytes(node.lagBytes)}, ${isMember(node, leader) ? 'sync' : 'not in the set'}, ${address}`;
}
