// Finds psycopg and pgjdbc, with a Python and a Java to run them, for the tests that drive other people's programs through the proxy. On Debian and
// Ubuntu what is missing is unpacked into the cache folder, as toolchain.mjs does it. Never installs anything, never starts anything, never asks for root.
//
// What cannot be had is told with a reason and never an error: its tests are skipped, and say why. Order of preference: the variable, then what is
// installed, then the cache, then fetching. psql, pgbench and their kin come with PostgreSQL. Run as a program it prints shell assignments.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ToolchainError, ask, cached, fetchPackages, fromEnvironment, isExecutable, pathDirs } from './toolchain.mjs';
import { libraryDirs, unpackPrograms } from './unpack-packages.mjs';

/** The first Java that runs a source file as it is. */
const oldestJava = 11;
/** psycopg 3.1; psycopg2 prepares nothing on the server and has no pipelines. */
const psycopgVersion = /^3\.\d+\.\d+/;
// libpq unpacked beside it is in no index of the machine's libraries, where psycopg looks.
const importPsycopg = [
  'import ctypes.util',
  'known = ctypes.util.find_library',
  'ctypes.util.find_library = lambda name: "libpq.so.5" if name == "pq" else known(name)',
  'import psycopg',
  'print(psycopg.__version__, psycopg.pq.version())',
].join('\n');

const ofCachedRoot = (inspect) => (bin) => inspect(join(dirname(bin), 'root'));
const folderName = (kind, version) => `${kind}_${version.replaceAll(/[^\w.+~-]/g, '_')}`;

function firstUsable(names, inspect) {
  if (process.env['PGBATON_IGNORE_INSTALLED'] === '1') return undefined;
  for (const path of names.flatMap((name) => [...pathDirs(), '/usr/bin'].map((dir) => join(dir, name)))) {
    const { found } = inspect(path);
    if (found !== undefined) return found;
  }
  return undefined;
}

function inspectPython(path) {
  if (!isExecutable(path)) return { problem: `${path} is not an executable file` };
  const version = ask(path, ['-c', 'import sys, ctypes; print("%d.%d" % sys.version_info[:2])']);
  if (!/^3\.([7-9]|\d\d)$/.test(version)) return { problem: `${path} is "${version || 'not runnable'}", wanted Python 3.7 or newer` };
  return { found: { path } };
}

function inspectJava(path) {
  if (!isExecutable(path)) return { problem: `${path} is not an executable file` };
  const [major] = ask(path, ['--version']).match(/\d+/) ?? [];
  // Without the compiler's module it runs no source file.
  if (!(Number(major) >= oldestJava) || !/^jdk\.compiler/m.test(ask(path, ['--list-modules'])))
    return { problem: `${path} is not Java ${oldestJava} or newer with the module jdk.compiler` };
  return { found: { path } };
}

function findPython() {
  return (
    fromEnvironment('PGBATON_PYTHON', inspectPython) ??
    firstUsable(['python3'], inspectPython) ??
    cached('python', (bin) => {
      const name = existsSync(bin) ? readdirSync(bin).find((one) => /^python3\.\d+$/.test(one)) : undefined;
      return name === undefined ? {} : inspectPython(join(bin, name));
    })
  );
}

function findJava() {
  return (
    fromEnvironment('PGBATON_JAVA', inspectJava) ??
    firstUsable(['java'], inspectJava) ??
    cached('java', (bin) => inspectJava(join(bin, 'java')))
  );
}

/** `{ modules, libraries }` for PYTHONPATH and LD_LIBRARY_PATH. What a Python has by itself is not asked for: it may be of any version and any libpq. */
function findPsycopg(python) {
  return cached(
    'psycopg',
    ofCachedRoot((root) => {
      const found = { modules: join(root, 'usr/lib/python3/dist-packages'), libraries: libraryDirs(root).join(':') };
      const env = [`PYTHONPATH=${found.modules}`, `LD_LIBRARY_PATH=${found.libraries}`];
      return psycopgVersion.test(ask('/usr/bin/env', [...env, python.path, '-c', importPsycopg])) ? { found } : {};
    }),
  );
}

function inspectPgjdbc(java, path) {
  // It says its version and fails, whatever it is asked.
  const said = spawnSync(java.path, ['-cp', path, 'org.postgresql.util.PGJDBCMain'], { encoding: 'utf8', timeout: 20_000 }).stdout ?? '';
  return /PostgreSQL JDBC Driver 4[2-9]/.test(said) ? { found: { path } } : { problem: `${path} is not pgjdbc 42 or newer` };
}

function findPgjdbc(java) {
  return (
    fromEnvironment('PGBATON_PGJDBC', (path) => inspectPgjdbc(java, path)) ??
    cached(
      'pgjdbc',
      ofCachedRoot((root) => inspectPgjdbc(java, join(root, 'usr/share/java/postgresql.jar'))),
    )
  );
}

/** Files that are no programs: nothing of them becomes a wrapper. */
function unpackFiles({ archive, parent, kind, packages, libraries, log }) {
  const version = archive.version(packages[0]);
  if (version === undefined) throw new Error(`no package ${packages[0]} in the archive`);
  unpackPrograms({
    archive,
    packages: packages.filter((name) => archive.version(name) !== undefined),
    target: join(parent, folderName(kind, version)),
    binDirOf: () => 'usr/share',
    programNames: [],
    extraFiles: libraries,
    log,
  });
}

function fetchPython(archive, parent, log) {
  const name = archive.depends('python3').find((one) => /^python3\.\d+$/.test(one));
  if (name === undefined) throw new Error('no package python3 in the archive');
  unpackPrograms({
    archive,
    packages: [name, `${name}-minimal`, `lib${name}-minimal`, `lib${name}-stdlib`],
    target: join(parent, folderName('python', archive.version(name))),
    binDirOf: () => 'usr/bin',
    programNames: [name],
    extraFiles: (root) => filesBelow(join(root, 'usr/lib', name, 'lib-dynload')).filter((file) => /_ctypes/.test(file)),
    log,
  });
}

function fetchJava(archive, parent, log) {
  const majors = archive
    .names('openjdk-')
    .map((name) => Number(/^openjdk-(\d+)-jre-headless$/.exec(name)?.[1]))
    .filter((major) => major >= oldestJava)
    .sort((a, b) => a - b);
  const major = majors.find((one) => archive.version(`openjdk-${one}-jre-headless`) !== undefined);
  if (major === undefined) throw new Error(`no package openjdk-${oldestJava}-jre-headless or newer in the archive`);
  const name = `openjdk-${major}-jre-headless`;
  const homeIn = (root) => readdirSync(join(root, 'usr/lib/jvm')).find((one) => one.startsWith(`java-${major}-`));
  unpackPrograms({
    archive,
    packages: [name],
    target: join(parent, folderName('java', archive.version(name))),
    binDirOf: (root) => join('usr/lib/jvm', homeIn(root), 'bin'),
    programNames: ['java'],
    // Its libraries for printers, fonts and sound are never loaded by a program without a screen.
    extraFiles: (root) =>
      filesBelow(join(root, 'usr/lib/jvm', homeIn(root), 'lib')).filter((file) => /\/lib(jvm|jli|java|net|nio|zip)\.so$/.test(file)),
    log,
  });
}

function filesBelow(dir) {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

function fetchPsycopg(archive, parent, log) {
  const packages = ['python3-psycopg', 'python3-typing-extensions', 'libpq5'];
  const libraries = (root) => filesBelow(join(root, 'usr/lib')).filter((file) => /\/libpq\.so\.5\.\d+$/.test(file));
  unpackFiles({ archive, parent, kind: 'psycopg', packages, libraries, log });
}

function fetchPgjdbc(archive, parent, log) {
  unpackFiles({ archive, parent, kind: 'pgjdbc', packages: ['libpostgresql-jdbc-java'], libraries: () => [], log });
}

// An interpreter comes before the library that is tried in it.
const parts = [
  { key: 'python', title: 'Python 3', needs: undefined, find: findPython, fetch: fetchPython },
  { key: 'psycopg', title: 'psycopg 3', needs: 'python', find: findPsycopg, fetch: fetchPsycopg },
  { key: 'java', title: `Java ${oldestJava} or newer`, needs: undefined, find: findJava, fetch: fetchJava },
  { key: 'pgjdbc', title: 'pgjdbc', needs: 'java', find: findPgjdbc, fetch: fetchPgjdbc },
];

function look(reasons) {
  const found = {};
  for (const { key, title, needs, find } of parts) {
    if (needs !== undefined && found[needs] === undefined) continue;
    found[key] = find(found[needs]);
    if (found[key] !== undefined) delete reasons[key];
    else reasons[key] ??= `${title} was not found`;
  }
  return found;
}

function fetchInto(archive, parent, reasons, log) {
  for (const { key, title, fetch } of parts.filter((part) => reasons[part.key] !== undefined)) {
    try {
      fetch(archive, parent, log);
      reasons[key] = `${title} was fetched and does not run`;
    } catch (error) {
      reasons[key] = `${title} cannot be had: ${(error.stderr?.toString().trim() || error.message).split('\n').at(-1)}`;
    }
  }
}

/** `{ python?, psycopg?, java?, pgjdbc?, reasons }`; what is absent has a reason. */
export function ensureClients({ log }) {
  const reasons = {};
  look(reasons);
  for (const { key, needs, title } of parts) if (reasons[needs] !== undefined) reasons[key] = `${title} was not found`;
  const missing = parts.filter(({ key }) => reasons[key] !== undefined).map(({ title }) => title);
  if (missing.length === 0) return { ...look(reasons), reasons };
  try {
    fetchPackages({
      missing,
      instead: 'there is no apt here to fetch it with',
      unpack: (archive, parent) => fetchInto(archive, parent, reasons, log),
      log,
    });
  } catch (error) {
    if (!(error instanceof ToolchainError)) throw error;
    for (const { key, title } of parts)
      if (reasons[key] !== undefined) reasons[key] = `${title} cannot be had: ${error.message.split('\n').at(-1)}`;
  }
  const found = look(reasons);
  return { ...found, reasons };
}

/** The variables by which the tests learn of them, and of why there are none. */
export function clientVariables({ python, psycopg, java, pgjdbc, reasons }) {
  const why = (...keys) => keys.map((key) => reasons[key]).find((reason) => reason !== undefined);
  const variables =
    psycopg === undefined
      ? { PGBATON_NO_PSYCOPG: why('python', 'psycopg') }
      : { PGBATON_PYTHON: python.path, PGBATON_PSYCOPG: psycopg.modules, PGBATON_LIBPQ: psycopg.libraries };
  const ofJava =
    pgjdbc === undefined ? { PGBATON_NO_PGJDBC: why('java', 'pgjdbc') } : { PGBATON_JAVA: java.path, PGBATON_PGJDBC: pgjdbc.path };
  return { ...variables, ...ofJava };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = ensureClients({ log: (line) => process.stderr.write(`pgbaton: ${line}\n`) });
  for (const [name, value] of Object.entries(clientVariables(found))) process.stdout.write(`${name}='${value.replaceAll("'", '')}'\n`);
}
