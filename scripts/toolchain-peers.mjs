// Finds HAProxy and PgBouncer, which `npm run bench:proxy` compares pgbaton's proxy with, and pgbench. On Debian and Ubuntu the two proxies are fetched
// into the cache folder when they are not installed, as toolchain.mjs does it. Never installs anything, never starts anything, never asks for root.
//
// Order of preference: PGBATON_HAPROXY / PGBATON_PGBOUNCER, then what is installed, then the cache, then fetching. pgbench comes with PostgreSQL.
import { join } from 'node:path';
import { ToolchainError, ask, cached, fetchPackages, fetchProgram, fromEnvironment, isExecutable, pathDirs } from './toolchain.mjs';

const peers = [
  { name: 'haproxy', title: 'HAProxy', variable: 'PGBATON_HAPROXY', asks: '-v', says: /HAProxy version (\S+)/ },
  { name: 'pgbouncer', title: 'PgBouncer', variable: 'PGBATON_PGBOUNCER', asks: '--version', says: /PgBouncer (\S+)/ },
];
const systemDirs = ['/usr/sbin', '/usr/local/sbin', '/usr/bin', '/usr/local/bin'];

const howToInstall = [
  'Not found: HAProxy and PgBouncer, the peers of the comparison.',
  '  Debian, Ubuntu: sudo apt-get install haproxy pgbouncer    Fedora: sudo dnf install haproxy pgbouncer    Alpine: apk add haproxy pgbouncer',
  'If they are in an unusual place, say where: PGBATON_HAPROXY=<path of haproxy> PGBATON_PGBOUNCER=<path of pgbouncer>.',
].join('\n');

function inspect({ title, asks, says }, path, source) {
  if (!isExecutable(path)) return { problem: `${path} is not an executable file` };
  const version = says.exec(ask(path, [asks]))?.[1];
  if (version === undefined) return { problem: `${path} does not answer ${asks} as ${title} does` };
  return { found: { path, version, source } };
}

function find(peer) {
  const named = fromEnvironment(peer.variable, (path) => inspect(peer, path, peer.variable));
  if (named !== undefined) return named;
  const installed = process.env['PGBATON_IGNORE_INSTALLED'] === '1' ? [] : [...pathDirs(), ...systemDirs];
  for (const dir of installed) {
    const { found } = inspect(peer, join(dir, peer.name), 'installed');
    if (found !== undefined) return found;
  }
  return cached(peer.name, (bin) => inspect(peer, join(bin, peer.name), 'cache'));
}

/** What can be used now, without fetching: `{ haproxy?: {path, version, source}, pgbouncer?: … }`. */
function findPeers() {
  return Object.fromEntries(peers.map((peer) => [peer.name, find(peer)]).filter(([, found]) => found !== undefined));
}

/** Throws ToolchainError saying what to install when pgbench, or a peer that cannot be fetched, is missing. */
export function ensurePeers({ postgresBin, log }) {
  if (!isExecutable(join(postgresBin, 'pgbench'))) {
    throw new ToolchainError(
      `${postgresBin} has no pgbench. Debian and Ubuntu have it in postgresql-<version>, Fedora in postgresql-contrib, Alpine in postgresql<version>-contrib.`,
    );
  }
  const found = findPeers();
  const missing = peers.filter(({ name }) => found[name] === undefined);
  if (missing.length === 0) return found;
  fetchPackages({
    missing: missing.map(({ title }) => title),
    instead: howToInstall,
    unpack: (archive, parent) => {
      for (const { name } of missing) fetchProgram({ archive, parent, packageName: name, program: name, binDir: 'usr/sbin', log });
    },
    log,
  });
  const now = findPeers();
  if (peers.some(({ name }) => now[name] === undefined)) throw new ToolchainError(howToInstall);
  return now;
}

/** The variables by which a program that is started learns of them. */
export function peerVariables(found) {
  return Object.fromEntries(peers.map(({ name, variable }) => [variable, found[name].path]));
}
