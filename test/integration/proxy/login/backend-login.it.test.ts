/** A login that is learned from a client and made again by the proxy, on the same server and on its physical standby. */
import { createSecureContext } from 'node:tls';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logIn, type Backend, type LoginOutcome } from '../../../../proxy/login/backend-login.ts';
import type { VerifierOf } from '../../../../proxy/login/credential-learner.ts';
import type { Credentials } from '../../../../proxy/login/credentials.ts';
import type { ServerTls } from '../../../../proxy/server-tls.ts';
import { createLogger } from '../../../../shared/logging/logger.ts';
import { until } from '../../../support/until.ts';
import { PASSWORD, PostgresFixture } from '../postgres-fixture.ts';
import { message } from '../raw-client.ts';
import { LearningRelay } from './learning-relay.ts';

const NEVER = new AbortController().signal;
const ANY_CERTIFICATE: ServerTls = { context: createSecureContext(), verifies: false };
const MD5 = 'host all hashed 127.0.0.1/32 md5';

let primary: PostgresFixture;
let standby: PostgresFixture;
let relay: LearningRelay;
let admin: pg.Client;

beforeAll(async () => {
  primary = await PostgresFixture.start([MD5, 'host all clear 127.0.0.1/32 password']);
  admin = new pg.Client({ host: '127.0.0.1', port: primary.port, user: 'postgres', password: PASSWORD, database: 'postgres' });
  await admin.connect();
  await admin.query(`CREATE ROLE raw LOGIN; CREATE ROLE app LOGIN PASSWORD 'pencil'; CREATE ROLE clear LOGIN PASSWORD 'pencil'`);
  await admin.query(
    `CREATE ROLE changing LOGIN PASSWORD 'pencil'; CREATE ROLE expiring LOGIN PASSWORD 'pencil'; CREATE ROLE unicode LOGIN PASSWORD 'pä§ \u00a0ﬁ'`,
  );
  await admin.query(`SET password_encryption = 'md5'; CREATE ROLE hashed LOGIN PASSWORD 'pencil'; RESET password_encryption`);
  standby = await PostgresFixture.standbyOf(primary, [MD5]);
  relay = await new LearningRelay(primary.port).listen();
});

afterAll(async () => {
  await admin.end();
  await relay.close();
  await standby.remove();
  await primary.remove();
});

/** What the agent's function does, by hand. */
function verifierOf(user: string): VerifierOf {
  return async () => {
    const { rows } = await admin.query<{ rolpassword: string | null }>(
      'SELECT rolpassword FROM pg_authid WHERE rolname = $1 AND rolcanlogin AND (rolvaliduntil IS NULL OR rolvaliduntil > now())',
      [user],
    );
    return { kind: 'looked', verifier: rows[0]?.rolpassword ?? null };
  };
}

async function clientLogsIn(user: string, password = 'pencil', more: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: relay.port,
    user,
    password,
    database: 'postgres',
    application_name: 'moved',
    ...more,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function learn(user: string, password?: string): Promise<Awaited<ReturnType<typeof relay.learner.credentials>>> {
  const client = await clientLogsIn(user, password);
  const { learner } = relay;
  const learned = await learner.credentials(verifierOf(user), NEVER);
  await client.end();
  return learned;
}

async function learnedOf(user: string, password?: string): Promise<Credentials> {
  const learned = await learn(user, password);
  if (learned.kind === 'unlearnable') throw new Error(learned.why);
  return learned;
}

function again(port: number, credentials: Credentials, tls: ServerTls = 'off', signal = NEVER): Promise<LoginOutcome> {
  return logIn({ host: '127.0.0.1', port }, { startup: relay.startup, credentials, tls, budgetMs: 5_000, signal });
}

/** Asks the session something and takes its end. */
async function userOf({ socket }: Backend): Promise<string> {
  let heard = '';
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')));
  socket.write(
    message(
      'Q',
      "SELECT 'user=' || session_user || ' ' || current_setting('application_name') || ' ' || coalesce((SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()), '')\0",
    ),
  );
  socket.resume();
  await until('an answer', 5_000, () => heard.includes('Z'));
  socket.destroy();
  return /user=([a-z ]+)/.exec(heard)?.[1] ?? heard;
}

async function sessionIn(outcome: LoginOutcome): Promise<Backend> {
  if (outcome.kind !== 'in') throw new Error(JSON.stringify(outcome));
  return outcome.backend;
}

describe('a login made again', () => {
  it.each([
    ['app', 'scram', 'pencil'],
    ['unicode', 'scram', 'pä§ \u00a0ﬁ'],
    ['hashed', 'md5', 'pencil'],
    ['raw', 'none', ''],
  ])('%s (%s) is let in on the same server and on the standby', async (user, kind, password) => {
    const credentials = await learnedOf(user, password);
    expect(credentials.kind).toBe(kind);
    for (const port of [primary.port, standby.port]) {
      const backend = await sessionIn(await again(port, credentials));
      expect(backend.parameters.get('session_authorization')).toBe(user);
      expect(backend.parameters.get('in_hot_standby')).toBe(port === standby.port ? 'on' : 'off');
      expect(backend.key).toMatch(/^[0-9]+:[0-9a-f]{8}$/);
      expect(backend.negotiatedMinor).toBeNull();
      expect(backend.socket.isPaused()).toBe(true);
      expect(await userOf(backend)).toBe(`${user} moved false`);
    }
  });

  it('goes over TLS, where the server checks to which certificate it is bound', async () => {
    const credentials = await learnedOf('app');
    for (const port of [primary.port, standby.port]) {
      expect(await userOf(await sessionIn(await again(port, credentials, ANY_CERTIFICATE)))).toBe('app moved true');
    }
  });

  it('is not made with a password that went by in the clear', async () => {
    expect(await learn('clear')).toEqual({ kind: 'unlearnable', why: 'the server asks for the password itself' });
  });
});

describe('a login that is not let in', () => {
  it('after the password was changed, even to the same one: 28P01', async () => {
    const credentials = await learnedOf('changing');
    await admin.query("ALTER ROLE changing PASSWORD 'pencil'");
    expect(await again(primary.port, credentials)).toMatchObject({ kind: 'refused', code: '28P01' });
    expect(await learnedOf('changing')).toMatchObject({ kind: 'scram' });
  });

  it('when the password was changed between the login and the look-up, nothing is learned', async () => {
    const client = await clientLogsIn('changing');
    const { learner } = relay;
    await admin.query("ALTER ROLE changing PASSWORD 'other'");
    expect(await learner.credentials(verifierOf('changing'), NEVER)).toMatchObject({ kind: 'unlearnable' });
    await client.end();
  });

  it('when the role has expired, nothing is learned', async () => {
    const client = await clientLogsIn('expiring');
    const { learner } = relay;
    await admin.query("ALTER ROLE expiring VALID UNTIL '2001-01-01'");
    expect(await learner.credentials(verifierOf('expiring'), NEVER)).toEqual({
      kind: 'unlearnable',
      why: 'the user has no password that is valid now',
    });
    await client.end();
  });

  it('to a database that is not there any more, with the words of the server', async () => {
    const credentials = await learnedOf('raw', '');
    const startup = Buffer.from(relay.startup.toString('latin1').replace('postgres', 'nowheres'), 'latin1');
    const outcome = await logIn(
      { host: '127.0.0.1', port: primary.port },
      { startup, credentials, tls: 'off', budgetMs: 5_000, signal: NEVER },
    );
    expect(outcome).toMatchObject({ kind: 'refused', code: '3D000' });
  });

  it('to a server whose certificate nobody vouches for', async () => {
    const credentials = await learnedOf('app');
    const tls: ServerTls = { context: createSecureContext(), verifies: true };
    expect(await again(primary.port, credentials, tls)).toMatchObject({ kind: 'failed', why: expect.stringMatching(/self-signed/) });
  });
});

it('nothing of it is in a log, whatever is logged', async () => {
  let text = '';
  const log = createLogger({ level: 'trace', name: 'proxy', destination: { write: (line) => void (text += line) } });
  const credentials = await learnedOf('app');
  const hashed = await learnedOf('hashed');
  const { verifier } = (await verifierOf('app')(NEVER)) as { verifier: string };
  log.info({ learned: credentials, hashed, outcome: await again(primary.port, credentials), verifier }, 'learned');
  log.warn({ why: `the stored ${verifier} and ${hashed.kind === 'md5' ? hashed.verifier : ''}` }, 'odd');
  if (credentials.kind !== 'scram' || hashed.kind !== 'md5') throw new Error('not learned');
  expect(text.split('\n')).toHaveLength(3);
  for (const key of [credentials.clientKey, credentials.storedKey, credentials.serverKey]) {
    for (const encoding of ['hex', 'base64'] as const) expect(text).not.toContain(key.toString(encoding));
    expect(text).not.toContain([...key].join(','));
  }
  expect(text).not.toContain(hashed.verifier);
  expect(text).not.toContain(verifier);
});
