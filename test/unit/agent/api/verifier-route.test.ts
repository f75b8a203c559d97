// Asking an agent for what is stored instead of a password: the route and the proxy's question to it, over real HTTP.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addVerifierRoute } from '../../../../agent/api/verifier-route.ts';
import type { VerifierLook } from '../../../../agent/postgres/port.ts';
import { createAgentClient, type AgentClient } from '../../../../proxy/agent-client.ts';
import { createHttpServer, type HttpServer } from '../../../../shared/http/server.ts';
import { createLogger } from '../../../../shared/logging/logger.ts';

const TOKEN = 'peer-token-0123456789';
const VERIFIER = `SCRAM-SHA-256$4096:${'A'.repeat(24)}$${'B'.repeat(44)}:${'C'.repeat(44)}`;
const NEVER = new AbortController().signal;
let http: HttpServer;
let url = '';
let asked: string[] = [];
let look: () => Promise<VerifierLook> = async () => ({ kind: 'looked', verifier: VERIFIER });
let logged = '';
const clients: AgentClient[] = [];

beforeEach(async () => {
  asked = [];
  logged = '';
  look = async () => ({ kind: 'looked', verifier: VERIFIER });
  const logger = createLogger({ level: 'trace', name: 'agent', destination: { write: (line) => void (logged += line) } });
  http = createHttpServer({ host: '127.0.0.1', port: 0, logger });
  const verifierOf = async (user: string): Promise<VerifierLook> => {
    asked.push(user);
    return look();
  };
  addVerifierRoute(http.app, { postgres: { verifierOf }, peerToken: TOKEN });
  const { port } = await http.listen();
  url = `http://127.0.0.1:${String(port)}`;
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await http.close();
});

function ask(user: string, token: string | null = TOKEN): ReturnType<AgentClient['verifierOf']> {
  const client = createAgentClient(token);
  clients.push(client);
  return client.verifierOf(url, user, { budgetMs: 2_000, signal: NEVER });
}

describe('the question for a verifier', () => {
  it('is answered to who holds the peer token, in the letters of the role', async () => {
    expect(await ask('app')).toEqual({ kind: 'looked', verifier: VERIFIER });
    expect(await ask(Buffer.from('Jörg').toString('latin1'))).toEqual({ kind: 'looked', verifier: VERIFIER });
    expect(asked).toEqual(['app', 'Jörg']);
    look = async () => ({ kind: 'looked', verifier: null });
    expect(await ask('expired')).toEqual({ kind: 'looked', verifier: null });
  });

  it('is answered to nobody else, and PostgreSQL is not even asked', async () => {
    expect(await ask('app', 'another-token-0123456789')).toMatchObject({ kind: 'failed', why: expect.stringContaining('401') });
    expect(await ask('app', null)).toMatchObject({ kind: 'failed', why: expect.stringContaining('peerTokenFile') });
    expect(
      (await fetch(`${url}/verifier`, { method: 'POST', body: '{"user":"app"}', headers: { 'content-type': 'application/json' } })).status,
    ).toBe(401);
    expect(asked).toEqual([]);
  });

  it.each(['', 'x'.repeat(64), '\u00ff'])('about a name that PostgreSQL would read as another one is not put (%j)', async (user) => {
    expect((await ask(user)).kind).toBe('failed');
    expect(asked).toEqual([]);
  });

  it('that cannot be answered at present is a failure, and the reason quotes nothing', async () => {
    look = async () => ({ kind: 'unknown' });
    expect(await ask('app')).toMatchObject({ kind: 'failed', why: expect.stringMatching(/status 5\d\d/) });
    look = () => Promise.reject(new Error(`odd ${VERIFIER}`));
    const outcome = await ask('app');
    expect(outcome.kind).toBe('failed');
    expect(JSON.stringify(outcome)).not.toContain('SCRAM');
    expect(logged).toContain('a request failed unexpectedly');
    expect(logged).not.toContain('BBBB');
  });
});
