// Finds the programs that network namespaces and chaos need beside PostgreSQL and etcd: ip, nft and strace. What a Debian
// or Ubuntu machine lacks is unpacked into the cache folder, as toolchain.mjs does it; nothing is installed. A tool that
// cannot be had is left out: whoever needs it says so, and everything else goes on without it.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir, cacheDirs, isExecutable, osTag, pathDirs } from './toolchain.mjs';
import { hasApt, openArchive, unpackPrograms } from './unpack-packages.mjs';

const tools = [
  { program: 'ip', package: 'iproute2', variable: 'PGBATON_IP' },
  { program: 'nft', package: 'nftables', variable: 'PGBATON_NFT' },
  { program: 'strace', package: 'strace', variable: 'PGBATON_STRACE' },
];
const binDirs = ['usr/bin', 'usr/sbin', 'bin', 'sbin'];

function find({ program, variable, package: name }) {
  const named = process.env[variable];
  if (named) return named;
  const installed = process.env['PGBATON_IGNORE_INSTALLED'] === '1' ? [] : [...pathDirs(), '/usr/sbin', '/sbin', '/usr/bin', '/bin'];
  return [...installed.map((dir) => join(dir, program)), ...unpacked(name, program)].find(isExecutable);
}

function unpacked(name, program) {
  return cacheDirs()
    .map((dir) => join(dir, osTag()))
    .filter((dir) => existsSync(dir))
    .flatMap((dir) =>
      readdirSync(dir)
        .filter((entry) => entry.startsWith(`${name}_`) && existsSync(join(dir, entry, 'packages.json')))
        .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
        .map((entry) => join(dir, entry, 'bin', program)),
    );
}

function fetchTool(archive, parent, { program, package: name }, log) {
  const version = archive.version(name);
  if (version === undefined) throw new Error(`no package ${name} in the archive`);
  unpackPrograms({
    archive,
    packages: [name],
    target: join(parent, `${name}_${version.replaceAll(/[^\w.+~-]/g, '_')}`),
    // Which of them it is differs between releases, and some are links to others.
    binDirOf: (root) => binDirs.find((dir) => existsSync(join(root, dir, program))) ?? binDirs[0],
    programNames: [program],
    extraFiles: () => [],
    log,
  });
}

function fetchMissing(missing, log) {
  const parent = join(cacheDir(), osTag());
  mkdirSync(parent, { recursive: true });
  const work = mkdtempSync(join(parent, '.lists-'));
  chmodSync(work, 0o755);
  try {
    const archive = openArchive(work, log);
    for (const tool of missing) {
      try {
        fetchTool(archive, parent, tool, log);
      } catch (error) {
        log(`${tool.program} cannot be had: ${error.message.split('\n')[0]}`);
      }
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Environment variables that name the tools; a tool that was not found has none. Only root can use them all. */
export function ensureSystemTools({ log }) {
  if (process.getuid?.() !== 0) return {};
  const missing = tools.filter((tool) => find(tool) === undefined);
  if (missing.length > 0 && hasApt()) {
    const umask = process.umask(0o022);
    try {
      fetchMissing(missing, log);
    } finally {
      process.umask(umask);
    }
  }
  return Object.fromEntries(tools.flatMap((tool) => [[tool.variable, find(tool)]]).filter(([, path]) => path !== undefined));
}
