// What the agent reads for a proxy that must log in as a user: on a leader and on a standby, of who may log in now, and of nobody else.
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { clientOf, followOf, makeNode, mayLead, NEVER, nodeFileOf, ok, SECRETS, type RealNode } from '../../../support/real-node.ts';
import { until } from '../../../support/until.ts';

let a: RealNode;
let b: RealNode;

beforeAll(async () => {
  [a, b] = await Promise.all([makeNode('a'), makeNode('b')]);
  const made = await a.postgres.initialize(a.member, NEVER);
  if (made.kind === 'failed') throw new Error(made.why);
  await a.nodeFile.save(nodeFileOf(a, 1n), 2_000);
  await mayLead(a, 1n);
  await ok(a.postgres.start({ kind: 'primary', epoch: epoch(1n), inForce: { kind: 'no-wait' } }, NEVER));
  await ok(a.postgres.setOpen(true, NEVER));
  const client = await clientOf(a);
  await client.query(
    `CREATE ROLE app LOGIN PASSWORD 'pencil'; CREATE ROLE "Jörg" LOGIN PASSWORD 'x'; CREATE ROLE later LOGIN PASSWORD 'x' VALID UNTIL 'infinity'`,
  );
  await client.query(
    `CREATE ROLE expired LOGIN PASSWORD 'x' VALID UNTIL '2001-01-01'; CREATE ROLE team NOLOGIN PASSWORD 'x'; CREATE ROLE bare LOGIN`,
  );
  await client.end();
  await ok(b.postgres.clone({ source: followOf(a, b, 1n), member: b.member, systemId: made.systemId }, NEVER));
  await b.nodeFile.save(nodeFileOf(b, 1n), 2_000);
  await ok(b.postgres.start({ kind: 'standby', follow: followOf(a, b, 1n), resting: { kind: 'placeholder' } }, NEVER));
});

afterAll(async () => {
  await Promise.all([a.remove(), b.remove()]);
});

it('is the same on the leader and on the standby', async () => {
  for (const user of ['app', 'Jörg', 'later']) {
    const look = await a.postgres.verifierOf(user, 2_000);
    expect(look).toEqual({ kind: 'looked', verifier: expect.stringMatching(/^SCRAM-SHA-256\$4096:/) });
    await until('the standby has it', 5_000, async () => (await b.postgres.verifierOf(user, 2_000)).kind === 'looked');
    expect(await b.postgres.verifierOf(user, 2_000)).toEqual(look);
  }
});

it('is nothing for who may not log in now, has no password, is unknown, or is only a longer name for somebody', async () => {
  for (const user of ['expired', 'team', 'bare', 'nobody', "app' or true --", `app${' '.repeat(3)}`, 'x'.repeat(64)]) {
    expect(await a.postgres.verifierOf(user, 2_000), user).toEqual({ kind: 'looked', verifier: null });
  }
});

it('is read for many at once, and not known when the time is over', async () => {
  const looks = await Promise.all(Array.from({ length: 200 }, () => a.postgres.verifierOf('app', 5_000)));
  expect(looks.every((look) => look.kind === 'looked' && look.verifier !== null)).toBe(true);
  expect(await a.postgres.verifierOf('app', 0)).toEqual({ kind: 'unknown' });
  expect((await a.postgres.verifierOf('app', 2_000)).kind).toBe('looked');
});

it('is for the monitoring role only, by the function only', async () => {
  const monitor = new pg.Client({
    host: '127.0.0.1',
    port: a.port,
    user: 'pgbaton_monitor',
    password: SECRETS.monitorPassword,
    database: 'postgres',
  });
  await monitor.connect();
  await expect(monitor.query('SELECT rolpassword FROM pg_authid')).rejects.toMatchObject({ code: '42501' });
  await monitor.end();
  const app = new pg.Client({ host: '127.0.0.1', port: a.port, user: 'app', password: 'pencil', database: 'postgres' });
  await app.connect();
  await expect(app.query("SELECT public.pgbaton_verifier('app')")).rejects.toMatchObject({ code: '42501' });
  await app.end();
});

it('is not known while no server runs', async () => {
  await ok(b.postgres.kill(5_000));
  expect(await b.postgres.verifierOf('app', 1_000)).toEqual({ kind: 'unknown' });
});
