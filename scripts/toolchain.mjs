// Finds the PostgreSQL and etcd programs that tests, demo and local clusters need, and on Debian and Ubuntu fetches what
// is missing into a cache folder. Never installs anything, never starts anything, never asks for root.
//
// toolchain-spin.mjs does the same for the model, with what is exported here.
//
// Order of preference: PGBATON_PG_BIN / PGBATON_ETCD, then what is installed, then the cache, then fetching.
// PGBATON_IGNORE_INSTALLED=1 leaves out "what is installed". Run as a program it prints shell assignments.
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasApt, openArchive, unpackPrograms } from './unpack-packages.mjs';

const postgresPrograms = [
  'initdb',
  'postgres',
  'pg_ctl',
  'pg_basebackup',
  'pg_rewind',
  'pg_waldump',
  'pg_controldata',
  'pg_isready',
  'psql',
];
const oldestPostgres = 14;
const newestPostgres = 18;
const systemCache = '/var/cache/pgbaton';

export class ToolchainError extends Error {}

function isRoot() {
  return process.getuid?.() === 0;
}

export function cacheDir() {
  if (process.env['PGBATON_CACHE']) return process.env['PGBATON_CACHE'];
  if (isRoot()) return systemCache;
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'pgbaton');
}

export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

export function ask(program, args) {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 }).trim();
  } catch {
    return '';
  }
}

// A folder counts only when every program is there and the server says a version we know: a client-only installation
// has psql and pg_basebackup too.
function inspectPostgres(bin, source) {
  const absent = postgresPrograms.filter((name) => !isExecutable(join(bin, name)));
  if (absent.length > 0) return { problem: `${bin} lacks ${absent.join(', ')}` };
  const said = ask(join(bin, 'postgres'), ['--version']);
  const major = Number(/\(PostgreSQL\) (\d+)/.exec(said)?.[1]);
  if (!(major >= oldestPostgres && major <= newestPostgres)) {
    return { problem: `${bin} is "${said || 'not runnable'}", wanted PostgreSQL ${oldestPostgres} to ${newestPostgres}` };
  }
  return { found: { bin, major, source } };
}

function inspectEtcd(path, source) {
  if (!isExecutable(path)) return { problem: `${path} is not an executable file` };
  const version = /etcd Version: (\d+\.\d+\.\d+)/.exec(ask(path, ['--version']))?.[1];
  if (version === undefined) return { problem: `${path} does not answer --version as etcd does` };
  return { found: { path, version, source } };
}

function list(dir) {
  try {
    return readdirSync(dir).map((name) => join(dir, name));
  } catch {
    return [];
  }
}

export function pathDirs() {
  return (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
}

function installedPostgresDirs() {
  const fromConfig = pathDirs()
    .map((dir) => join(dir, 'pg_config'))
    .filter(isExecutable)
    .map((program) => ask(program, ['--bindir']));
  const byVersion = [
    ...list('/usr/lib/postgresql').map((dir) => join(dir, 'bin')),
    ...list('/usr')
      .filter((dir) => /pgsql-\d+$/.test(dir))
      .map((dir) => join(dir, 'bin')),
    ...['/opt/homebrew/opt', '/usr/local/opt', '/home/linuxbrew/.linuxbrew/opt'].flatMap((dir) =>
      list(dir)
        .filter((entry) => /\/postgresql(@\d+)?$/.test(entry))
        .map((entry) => join(entry, 'bin')),
    ),
    ...list('/Applications/Postgres.app/Contents/Versions').map((dir) => join(dir, 'bin')),
    ...list('/usr/libexec').filter((dir) => /\/postgresql\d+$/.test(dir)),
  ];
  return { fromConfig, byVersion, onPath: pathDirs().filter((dir) => isExecutable(join(dir, 'postgres'))) };
}

// pg_config says which PostgreSQL the user works with, so it wins over "the highest"; but it is often the leftover of a
// development package without a server, so it has to pass the same inspection.
function installedPostgres() {
  const { fromConfig, byVersion, onPath } = installedPostgresDirs();
  const inspected = (dirs, source) => dirs.map((dir) => inspectPostgres(dir, source).found).filter((found) => found !== undefined);
  const highest = (all) => all.sort((a, b) => b.major - a.major)[0];
  return highest(inspected(fromConfig, 'pg_config')) ?? highest(inspected([...byVersion, ...onPath], 'installed'));
}

function installedEtcd() {
  const dirs = [...pathDirs(), '/usr/bin', '/usr/local/bin', '/opt/homebrew/bin', '/home/linuxbrew/.linuxbrew/bin'];
  for (const dir of dirs) {
    const { found } = inspectEtcd(join(dir, 'etcd'), 'installed');
    if (found !== undefined) return found;
  }
  return undefined;
}

// Root reads only root's own cache: programs from a folder another user can write to would run with root's rights.
export function cacheDirs() {
  const own = cacheDir();
  return isRoot() || own === systemCache ? [own] : [own, systemCache];
}

export function osTag() {
  const read = (name) => new RegExp(`^${name}="?([^"\n]*)`, 'm').exec(osRelease())?.[1] ?? '';
  return `${read('ID') || process.platform}${read('VERSION_ID')}-${process.arch}`;
}

function osRelease() {
  try {
    return readFileSync('/etc/os-release', 'utf8');
  } catch {
    return '';
  }
}

export function cached(kind, inspect) {
  const versions = cacheDirs()
    .flatMap((dir) => list(join(dir, osTag())))
    .filter((dir) => dir.includes(`/${kind}_`) && existsSync(join(dir, 'packages.json')))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  for (const dir of versions) {
    const { found } = inspect(join(dir, 'bin'));
    if (found !== undefined) return found;
  }
  return undefined;
}

const cachedPostgres = () => cached('postgresql', (bin) => inspectPostgres(bin, 'cache'));
const cachedEtcd = () => cached('etcd', (bin) => inspectEtcd(join(bin, 'etcd'), 'cache'));

// A path the user gave that does not work is an error, not a hint: silently testing another PostgreSQL than the one
// asked for would be worse than stopping.
export function fromEnvironment(variable, inspect) {
  const value = process.env[variable];
  if (!value) return undefined;
  const { found, problem } = inspect(value);
  if (found === undefined) throw new ToolchainError(`${variable} is set, but ${problem}.`);
  return found;
}

/** What can be used now, without fetching: `{ postgres?: {bin, major, source}, etcd?: {path, version, source} }`. */
export function findToolchain() {
  const installed = process.env['PGBATON_IGNORE_INSTALLED'] !== '1';
  return {
    postgres:
      fromEnvironment('PGBATON_PG_BIN', (bin) => inspectPostgres(bin, 'PGBATON_PG_BIN')) ??
      (installed ? installedPostgres() : undefined) ??
      cachedPostgres(),
    etcd:
      fromEnvironment('PGBATON_ETCD', (path) => inspectEtcd(path, 'PGBATON_ETCD')) ??
      (installed ? installedEtcd() : undefined) ??
      cachedEtcd(),
  };
}

// As root, PostgreSQL runs as another user (it refuses to run as root), and that user has to get to the programs.
function assertReachable(dir) {
  if (!isRoot()) return;
  for (let at = dir; at !== dirname(at); at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) {
      throw new ToolchainError(
        `The cache folder ${dir} cannot be used: ${at} is closed to other users, and PostgreSQL will not run as root. Set PGBATON_CACHE to a folder everybody can read.`,
      );
    }
  }
}

function fetchPostgres(archive, parent, log) {
  const majors = archive
    .names('postgresql-')
    .map((name) => Number(/^postgresql-(\d+)$/.exec(name)?.[1]))
    .filter((major) => major >= oldestPostgres && major <= newestPostgres)
    .sort((a, b) => b - a);
  const major = majors.find((candidate) => archive.version(`postgresql-${candidate}`) !== undefined);
  if (major === undefined) throw new Error(`no package postgresql-${oldestPostgres} to postgresql-${newestPostgres} in the archive`);
  const version = archive.version(`postgresql-${major}`);
  const home = `usr/lib/postgresql/${major}`;
  // PostgreSQL finds its share folder relative to its own program, so the packages' layout has to be kept.
  unpackPrograms({
    archive,
    packages: [`postgresql-${major}`, `postgresql-client-${major}`],
    target: join(parent, `postgresql_${version.replaceAll(/[^\w.+~-]/g, '_')}`),
    binDirOf: () => `${home}/bin`,
    programNames: undefined,
    // llvmjit.so alone needs LLVM, a hundred megabytes; PostgreSQL goes on without it.
    extraFiles: (root) => list(join(root, home, 'lib')).filter((file) => file.endsWith('.so') && !/llvmjit|\/pl|perl|python/.test(file)),
    log,
  });
}

/** For a package whose one program needs no files beside it. */
export function fetchProgram({ archive, parent, packageName, program, binDir = 'usr/bin', log }) {
  const version = archive.version(packageName);
  if (version === undefined) throw new Error(`no package ${packageName} in the archive`);
  unpackPrograms({
    archive,
    packages: [packageName],
    target: join(parent, `${program}_${version.replaceAll(/[^\w.+~-]/g, '_')}`),
    binDirOf: () => binDir,
    programNames: [program],
    extraFiles: () => [],
    log,
  });
}

function howToInstall(missing) {
  const id = `${/^ID=(.*)$/m.exec(osRelease())?.[1] ?? ''} ${/^ID_LIKE=(.*)$/m.exec(osRelease())?.[1] ?? ''}`;
  const lines = [`Not found: ${missing.join(' and ')}.`];
  if (process.platform === 'darwin') lines.push('  brew install postgresql@17 etcd');
  else if (/debian|ubuntu/.test(id)) lines.push('  sudo apt-get install postgresql etcd-server');
  else if (/fedora|rhel|centos/.test(id)) lines.push('  sudo dnf install postgresql-server postgresql-contrib etcd');
  else if (/alpine/.test(id)) lines.push('  apk add postgresql17 postgresql17-contrib etcd');
  else if (/arch/.test(id)) lines.push('  sudo pacman -S postgresql   (and etcd, 3.4 or newer, from the AUR or its release archive)');
  else
    lines.push(
      `  Install PostgreSQL ${oldestPostgres} to ${newestPostgres} (the server, with pg_basebackup and pg_rewind) and etcd 3.4 or newer.`,
    );
  lines.push('If they are in an unusual place, say where: PGBATON_PG_BIN=<folder with initdb and postgres> PGBATON_ETCD=<path of etcd>.');
  return lines.join('\n');
}

/** Opens the archive for `unpack(archive, parent)`, which unpacks into folders of `parent`; a failure says what to install instead. */
export function fetchPackages({ missing, instead, unpack, log }) {
  if (!hasApt()) throw new ToolchainError(instead);
  log(`${missing.join(' and ')} not installed: fetching into ${cacheDir()} (nothing is installed)`);
  const umask = process.umask(0o022);
  try {
    const parent = join(cacheDir(), osTag());
    mkdirSync(parent, { recursive: true });
    assertReachable(parent);
    const work = mkdtempSync(join(parent, '.lists-'));
    try {
      unpack(openArchive(work, log), parent);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  } catch (error) {
    if (error instanceof ToolchainError) throw error;
    const detail = (error.stderr?.toString().trim() || error.message).split('\n').slice(-3).join('\n');
    throw new ToolchainError(`${instead}\nFetching them failed: ${detail}`);
  } finally {
    process.umask(umask);
  }
}

/** Like findToolchain, but fetches what is missing; throws ToolchainError saying what to install when it cannot. */
export async function ensureToolchain({ log }) {
  const found = findToolchain();
  const missing = [
    ...(found.postgres === undefined ? [`PostgreSQL ${oldestPostgres} to ${newestPostgres}`] : []),
    ...(found.etcd === undefined ? ['etcd'] : []),
  ];
  if (missing.length === 0) return found;
  fetchPackages({
    missing,
    instead: howToInstall(missing),
    unpack: (archive, parent) => {
      if (found.postgres === undefined) fetchPostgres(archive, parent, log);
      if (found.etcd === undefined) fetchProgram({ archive, parent, packageName: 'etcd-server', program: 'etcd', log });
    },
    log,
  });
  const now = findToolchain();
  if (now.postgres === undefined || now.etcd === undefined) {
    throw new ToolchainError(`${howToInstall(missing)}\nThey were fetched into ${cacheDir()}, but do not run there.`);
  }
  return now;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const { postgres, etcd } = await ensureToolchain({ log: (line) => process.stderr.write(`pgbaton: ${line}\n`) });
    process.stdout.write(`PGBATON_PG_BIN=${postgres.bin}\nPGBATON_ETCD=${etcd.path}\n`);
  } catch (error) {
    if (!(error instanceof ToolchainError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 3;
  }
}
