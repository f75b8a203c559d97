// Finds spin and a C compiler, which the formal model needs (`npm run model`). On Debian and Ubuntu spin is fetched into the cache folder when it is not
// installed; a C compiler is only found: unpacked without its headers and linker it would not run. Never installs anything, never asks for root.
//
// Order of preference: PGBATON_SPIN / PGBATON_CC, then what is installed, then the cache, then fetching.
import { join } from 'node:path';
import { ToolchainError, ask, cached, fetchPackages, fetchProgram, fromEnvironment, isExecutable, pathDirs } from './toolchain.mjs';

/** The model's searches are compared with recorded numbers, and older versions count states in another way. */
const oldestSpin = 6.5;

function inspectSpin(path, source) {
  if (!isExecutable(path)) return { problem: `${path} is not an executable file` };
  const said = ask(path, ['-V']);
  const version = /^Spin Version (\d+\.\d+)\S*/.exec(said);
  if (version === null || Number(version[1]) < oldestSpin)
    return { problem: `${path} is "${said || 'not runnable'}", wanted Spin ${oldestSpin} or newer` };
  return { found: { path, version: version[0].slice('Spin Version '.length), source } };
}

function inspectCompiler(path, source) {
  if (!isExecutable(path)) return { problem: `${path} is not an executable file` };
  if (ask(path, ['--version']) === '') return { problem: `${path} does not answer --version` };
  return { found: { path, source } };
}

function installed(names, inspect) {
  for (const path of names.flatMap((name) => pathDirs().map((dir) => join(dir, name)))) {
    const { found } = inspect(path, 'installed');
    if (found !== undefined) return found;
  }
  return undefined;
}

function findSpin() {
  return (
    fromEnvironment('PGBATON_SPIN', (path) => inspectSpin(path, 'PGBATON_SPIN')) ??
    (process.env['PGBATON_IGNORE_INSTALLED'] === '1' ? undefined : installed(['spin'], inspectSpin)) ??
    cached('spin', (bin) => inspectSpin(join(bin, 'spin'), 'cache'))
  );
}

/** Undefined when there is none: without a compiler there is no search at all. */
export function findCompiler() {
  return fromEnvironment('PGBATON_CC', (path) => inspectCompiler(path, 'PGBATON_CC')) ?? installed(['cc', 'gcc', 'clang'], inspectCompiler);
}

const howToInstallCompiler = [
  'Not found: a C compiler (cc, gcc or clang), which the searches of the formal model are compiled with.',
  '  Debian, Ubuntu: sudo apt-get install gcc libc6-dev    Fedora: sudo dnf install gcc    Alpine: apk add gcc musl-dev    macOS: xcode-select --install',
  'If it is in an unusual place, say where: PGBATON_CC=<path of the compiler>.',
].join('\n');

const howToInstallSpin = [
  `Not found: Spin ${oldestSpin} or newer, the model checker.`,
  '  Debian, Ubuntu: sudo apt-get install spin    Arch: spin from the AUR    macOS: brew install spin    elsewhere: build it from its sources',
  'If it is in an unusual place, say where: PGBATON_SPIN=<path of spin>.',
].join('\n');

/** `{ spin: {path, version, source}, compiler: {path, source} }`; throws ToolchainError saying what to install when one cannot be had. */
export function ensureSpin({ log }) {
  const compiler = findCompiler();
  if (compiler === undefined) throw new ToolchainError(howToInstallCompiler);
  const found = findSpin();
  if (found !== undefined) return { spin: found, compiler };
  fetchPackages({
    missing: ['spin'],
    instead: howToInstallSpin,
    unpack: (archive, parent) => fetchProgram({ archive, parent, packageName: 'spin', program: 'spin', log }),
    log,
  });
  const spin = findSpin();
  if (spin === undefined) throw new ToolchainError(howToInstallSpin);
  return { spin, compiler };
}
