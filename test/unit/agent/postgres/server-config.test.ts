import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LocalContext } from '../../../../agent/postgres/context.ts';
import { configFilePath, hbaFilePath } from '../../../../agent/postgres/context.ts';
import { renderHba } from '../../../../agent/postgres/hba.ts';
import { ServerConfig } from '../../../../agent/postgres/server-config.ts';
import { parseRendered, type Attachment, type Rendered } from '../../../../agent/postgres/settings.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { until } from '../../../support/until.ts';

const FOLLOW: Attachment = { epoch: epoch(3n), host: 'n1', port: 5432, slot: 'pgbaton_n3', addresses: [] };

let home: string;
let context: LocalContext;
let keepers: ServerConfig[];

function keeper(): ServerConfig {
  const made = new ServerConfig(context);
  keepers.push(made);
  return made;
}

beforeEach(async () => {
  keepers = [];
  home = await mkdtemp(join(tmpdir(), 'pgbaton-config-'));
  context = {
    config: {
      dataDir: join(home, 'data'),
      binDir: null,
      listenAddresses: 'localhost',
      port: 5432,
      advertiseHost: 'localhost',
      parameters: {},
      hba: [],
      osUser: null,
      baseConfigFile: null,
      adopt: false,
      initialize: true,
      walSegmentSizeMb: null,
    },
    secrets: { monitorPassword: 'm', replicationPassword: 'r', rewindPassword: 'w' } as LocalContext['secrets'],
    name: 'n3',
    stateDir: join(home, 'state'),
    runDir: join(home, 'run'),
    binDir: '/nowhere',
    majorVersion: 15,
    osUser: null,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined } as unknown as LocalContext['log'],
  };
});

afterEach(async () => {
  for (const one of keepers) await one.close();
  await rm(home, { recursive: true, force: true });
});

async function staged(): Promise<readonly string[]> {
  return (await readdir(join(context.stateDir, 'postgres'))).filter((name) => name.endsWith('.new'));
}

/** Both files as PostgreSQL would read them now. */
async function inPlace(): Promise<{ readonly rendered: Rendered | null; readonly isOpen: boolean }> {
  const hba = await readFile(hbaFilePath(context.stateDir), 'utf8');
  expect([renderHba(true, []), renderHba(false, [])]).toContain(hba);
  return { rendered: parseRendered(await readFile(configFilePath(context.stateDir), 'utf8')), isOpen: hba === renderHba(true, []) };
}

const isLaid = async (count: number): Promise<boolean> => (await staged()).length === count;

describe('the keeper of the rendered files', () => {
  it('lays ready what the next change will want, and moves it into place', async () => {
    const config = keeper();
    await config.update((rendered) => ({ ...rendered, follow: FOLLOW, open: true }));
    // The settings of a standby that is attached to nobody; its pg_hba.conf would say the same.
    await until('one file laid ready', 2_000, async () => isLaid(1));
    const [ready = ''] = await staged();
    expect(parseRendered(await readFile(join(context.stateDir, 'postgres', ready), 'utf8'))).toMatchObject({ follow: null, open: true });
    await config.update((rendered) => ({ ...rendered, follow: null }));
    expect(await staged()).not.toContain(ready);
    expect(await inPlace()).toMatchObject({ rendered: { follow: null, open: true }, isOpen: true });
    await until('both files of the closed door laid ready', 2_000, async () => isLaid(2));
    await config.update((rendered) => ({ ...rendered, open: false }));
    expect(await inPlace()).toMatchObject({ rendered: { follow: null, open: false }, isOpen: false });
  });

  it('throws away what was laid ready for something else', async () => {
    const config = keeper();
    await config.update((rendered) => ({ ...rendered, open: true }));
    await until('the closed door laid ready', 2_000, async () => isLaid(2));
    await config.update((rendered) => ({ ...rendered, follow: FOLLOW }));
    expect(await inPlace()).toMatchObject({ rendered: { open: true }, isOpen: true });
    await until('only what comes next is left', 2_000, async () => isLaid(1));
  });

  it('puts in place what the last change says, whatever was being laid ready meanwhile', async () => {
    const config = keeper();
    const random = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4, 6, 2, 6, 4, 3, 3, 8, 3, 2, 7, 9, 5];
    let wanted: Rendered = config.rendered;
    for (const digit of [...random, ...random.toReversed()]) {
      wanted = digit % 3 === 0 ? { ...wanted, follow: wanted.follow === null ? FOLLOW : null } : { ...wanted, open: !wanted.open };
      const next = wanted;
      const done = config.update(() => next);
      // Two changes in a row, one on top of the laying, one after it.
      if (digit % 2 === 0) await done;
      if (digit > 6) await new Promise((resolve) => setTimeout(resolve, digit));
      if (digit % 2 === 1) continue;
      expect(await inPlace()).toMatchObject({ rendered: { follow: next.follow, open: next.open }, isOpen: next.open });
    }
  });

  it('writes nothing that is in place already, and everything anew before a start', async () => {
    const config = keeper();
    const open = async (): Promise<boolean> => config.update((rendered) => ({ ...rendered, open: true }));
    expect(await open()).toBe(true);
    const paths = [configFilePath(context.stateDir), hbaFilePath(context.stateDir)];
    const inodes = async (): Promise<readonly number[]> => Promise.all(paths.map(async (path) => (await stat(path)).ino));
    const before = await inodes();
    expect(await open()).toBe(false);
    expect(await inodes()).toEqual(before);
    // What lies ready for the next change was made beside rules that were right then.
    await until('the next is laid ready', 2_000, async () => isLaid(2));
    await Promise.all(paths.map(async (path) => writeFile(path, 'somebody else’s')));
    await mkdir(context.config.dataDir);
    await config.prepareStart();
    await open();
    expect(await inPlace()).toMatchObject({ isOpen: true });
  });

  it('clears away what a killed agent had laid ready', async () => {
    await keeper().update((rendered) => rendered);
    const left = `${configFilePath(context.stateDir)}.1-1.new`;
    await writeFile(left, 'stale');
    await keeper().load();
    expect(await staged()).not.toContain(left.slice(left.lastIndexOf('/') + 1));
  });

  it('leaves nothing lying about when it is closed', async () => {
    const config = keeper();
    await config.update((rendered) => ({ ...rendered, open: true }));
    await config.close();
    expect(await staged()).toEqual([]);
    expect(await inPlace()).toMatchObject({ isOpen: true });
  });

  it('empties the credentials of all epochs in place', async () => {
    const config = keeper();
    await config.load();
    await config.admit(FOLLOW, new AbortController().signal);
    const path = join(context.runDir, 'pass-e3');
    expect(await readFile(path, 'utf8')).toMatch(/pgbaton_replication/);
    await config.withdrawCredential();
    expect(await readFile(path, 'utf8')).toBe('');
  });
});
