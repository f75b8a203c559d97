// The probe of the data directory's disk: a real child and a real fsync; and children that hang or die, as they do when the disk does.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DiskProbe } from '../../../../agent/postgres/disk-probe.ts';
import { monotonicMs } from '../../../../shared/runtime/clock.ts';

let root: string;
let dataDir: string;
let probe: DiskProbe | null = null;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'pgbaton-disk-probe-'));
  dataDir = join(root, 'data');
  await mkdir(dataDir);
});

afterEach(async () => {
  probe?.close();
  probe = null;
  await rm(root, { recursive: true, force: true });
});

async function programOf(text: string): Promise<string> {
  const path = join(root, 'writer.mjs');
  await writeFile(path, text);
  return path;
}

it('writes beside the data directory, again and again, and leaves nothing in it', async () => {
  probe = new DiskProbe(dataDir);
  expect(await probe.write(5_000)).toBe(true);
  const first = readFileSync(join(root, '.pgbaton-disk-probe'), 'utf8');
  expect(await probe.write(5_000)).toBe(true);
  expect(readFileSync(join(root, '.pgbaton-disk-probe'), 'utf8')).not.toBe(first);
  expect(existsSync(join(dataDir, '.pgbaton-disk-probe'))).toBe(false);
});

it('says no when the place is gone, and yes again when it is back', async () => {
  probe = new DiskProbe(dataDir);
  await rm(dataDir, { recursive: true });
  expect(await probe.write(5_000)).toBe(false);
  await mkdir(dataDir);
  expect(await probe.write(5_000)).toBe(true);
});

it('gives up waiting at the deadline, and starts no second child beside one that hangs', async () => {
  const program = await programOf(
    `import { appendFileSync } from 'node:fs';\nappendFileSync(${JSON.stringify(join(root, 'starts'))}, 'one\\n');\nprocess.on('message', () => undefined);\n`,
  );
  probe = new DiskProbe(dataDir, program);
  const sinceMs = monotonicMs();
  expect(await probe.write(300)).toBe(false);
  expect(await probe.write(300)).toBe(false);
  expect(monotonicMs() - sinceMs).toBeLessThan(3_000);
  expect(readFileSync(join(root, 'starts'), 'utf8')).toBe('one\n');
});

it('starts a new child after one that died', async () => {
  const program = await programOf(
    `import { existsSync, writeFileSync } from 'node:fs';\nconst mark = ${JSON.stringify(join(root, 'died'))};\nprocess.on('message', () => {\n  if (existsSync(mark)) process.send(true);\n  else { writeFileSync(mark, ''); process.exit(1); }\n});\n`,
  );
  probe = new DiskProbe(dataDir, program);
  expect(await probe.write(5_000)).toBe(false);
  expect(await probe.write(5_000)).toBe(true);
});
