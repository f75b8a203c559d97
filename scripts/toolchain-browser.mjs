// Finds the browser that the test of the chaos report looks at its pages with, and on Debian unpacks one into the cache folder, as toolchain.mjs does it:
// chromium-headless-shell with what it shares with Chromium, the libraries it lacks, and one family of fonts, without which a slim machine draws no letter. It would not run. Never
// installs anything, never asks for root. Run as a program it prints a shell assignment.
//
// Order of preference: PGBATON_BROWSER, then what is installed, then the cache, then fetching.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ToolchainError, ask, cached, fetchPackages, fromEnvironment, isExecutable, pathDirs } from './toolchain.mjs';
import { unpackPrograms } from './unpack-packages.mjs';

const headless = 'chromium-headless-shell';
const installedNames = [headless, 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
/** Tables of the letters of the world, without which it ends at once. */
const common = 'chromium-common';
const fonts = 'fonts-dejavu-core';

const howToInstall = [
  'Not found: Chromium, which the test of the report looks at its pages with.',
  '  Debian: sudo apt-get install chromium-headless-shell    Fedora: sudo dnf install chromium-headless    Alpine: apk add chromium',
  'If it is in an unusual place, say where: PGBATON_BROWSER=<path of chromium>.',
].join('\n');

function inspect(path, source) {
  if (!isExecutable(path)) return { problem: `${path} is not an executable file` };
  const said = ask(path, ['--version']);
  // Ubuntu's package is a stub that asks for another way to install it; it answers, but not with a version.
  const version = /(?:Chromium|Chrome|HeadlessChrome)\D*(\d+(?:\.\d+)+)/i.exec(said)?.[1];
  if (version === undefined) return { problem: `${path} is "${said || 'not runnable'}", wanted Chromium` };
  return { found: { path, version, source } };
}

function installed() {
  for (const path of installedNames.flatMap((name) => pathDirs().map((dir) => join(dir, name)))) {
    const { found } = inspect(path, 'installed');
    if (found !== undefined) return found;
  }
  return undefined;
}

function find() {
  return (
    fromEnvironment('PGBATON_BROWSER', (path) => inspect(path, 'PGBATON_BROWSER')) ??
    (process.env['PGBATON_IGNORE_INSTALLED'] === '1' ? undefined : installed()) ??
    cached(headless, (bin) => inspect(join(bin, headless), 'cache'))
  );
}

function unpack(archive, parent, log) {
  const version = archive.version(headless);
  if (version === undefined) throw new Error(`no package ${headless} in the archive`);
  unpackPrograms({
    archive,
    packages: [headless, common, ...(archive.version(fonts) === undefined ? [] : [fonts])],
    target: join(parent, `${headless}_${version.replaceAll(/[^\w.+~-]/g, '_')}`),
    // It finds its resources beside itself; what is in usr/bin is a script with a fixed path.
    binDirOf: () => 'usr/lib/chromium',
    programNames: [headless],
    extraFiles: () => [],
    log,
  });
}

/** `{ path, version, source }`; throws ToolchainError saying what to install when there is none and none can be fetched. */
export function ensureBrowser({ log }) {
  const found = find();
  if (found !== undefined) return found;
  fetchPackages({ missing: ['Chromium'], instead: howToInstall, unpack: (archive, parent) => unpack(archive, parent, log), log });
  const browser = find();
  if (browser === undefined) throw new ToolchainError(`${howToInstall}\nIt was fetched, but does not run here.`);
  return browser;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const { path } = ensureBrowser({ log: (line) => process.stderr.write(`pgbaton: ${line}\n`) });
    process.stdout.write(`PGBATON_BROWSER=${path}\n`);
  } catch (error) {
    if (!(error instanceof ToolchainError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 3;
  }
}
