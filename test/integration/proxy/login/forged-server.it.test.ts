/** Servers that do not do what a server does: a login ends, says why, and leaves no socket. */
import { execFileSync } from 'node:child_process';
import { createHmac, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseSaslInitial } from '../../../../proxy/login/authentication.ts';
import { logIn, type LoginOptions, type LoginOutcome } from '../../../../proxy/login/backend-login.ts';
import { certificateHash } from '../../../../proxy/login/certificate-hash.ts';
import type { Credentials } from '../../../../proxy/login/credentials.ts';
import { auth, SALT, SASL, scramKeys } from '../../../unit/proxy/login/fixture.ts';
import { until } from '../../../support/until.ts';
import { message, startupPacket } from '../raw-client.ts';
import { AUTH_OK, backendKey, fatal, READY, ScriptedServer } from '../scripted-server.ts';

const STARTUP = startupPacket({ user: 'app' });
const NONE: Credentials = { kind: 'none' };
const PARAMETER = message('S', 'in_hot_standby\0on\0');
const NOTICE = message('N', 'SNOTICE\0C00000\0Mhello\0\0');
let server: ScriptedServer;

beforeEach(async () => {
  server = await new ScriptedServer().listen();
});

afterEach(async () => {
  await server.close();
});

function login(changes: Partial<LoginOptions> = {}): Promise<LoginOutcome> {
  return logIn(
    { host: '127.0.0.1', port: server.port },
    { startup: STARTUP, credentials: NONE, tls: 'off', budgetMs: 3_000, signal: new AbortController().signal, ...changes },
  );
}

function scram(): Credentials {
  return { kind: 'scram', ...scramKeys('pencil') };
}

async function leavesNoSocket(): Promise<void> {
  await until(
    'the server sees the end',
    3_000,
    () => server.sockets.length > 0 && server.sockets.every((socket) => socket.readableEnded || socket.destroyed),
  );
}

/** The other side of SCRAM, with whatever key; calls `then` with the client's last message. */
function challenge(socket: Socket, then: (authMessage: string) => void): void {
  socket.write(message('R', SASL));
  let bare = '';
  let first = '';
  socket.on('data', (chunk: Buffer) => {
    if (chunk[0] !== 0x70) return;
    const body = chunk.subarray(5);
    if (first === '') {
      bare = parseSaslInitial(body)?.text.replace(/^[^,]*,,/, '') ?? '';
      first = `${bare.replace('n=,', '')}server,s=${SALT.toString('base64')},i=4096`;
      socket.write(message('R', auth(11, first)));
    } else {
      then(`${bare},${first},${body.toString('latin1').replace(/,p=.*$/, '')}`);
    }
  });
}

describe('a login with a server of its own ways', () => {
  it('takes in what is reported before and right behind the greeting, in whatever pieces', async () => {
    const greeting = Buffer.concat([NOTICE, AUTH_OK, PARAMETER, backendKey(7, Buffer.from([1, 2, 3, 4])), READY]);
    server.onFirst = (socket) => {
      for (const byte of greeting) socket.write(Buffer.from([byte]));
      socket.write(Buffer.concat([message('S', 'TimeZone\0UTC\0'), NOTICE]));
    };
    const outcome = await login();
    if (outcome.kind !== 'in') throw new Error(JSON.stringify(outcome));
    expect(outcome.backend.parameters.get('in_hot_standby')).toBe('on');
    expect(outcome.backend.key).toBe('7:01020304');
    expect(server.heard[0]).toEqual(STARTUP);
    outcome.backend.socket.destroy();
  });

  it('remembers which version was negotiated, and a long key', async () => {
    const version = Buffer.from([0, 3, 0, 2, 0, 0, 0, 0]);
    server.onFirst = (socket) => socket.write(Buffer.concat([message('v', version), AUTH_OK, backendKey(7, Buffer.alloc(32, 9)), READY]));
    const outcome = await login();
    if (outcome.kind !== 'in') throw new Error(JSON.stringify(outcome));
    expect(outcome.backend.negotiatedMinor).toBe(2);
    expect(outcome.backend.key).toBe(`7:${'09'.repeat(32)}`);
    outcome.backend.socket.destroy();
  });

  it('believes a server that knows the user, and no other', async () => {
    const credentials = scram();
    if (credentials.kind !== 'scram') throw new Error('no keys');
    const sign = (key: Buffer, text: string): Buffer =>
      message('R', auth(12, `v=${createHmac('sha256', key).update(text).digest('base64')}`));
    server.onFirst = (socket) =>
      challenge(socket, (text) => socket.write(Buffer.concat([sign(credentials.serverKey, text), AUTH_OK, READY])));
    const outcome = await login({ credentials });
    expect(outcome.kind).toBe('in');
    if (outcome.kind === 'in') outcome.backend.socket.destroy();

    server.onFirst = (socket) => challenge(socket, (text) => socket.write(Buffer.concat([sign(Buffer.alloc(32), text), AUTH_OK, READY])));
    expect(await login({ credentials })).toMatchObject({ kind: 'failed', why: expect.stringContaining('did not prove') });
    server.onFirst = (socket) => challenge(socket, () => socket.write(Buffer.concat([AUTH_OK, READY])));
    expect(await login({ credentials })).toMatchObject({ kind: 'failed', why: expect.stringContaining('did not prove') });
    await leavesNoSocket();
  });

  it.each([
    ['an error', fatal('53300', 'too many'), { kind: 'refused', code: '53300', why: 'too many' }],
    ['a greeting without a login', READY, { kind: 'failed' }],
    ['a session in a transaction', Buffer.concat([AUTH_OK, message('Z', 'T')]), { kind: 'failed' }],
    ['two logins', Buffer.concat([AUTH_OK, AUTH_OK, READY]), { kind: 'failed' }],
    ['two greetings', Buffer.concat([AUTH_OK, READY, READY]), { kind: 'failed' }],
    ['rows', Buffer.concat([AUTH_OK, message('D', 'x')]), { kind: 'failed' }],
    ['a message without end', Buffer.from([0x52, 0x7f, 0, 0, 0]), { kind: 'failed' }],
    ['an impossible length', Buffer.from([0x52, 0, 0, 0, 0]), { kind: 'failed' }],
    ['GSSAPI', message('R', auth(7)), { kind: 'failed', why: expect.stringContaining('GSSAPI') }],
    ['a clear password', message('R', auth(3)), { kind: 'failed', why: expect.stringContaining('the password itself') }],
    ['an md5 password', message('R', auth(5, 'salt')), { kind: 'failed', why: expect.stringContaining('md5') }],
    ['SCRAM', message('R', SASL), { kind: 'failed', why: expect.stringContaining('SCRAM') }],
    ['a continuation of nothing', message('R', auth(11, 'r=x')), { kind: 'failed' }],
    ['notices for ever', Buffer.concat(Array.from({ length: 2_000 }, () => NOTICE)), { kind: 'failed' }],
  ])('ends when it hears %s', async (_what, bytes, expected) => {
    server.onFirst = (socket) => socket.write(bytes);
    expect(await login()).toMatchObject(expected);
    await leavesNoSocket();
  });

  it('ends when the server leaves', async () => {
    server.onFirst = (socket) => socket.end(AUTH_OK);
    expect(await login()).toMatchObject({ kind: 'failed', why: expect.stringContaining('closed') });
    await leavesNoSocket();
  });

  it('ends when its time is over, and when it is given up', async () => {
    server.onFirst = (socket) => socket.write(AUTH_OK);
    expect(await login({ budgetMs: 150 })).toMatchObject({ kind: 'failed', why: 'no login within 150 ms' });
    await leavesNoSocket();
    const giveUp = new AbortController();
    const under = login({ signal: giveUp.signal });
    await until('the second is connected', 3_000, () => server.heard.length === 2 && server.heard[1]?.length === STARTUP.length);
    giveUp.abort();
    expect(await under).toMatchObject({ kind: 'failed', why: 'given up' });
    await leavesNoSocket();
    expect(await login({ signal: AbortSignal.abort() })).toMatchObject({ kind: 'failed' });
  });
});

describe('a login over TLS', () => {
  const dir = mkdtempSync(join(tmpdir(), 'pgbaton-login-'));
  const tls = { context: createSecureContext(), verifies: false };

  afterEach(() => {
    rmSync(dir, { recursive: true, force: true });
  });

  it('is bound to the certificate, when that is offered', async () => {
    const [cert, key] = [join(dir, 'cert'), join(dir, 'key')];
    const args = ['req', '-new', '-x509', '-subj', '/CN=a', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
    execFileSync('openssl', [...args, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const secureContext = createSecureContext({ cert: readFileSync(cert), key: readFileSync(key) });
    let said = '';
    server.onFirst = (socket) => {
      socket.removeAllListeners('data');
      socket.write('S');
      const secured = new TLSSocket(socket, { isServer: true, secureContext });
      secured.on('error', () => undefined);
      secured.once('data', () => {
        challenge(secured, (text) => {
          said = text;
          secured.end();
        });
      });
    };
    expect(await login({ credentials: scram(), tls })).toMatchObject({ kind: 'failed' });
    const hash = certificateHash(new X509Certificate(readFileSync(cert)).raw) ?? Buffer.alloc(0);
    const bound = Buffer.concat([Buffer.from('p=tls-server-end-point,,'), hash]).toString('base64');
    expect(said).toContain(`,c=${bound},`);
  });

  it.each(['N', 'X', 'SS', 'E'])('is not made in the clear with a server that answers %j', async (answer) => {
    server.onFirst = (socket) => socket.write(answer);
    expect(await login({ tls })).toEqual({ kind: 'failed', why: 'the server does not offer TLS' });
    expect(server.heard[0]).toHaveLength(8);
    await leavesNoSocket();
  });

  it('ends with a handshake that does not come about', async () => {
    server.onFirst = (socket) => socket.write('S', () => socket.end('nonsense'));
    expect((await login({ tls })).kind).toBe('failed');
    server.onFirst = (socket) => socket.write('S');
    expect(await login({ tls, budgetMs: 200 })).toMatchObject({ kind: 'failed' });
    await leavesNoSocket();
  });
});
