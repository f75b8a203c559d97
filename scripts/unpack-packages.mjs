// Unpacks Debian/Ubuntu packages into a folder: nothing is installed, no root is needed, and the system's own package
// database and lists are never written. Knows about apt and shared libraries; knows nothing of what the packages are for.
// A folder that was not finished never looks finished: everything is built beside the target and renamed at the end.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, isAbsolute, join, relative } from 'node:path';

const aptDeadlineMs = 300_000;

function capture(command, args, options = {}) {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: aptDeadlineMs, ...options });
}

export function hasApt() {
  return ['/usr/bin/apt-get', '/usr/bin/apt-cache', '/usr/bin/dpkg-deb', '/usr/bin/dpkg-query'].every((path) => existsSync(path));
}

// A view of the archive with lists of its own, so that an unprivileged user can refresh them and a machine whose lists
// were deleted (every slim container) still works. `_apt` may not read a folder under a private HOME, hence Sandbox::User.
export function openArchive(workDir, log) {
  const lists = join(workDir, 'lists');
  const cache = join(workDir, 'apt-cache');
  for (const dir of [join(lists, 'partial'), join(cache, 'archives', 'partial')]) mkdirSync(dir, { recursive: true });
  const me = capture('id', ['-un']).trim();
  const options = [
    ['-o', `Dir::State::Lists=${lists}`],
    ['-o', `Dir::Cache=${cache}`],
    ['-o', 'Debug::NoLocking=1'],
    ['-o', `APT::Sandbox::User=${me}`],
    ['-o', 'Acquire::Languages=none'],
    ['-o', 'Acquire::Retries=2'],
  ].flat();
  log('reading the package lists');
  try {
    capture('apt-get', [...options, '-qq', 'update']);
  } catch (error) {
    // One broken third-party source makes the whole update fail although the others were read. Whether the packages
    // can be found is asked next, and that answer counts.
    log(`apt-get update complained: ${firstLine(error.stderr)}`);
  }
  return {
    names(prefix) {
      return capture('apt-cache', [...options, 'pkgnames', prefix])
        .split('\n')
        .filter(Boolean);
    },
    version(name) {
      const found = /Candidate: (\S+)/.exec(capture('apt-cache', [...options, 'policy', name]));
      return found === null || found[1] === '(none)' ? undefined : found[1];
    },
    depends(name) {
      const text = capture('apt-cache', [...options, 'depends', '--important', name]);
      return [...text.matchAll(/^[ |]*(?:Pre)?Depends: (?!<)(\S+)$/gm)].map((match) => match[1]);
    },
    download(names, dir) {
      mkdirSync(dir, { recursive: true });
      capture('apt-get', [...options, '-qq', 'download', ...names], { cwd: dir });
    },
  };
}

function firstLine(text) {
  return (text ?? '').toString().trim().split('\n')[0] ?? '';
}

function installedPackages() {
  const text = capture('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\n'], { maxBuffer: 64 << 20 });
  return new Set(
    text
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  );
}

function unpackAll(archive, names, root, debs) {
  archive.download(names, debs);
  for (const file of readdirSync(debs).filter((name) => name.endsWith('.deb'))) {
    capture('dpkg-deb', ['-x', join(debs, file), root]);
    rmSync(join(debs, file));
  }
  turnLinksInwards(root);
}

// A package's absolute links (Java's settings lie below /etc) mean the machine it is installed on. Unpacked they would lead to nothing, or to files of
// another version, so they are made to mean the file beside them; what is not beside them stays the machine's.
function turnLinksInwards(root) {
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) continue;
    const dir = entry.parentPath ?? entry.path;
    const target = readlinkSync(join(dir, entry.name));
    if (!isAbsolute(target) || !existsSync(join(root, target))) continue;
    rmSync(join(dir, entry.name));
    symlinkSync(relative(dir, join(root, target)), join(dir, entry.name));
  }
}

/** Every folder under root that holds a shared library: what LD_LIBRARY_PATH has to name. */
export function libraryDirs(root) {
  const dirs = new Set();
  for (const base of ['usr/lib', 'lib']) {
    if (!existsSync(join(root, base))) continue;
    for (const entry of readdirSync(join(root, base), { recursive: true, withFileTypes: true })) {
      if (/^lib.*\.so(\.\d+)*$/.test(entry.name) && !entry.isDirectory()) dirs.add(entry.parentPath ?? entry.path);
    }
  }
  return [...dirs].filter((dir) => !dir.includes('/postgresql/'));
}

function missingLibraries(files, root) {
  const env = { ...process.env, LD_LIBRARY_PATH: libraryDirs(root).join(':'), LC_ALL: 'C' };
  const missing = new Set();
  for (const file of files) {
    let text;
    try {
      text = capture('ldd', [file], { env });
    } catch {
      continue; // ldd fails on static executables and on scripts: those miss nothing.
    }
    for (const match of text.matchAll(/^\s*(\S+) => not found$/gm)) missing.add(match[1]);
  }
  return missing;
}

// Fetches dependencies level by level, and only while something is really missing: most machines have nearly all of
// these libraries. libc6 and the compiler's runtime stay the machine's own, because a C library that does not match the
// machine's dynamic loader kills every program it is loaded into. LLVM is only needed for JIT, and is loaded on demand.
function addMissingLibraries(archive, roots, root, debs, programs, log) {
  const keep = /^(lib\S+|zlib1g)$/;
  const leave = /^(libc6|libgcc-s1|libstdc\+\+6|libllvm\S*|libperl\S*|libpython\S*|libtcl\S*)$/;
  const have = installedPackages();
  const unpacked = new Set(roots);
  let level = roots;
  let missing = missingLibraries(programs(root), root);
  while (missing.size > 0 && level.length > 0) {
    const next = [...new Set(level.flatMap((name) => archive.depends(name)))].filter(
      (name) => keep.test(name) && !leave.test(name) && !have.has(name) && !unpacked.has(name) && archive.version(name) !== undefined,
    );
    if (next.length > 0) {
      log(`unpacking libraries: ${next.join(' ')}`);
      unpackAll(archive, next, root, debs);
    }
    for (const name of next) unpacked.add(name);
    level = next;
    missing = missingLibraries([...programs(root), ...libraryFiles(root)], root);
  }
  if (missing.size > 0) throw new Error(`these shared libraries are missing: ${[...missing].join(', ')}`);
  return [...unpacked];
}

function libraryFiles(root) {
  return libraryDirs(root).flatMap((dir) =>
    readdirSync(dir)
      .filter((name) => /\.so(\.\d+)*$/.test(name))
      .map((name) => join(dir, name)),
  );
}

// Programs that need unpacked libraries get a small script in front. `exec` keeps the process id, so whoever starts a
// program through its script signals and reaps the program itself.
function writeWrappers(root, finalRoot, binDir, programs) {
  const libraries = libraryDirs(root).map((dir) => dir.replace(root, finalRoot));
  const wrappers = join(dirname(root), 'bin');
  mkdirSync(wrappers, { recursive: true });
  for (const file of programs) {
    const target = join(finalRoot, binDir, basename(file));
    const prefix =
      libraries.length === 0
        ? ''
        : `LD_LIBRARY_PATH="${libraries.join(':')}\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"\nexport LD_LIBRARY_PATH\n`;
    writeFileSync(join(wrappers, basename(file)), `#!/bin/sh\n${prefix}exec "${target}" "$@"\n`);
    chmodSync(join(wrappers, basename(file)), 0o755);
  }
}

/**
 * Unpacks `packages` and the libraries they lack into `target`; the programs of `binDirOf(root)` (relative to the
 * unpacked root) become runnable as `target/bin/<program>`. `extraFiles(root)` names more files whose libraries must be
 * found, such as modules a server loads later.
 */
export function unpackPrograms({ archive, packages, target, binDirOf, programNames, extraFiles, log }) {
  const parent = dirname(target);
  mkdirSync(parent, { recursive: true });
  const work = mkdtempSync(join(parent, '.unpacking-'));
  try {
    chmodSync(work, 0o755);
    const root = join(work, 'root');
    const debs = join(work, 'debs');
    mkdirSync(root);
    log(`unpacking ${packages.join(' ')}`);
    unpackAll(archive, packages, root, debs);
    const binDir = binDirOf(root);
    const binaries = (at) =>
      readdirSync(join(at, binDir))
        .filter((name) => programNames === undefined || programNames.includes(name))
        .map((name) => join(at, binDir, name));
    const all = addMissingLibraries(archive, packages, root, debs, (at) => [...binaries(at), ...extraFiles(at)], log);
    writeWrappers(root, join(target, 'root'), binDir, binaries(root));
    rmSync(debs, { recursive: true, force: true });
    const versions = Object.fromEntries(all.map((name) => [name, archive.version(name)]));
    writeFileSync(join(work, 'packages.json'), `${JSON.stringify(versions, null, 2)}\n`);
    try {
      renameSync(work, target);
    } catch (error) {
      // Somebody else finished the same folder first: theirs is as good as ours.
      if (!existsSync(join(target, 'packages.json'))) throw error;
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
