// One command does everything: installs the npm packages, compiles, finds PostgreSQL and etcd, then runs the program.
// Set-up talks on stderr only, so that `--json` on stdout stays clean; the program's exit code and signals pass through.
//
//   node scripts/run.mjs demo [options]      the failover demonstration
//   node scripts/run.mjs local [options]     `pgbaton local`: a cluster of local processes to play with
//   node scripts/run.mjs chaos [options]     `pgbaton chaos`: real faults on real processes, judged by what clients saw
//   node scripts/run.mjs measure [options]   three of them many times over: the table of the README
//   node scripts/run.mjs bench-proxy [options]  pgbaton's proxy beside HAProxy and PgBouncer
//   node scripts/run.mjs bench-switchover [options]  what clients notice of a planned switchover, through pgbaton's proxy and through HAProxy
//   node scripts/run.mjs bench-failover [options]  failovers of pgbaton beside those of Patroni with HAProxy, in containers
//   node scripts/run.mjs model [options]     the formal model of the protocol, searched
//   node scripts/run.mjs sim [options]       whole clusters under a virtual clock, the production decisions in them
//   node scripts/run.mjs mutants [options]   the same with known bugs switched in, one at a time: each must be found
//   node scripts/run.mjs replay FILE…        recordings of real agents (PGBATON_RECORD=DIR), through the decisions again
//   node scripts/run.mjs test [projects]     the test suites, see run-tests.mjs
import { execFileSync, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureSystemTools } from './system-tools.mjs';
import { ensureBrowser } from './toolchain-browser.mjs';
import { clientVariables, ensureClients } from './toolchain-clients.mjs';
import { ensureSpin, findCompiler } from './toolchain-spin.mjs';
import { ensurePeers, peerVariables } from './toolchain-peers.mjs';
import { ToolchainError, ensureToolchain } from './toolchain.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

// `needs` is what a program cannot start without; the unit tests must not wait for a compiler or a download.
const programs = {
  demo: { file: 'dist/chaos/demo/main.js', needs: () => ({ build: true, toolchain: true }) },
  chaos: {
    file: 'dist/cli/main.js',
    first: ['chaos'],
    needs: (args) => ({ build: true, toolchain: !onContainers(args), tools: !onContainers(args) }),
  },
  measure: {
    file: 'dist/cli/main.js',
    first: ['chaos', 'run', 'postmaster-kill', 'node-kill', 'switchover', '--etcd-members', '1'],
    needs: () => ({ build: true, toolchain: true, tools: true }),
  },
  'bench-proxy': { file: 'dist/bench/main.js', needs: () => ({ build: true, toolchain: true, peers: true }) },
  'bench-switchover': { file: 'dist/bench/switchover/main.js', needs: () => ({ build: true, toolchain: true, peers: true }) },
  'bench-failover': { file: 'dist/bench/failover/main.js', needs: () => ({ build: true }) },
  model: { file: 'dist/chaos/model/main.js', needs: () => ({ build: true, spin: true }) },
  sim: { file: 'dist/chaos/sim/main.js', needs: () => ({ build: true }) },
  mutants: { file: 'dist/chaos/sim/mutants/main.js', needs: () => ({ build: true }) },
  replay: { file: 'dist/chaos/replay/main.js', needs: () => ({ build: true }) },
  local: {
    file: 'dist/cli/main.js',
    first: ['local'],
    needs: (args) => ({ build: true, toolchain: true, tools: args.includes('--namespaces') }),
  },
  test: { file: 'scripts/run-tests.mjs', needs: (args) => testNeeds(args.filter((arg) => !arg.startsWith('-'))) },
};

// Containers bring their own PostgreSQL and etcd.
function onContainers(args) {
  return args.includes('--backend=containers') || args[args.indexOf('--backend') + 1] === 'containers';
}

function testNeeds(projects) {
  const all = projects.length === 0;
  const wants = (...names) => all || names.some((name) => projects.includes(name));
  return {
    build: wants('integration', 'e2e', 'containers', 'browser'),
    toolchain: wants('integration', 'e2e', 'browser'),
    tools: wants('e2e'),
    clients: wants('e2e'),
    // Without a C compiler the test of the model says so and is skipped; everything else still runs.
    spin: wants('sim') && findCompiler() !== undefined,
    // Not part of all: a browser unpacked is more than two hundred megabytes.
    browser: projects.includes('browser'),
  };
}

function log(line) {
  process.stderr.write(`pgbaton: ${line}\n`);
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

// npm leaves a record of what it put into node_modules. Comparing it with the lock file, instead of keeping a stamp of
// our own, also believes an `npm ci` the user has already run.
function packagesAreFresh() {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const present = readJson(record).packages ?? {};
  const wanted = readJson(join(root, 'package-lock.json')).packages ?? {};
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional === true || entry.link === true || present[path]?.integrity === entry.integrity,
  );
}

function installPackages() {
  if (packagesAreFresh()) return;
  log('installing npm packages');
  const viaNpm = process.env['npm_execpath']?.endsWith('.js') ? [process.execPath, process.env['npm_execpath']] : ['npm'];
  const [command, ...first] = viaNpm;
  execFileSync(command, [...first, 'ci', '--no-audit', '--no-fund'], { cwd: root, stdio: ['ignore', 2, 2] });
}

function build() {
  execFileSync(process.execPath, [join(root, 'scripts', 'build.mjs')], { cwd: root, stdio: ['ignore', 2, 2] });
}

async function environment(needs) {
  const env = { ...process.env };
  if (needs.toolchain) {
    const { postgres, etcd } = await ensureToolchain({ log });
    log(`PostgreSQL ${postgres.major} (${postgres.source}), etcd ${etcd.version} (${etcd.source})`);
    Object.assign(env, { PGBATON_PG_BIN: postgres.bin, PGBATON_ETCD: etcd.path });
    // etcd 3.4 refuses to start on 64-bit ARM unless it is told that this is known; later versions do not look at it.
    if (process.arch === 'arm64') env['ETCD_UNSUPPORTED_ARCH'] = 'arm64';
  }
  if (needs.peers) {
    const found = ensurePeers({ postgresBin: env['PGBATON_PG_BIN'], log });
    log(`HAProxy ${found.haproxy.version} (${found.haproxy.source}), PgBouncer ${found.pgbouncer.version} (${found.pgbouncer.source})`);
    Object.assign(env, peerVariables(found));
  }
  if (needs.tools) Object.assign(env, ensureSystemTools({ log }));
  if (needs.clients) {
    const found = ensureClients({ log });
    for (const reason of Object.values(found.reasons)) log(`${reason}: its tests are skipped`);
    Object.assign(env, clientVariables(found));
  }
  if (needs.spin) {
    const { spin, compiler } = ensureSpin({ log });
    log(`Spin ${spin.version} (${spin.source}), C compiler ${compiler.path}`);
    Object.assign(env, { PGBATON_SPIN: spin.path, PGBATON_CC: compiler.path });
  }
  if (needs.browser) Object.assign(env, browserVariable());
  return env;
}

// Without a browser its test says so and is skipped.
function browserVariable() {
  try {
    const { path, version, source } = ensureBrowser({ log });
    log(`Chromium ${version} (${source})`);
    return { PGBATON_BROWSER: path };
  } catch (error) {
    if (!(error instanceof ToolchainError)) throw error;
    log(error.message);
    return {};
  }
}

// A terminal sends Ctrl-C to the whole foreground group, so the child already has it; forwarding it too would look like
// a second, impatient Ctrl-C. Without a terminal nobody else tells the child.
function forwardSignals(child) {
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
}

function run(file, args, env) {
  const child = spawn(process.execPath, [join(root, file), ...args], { env, stdio: 'inherit' });
  forwardSignals(child);
  child.on('error', (error) => {
    log(error.message);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? code : 128 + (constants.signals[signal] ?? 0);
  });
}

async function main() {
  const [name, ...args] = process.argv.slice(2);
  const program = Object.hasOwn(programs, name ?? '') ? programs[name] : undefined;
  if (program === undefined) {
    log(`usage: node scripts/run.mjs ${Object.keys(programs).join('|')} [options]`);
    process.exitCode = 2;
    return;
  }
  const needs = program.needs(args);
  installPackages();
  if (needs.build) build();
  const env = await environment(needs);
  run(program.file, [...(program.first ?? []), ...args], env);
}

try {
  await main();
} catch (error) {
  // A set-up step that failed has already said why on stderr; a stack trace of this script would bury it.
  if (error instanceof ToolchainError) log(error.message);
  else if (typeof error.status === 'number') log(`set-up failed: ${error.message.split('\n')[0]}`);
  else throw error;
  process.exitCode = 3;
}
