// The node file on a real disk with its real writer process. Needs dist/.
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { childrenOf, commandLine } from '../../../../agent/guard/process-tree.ts';
import { openNodeFileStore } from '../../../../agent/node-file/node-file-store.ts';
import type { NodeFile, NodeFileStore } from '../../../../agent/node-file/port.ts';
import { SLOT_FILE_BYTES } from '../../../../agent/node-file/slots.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { parseIncarnation } from '../../../../shared/domain/node-id.ts';
import { until } from '../../../support/until.ts';

const incarnation = parseIncarnation('0123456789ab');
if (incarnation === null) throw new Error('the incarnation is valid');
const file: NodeFile = {
  incarnation,
  systemId: null,
  etcdClusterId: null,
  etcdRevision: '0',
  etcdRepair: null,
  bootCount: 1,
  promised: epoch(0n),
  accepted: null,
  promotion: null,
  dir: 'absent',
  unfit: null,
  nodes: [],
};
const promise = (value: bigint): NodeFile => ({ ...file, promised: epoch(value) });

let directory: string;
let path: string;
let store: NodeFileStore;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pgbaton-node-file-'));
  path = join(directory, 'node.pgbaton');
  store = openNodeFileStore({ path });
});

afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true });
});

function writerPid(): number {
  const pid = childrenOf(process.pid).find((child) => (commandLine(child) ?? '').includes('node-file/writer.js'));
  if (pid === undefined) throw new Error('no writer');
  return pid;
}

async function promisedOnDisk(): Promise<bigint | undefined> {
  return (await openNodeFileStore({ path }).load())?.promised;
}

describe('the node file', () => {
  it('is null before the first save', async () => {
    expect(await store.load()).toBeNull();
  });

  it('holds what was saved last, through many saves and a new store', async () => {
    for (let value = 1n; value <= 9n; value += 1n) {
      await store.save(promise(value), 2_000);
      expect(await promisedOnDisk()).toBe(value);
    }
    await store.close();
    const next = openNodeFileStore({ path });
    await next.save(promise(10n), 2_000);
    await next.save(promise(11n), 2_000);
    expect(await promisedOnDisk()).toBe(11n);
    await next.close();
    expect(statSync(path).size).toBe(SLOT_FILE_BYTES);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(['node.pgbaton']);
  });

  it('keeps the order of saves that overlap', async () => {
    await Promise.all([1n, 2n, 3n, 4n, 5n].map(async (value) => store.save(promise(value), 2_000)));
    expect(await promisedOnDisk()).toBe(5n);
  });

  it('falls back to the former state when the newest slot is torn, and refuses when nothing is whole', async () => {
    await store.save(promise(1n), 2_000);
    await store.save(promise(2n), 2_000);
    const bytes = readFileSync(path);
    bytes.fill(0, 30, 60);
    writeFileSync(path, bytes);
    expect(await promisedOnDisk()).toBe(1n);
    truncateSync(path, 100);
    await expect(promisedOnDisk()).rejects.toMatchObject({ code: 'PGB-1106' });
  });

  it('gives up at the deadline when the writer hangs, and goes on with another one', async () => {
    await store.save(promise(1n), 2_000);
    const hung = writerPid();
    process.kill(hung, 'SIGSTOP');
    const startedAtMs = performance.now();
    await expect(store.save(promise(2n), 200)).rejects.toMatchObject({ code: 'PGB-1106' });
    expect(performance.now() - startedAtMs).toBeLessThan(1_000);
    await store.save(promise(3n), 2_000);
    expect(writerPid()).not.toBe(hung);
    expect(await promisedOnDisk()).toBe(3n);
  });

  it('survives the death of its writer', async () => {
    await store.save(promise(1n), 2_000);
    process.kill(writerPid(), 'SIGKILL');
    await until('the next save works', 3_000, async () =>
      store.save(promise(2n), 1_000).then(
        () => true,
        () => false,
      ),
    );
    expect(await promisedOnDisk()).toBe(2n);
  });

  it('cannot be set back by the late write of an abandoned writer: that goes to a file nobody sees', async () => {
    await store.save(promise(1n), 2_000);
    const old = store;
    const oldInode = statSync(path).ino;
    // Another agent's life begins while the old writer still hangs.
    store = openNodeFileStore({ path });
    await store.save(promise(5n), 2_000);
    await store.save(promise(6n), 2_000);
    expect(statSync(path).ino).not.toBe(oldInode);
    await old.save(promise(2n), 2_000);
    expect(await promisedOnDisk()).toBe(6n);
    await old.close();
  });

  it('tells the operating system’s reason', async () => {
    const nowhere = openNodeFileStore({ path: join(directory, 'missing', 'node.pgbaton') });
    await expect(nowhere.save(file, 2_000)).rejects.toMatchObject({ code: 'PGB-1106', detail: expect.stringMatching(/ENOENT/) });
    await nowhere.close();
  });
});
