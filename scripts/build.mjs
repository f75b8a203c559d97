// Compiles the sources to dist/. Skips the work when dist/ is newer than every source, so that a second
// `npm run demo` starts at once. It must never leave a half-written dist/ that looks finished: the stamp is
// written last.
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sources = ['agent', 'proxy', 'shared', 'cli', 'chaos', 'bench', 'package.json', 'tsconfig.json', 'tsconfig.build.json'];
const stamp = join(root, 'dist', '.built');

function newestMs(path) {
  const info = statSync(path, { throwIfNoEntry: false });
  if (info === undefined) return 0;
  if (!info.isDirectory()) return info.mtimeMs;
  return readdirSync(path).reduce((newest, name) => Math.max(newest, newestMs(join(path, name))), info.mtimeMs);
}

const newestSource = Math.max(...sources.map((name) => newestMs(join(root, name))));
const built = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0;
if (built < newestSource) {
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  execFileSync(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  writeFileSync(stamp, new Date().toISOString());
}
