/** Goal: the ledger measures truly, before it is used to measure anything. Method: one real PostgreSQL that is killed and started by hand. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkLedger, isClean } from '../../../../chaos/ledger/check.ts';
import { checkEpochs } from '../../../../chaos/ledger/epochs.ts';
import { DEFAULT_LEDGER, Ledger } from '../../../../chaos/ledger/ledger.ts';
import { acknowledgedAtMs, longestGap } from '../../../../chaos/ledger/outage.ts';
import { createLedgerTable, readLedgerRows } from '../../../../chaos/ledger/read-rows.ts';
import { findOsUser, findPostgresBinDir, idsOf } from '../../../../cli/local/binaries.ts';
import { choosePorts } from '../../../../cli/local/ports.ts';
import { monotonicMs } from '../../../../shared/runtime/clock.ts';
import { sleep } from '../../../../shared/runtime/deadline.ts';

const binDir = findPostgresBinDir(process.env);
const ids = idsOf(findOsUser(process.getuid?.() ?? -1) ?? '');
const as = ids === null ? {} : ids;
let dir: string;
let uri: string;
let server: ChildProcess;
let ledger: Ledger;

function start(): void {
  server = spawn(
    join(binDir, 'postgres'),
    ['-D', join(dir, 'data'), '-p', new URL(uri).port, '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${dir}`],
    { ...as, stdio: 'ignore', cwd: '/' },
  );
}

async function kill(): Promise<void> {
  const exited = new Promise((resolve) => {
    server.once('exit', resolve);
  });
  server.kill('SIGKILL');
  await exited;
}

async function eventually<T>(claim: string, attempt: () => Promise<T> | T): Promise<T> {
  const deadlineMs = monotonicMs() + 20_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (monotonicMs() > deadlineMs) throw new Error(`not in time: ${claim}`, { cause: error });
      await sleep(50);
    }
  }
}

function acknowledged(): number {
  return acknowledgedAtMs(ledger.entries()).length;
}

async function untilAcknowledged(count: number): Promise<void> {
  await eventually(`${String(count)} writes are acknowledged`, () => {
    if (acknowledged() < count) throw new Error(`only ${String(acknowledged())}`);
  });
}

beforeEach(async () => {
  dir = mkdtempSync('/tmp/pgbaton-it-');
  mkdirSync(join(dir, 'data'), { mode: 0o700 });
  if (ids !== null) for (const path of [dir, join(dir, 'data')]) chownSync(path, ids.uid, ids.gid);
  execFileSync(join(binDir, 'initdb'), ['-D', join(dir, 'data'), '-U', 'postgres', '--auth=trust', '--no-sync'], {
    ...as,
    stdio: 'ignore',
    cwd: '/',
  });
  const [port = 0] = await choosePorts(1);
  uri = `postgres://postgres@127.0.0.1:${String(port)}/postgres`;
  start();
  await eventually('PostgreSQL accepts connections', async () => createLedgerTable(uri));
  ledger = new Ledger({ ...DEFAULT_LEDGER, connectionString: uri });
  ledger.start();
  await untilAcknowledged(50);
});

afterEach(async () => {
  await ledger.stop();
  await kill();
  rmSync(dir, { recursive: true, force: true });
});

describe('the ledger', () => {
  it('finds every acknowledged row after a crash, and an outage as long as the crash', async () => {
    const faultMs = monotonicMs();
    await kill();
    await sleep(400);
    start();
    const before = acknowledged();
    await untilAcknowledged(before + 50);
    const entries = ledger.entries();
    const verdict = checkLedger(entries, await readLedgerRows(uri));
    expect(isClean(verdict)).toBe(true);
    expect(verdict.checked).toBe(entries.filter(({ outcome }) => outcome === 'ok').length);
    const gap = longestGap(acknowledgedAtMs(entries), { faultMs, untilMs: monotonicMs() });
    expect(gap.ended).toBe(true);
    expect(gap.lengthMs).toBeGreaterThan(400);
    expect(ledger.errorsSince(faultMs).filter(({ phase }) => phase === 'session').length).toBe(DEFAULT_LEDGER.writers);
  });

  it('finds the one row that was taken away, and the one that was doubled', async () => {
    const entries = ledger.entries();
    const [victim, twin] = entries.filter(({ outcome }) => outcome === 'ok').slice(10, 12);
    const client = new Client({ connectionString: uri });
    await client.connect();
    await client.query('DELETE FROM pgbaton_ledger WHERE writer = $1 AND seq = $2', [victim?.writer, victim?.seq]);
    await client.query('INSERT INTO pgbaton_ledger (writer, seq) VALUES ($1, $2)', [twin?.writer, twin?.seq]);
    await client.end();
    const verdict = checkLedger(entries, await readLedgerRows(uri));
    expect(verdict.lost).toEqual([{ writer: victim?.writer, seq: victim?.seq }]);
    expect(verdict.duplicated).toMatchObject([{ writer: twin?.writer, seq: twin?.seq }]);
  });

  it('is told by every acknowledged row, from inside its transaction, who served it and on which timeline', () => {
    const acknowledgedEntries = ledger.entries().filter(({ outcome }) => outcome === 'ok');
    expect(acknowledgedEntries.length).toBeGreaterThan(0);
    for (const { served } of acknowledgedEntries) {
      expect(served?.timeline).toBe(1);
      expect(served?.server).toBe(`127.0.0.1:${new URL(uri).port}`);
      expect(served?.lsn).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
      expect(served?.backendPid).toBeGreaterThan(0);
    }
    expect(checkEpochs(ledger.entries())).toMatchObject({ untold: 0, stale: [], shared: [] });
  });

  it('does not take a commit whose wait for the standbys was cancelled for an acknowledged one, though the row is there', async () => {
    const client = new Client({ connectionString: uri });
    await client.connect();
    await client.query("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (nobody)'");
    await client.query('SELECT pg_reload_conf()');
    await eventually('every writer waits for a standby', async () => {
      const { rows } = await client.query<{ waiting: number }>(
        "SELECT count(*)::int AS waiting FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
      );
      if (rows[0]?.waiting !== DEFAULT_LEDGER.writers) throw new Error('not yet');
    });
    const before = acknowledged();
    await client.query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    await eventually('every cancelled wait has come to its client', () => {
      const unknown = ledger.entries().filter(({ outcome }) => outcome === 'unknown');
      if (unknown.length < DEFAULT_LEDGER.writers) throw new Error(`only ${String(unknown.length)}`);
    });
    expect(acknowledged()).toBe(before);
    await client.query('ALTER SYSTEM RESET synchronous_standby_names');
    await client.query('SELECT pg_reload_conf()');
    await client.end();
    await untilAcknowledged(before + 1);
    const entries = ledger.entries();
    const verdict = checkLedger(entries, await readLedgerRows(uri));
    expect(isClean(verdict)).toBe(true);
    expect(verdict.surfaced).toBeGreaterThanOrEqual(DEFAULT_LEDGER.writers);
  });

  it('refuses to read the rows from a standby', async () => {
    await kill();
    writeFileSync(join(dir, 'data', 'standby.signal'), '');
    start();
    await eventually('the standby answers', async () => {
      const outcome = await readLedgerRows(uri).then(
        () => 'read',
        (error: Error) => error.message,
      );
      if (outcome !== 'the server the rows should be read from is not a primary') throw new Error(outcome);
    });
  });
});
