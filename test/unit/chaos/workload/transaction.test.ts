/** What a client may conclude from how a transaction ended: every ending once, with a server that says what it is told to. */
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { Session } from '../../../../chaos/ledger/session.ts';
import { transact, type Transacted } from '../../../../chaos/workload/transaction.ts';

const TOLD = { node: 'n1', server: '127.0.0.1:5001', timeline: '0000001A', lsn: '0/1', pid: 7 };
const LONG_MS = 5_000;

type Answer = () => Promise<{ readonly command: string; readonly rows: readonly unknown[] }>;

/** By the first word of a statement; what is not told is well. */
class Server {
  readonly asked: string[] = [];
  readonly session: Session;
  readonly #answers: Readonly<Record<string, Answer>>;

  constructor(answers: Readonly<Record<string, Answer>> = {}) {
    this.#answers = answers;
    const client = { query: async (text: string) => this.#query(text.split(' ')[0] ?? '', text) };
    this.session = { client: client as unknown as Session['client'], socket: new Socket(), cancelledWait: false };
  }

  async #query(word: string, text: string): ReturnType<Answer> {
    this.asked.push(word);
    const rows = text.includes('cluster_name') ? [TOLD] : [];
    return (this.#answers[word] ?? (async () => ({ command: word, rows })))();
  }

  async transact(patienceMs = LONG_MS, kind: 'commit' | 'take-back' = 'commit'): Promise<Transacted<string>> {
    const abandon = new AbortController().signal;
    return transact(this.session, { isolation: 'SERIALIZABLE', patienceMs, abandon }, async (ask) => {
      await ask('UPDATE something');
      return { kind, value: 'seen' };
    });
  }
}

function fails(code: string | null): Answer {
  return async () => {
    throw code === null ? new Error('Connection terminated unexpectedly') : Object.assign(new Error(code), { code });
  };
}

const never: Answer = async () => new Promise(() => undefined);

describe('a transaction', () => {
  it('is acknowledged when COMMIT is, and says where it was', async () => {
    const server = new Server();
    expect(await server.transact()).toEqual({
      outcome: 'ok',
      value: 'seen',
      origin: { node: 'n1', server: '127.0.0.1:5001', timeline: 26, lsn: '0/1', backendPid: 7 },
      isSessionUsable: true,
    });
    expect(server.asked).toEqual(['BEGIN', 'SELECT', 'UPDATE', 'COMMIT']);
  });

  it('has failed when the client takes it back', async () => {
    const server = new Server();
    expect(await server.transact(LONG_MS, 'take-back')).toMatchObject({ outcome: 'failed', isSessionUsable: true });
    expect(server.asked).not.toContain('COMMIT');
  });

  it.each<[string, Readonly<Record<string, Answer>>, Partial<Transacted<string>>]>([
    ['COMMIT is answered with ROLLBACK', { COMMIT: async () => ({ command: 'ROLLBACK', rows: [] }) }, { outcome: 'failed' }],
    ['it is in the way of another one', { UPDATE: fails('40001') }, { outcome: 'failed', isSessionUsable: true }],
    ['that is found out at COMMIT', { COMMIT: fails('40001') }, { outcome: 'failed', isSessionUsable: true }],
    ['both wait for each other', { UPDATE: fails('40P01') }, { outcome: 'failed', isSessionUsable: true }],
    [
      'the session breaks while it rolls back',
      { UPDATE: fails('40001'), ROLLBACK: fails(null) },
      { outcome: 'failed', isSessionUsable: false },
    ],
    ['the session breaks before COMMIT', { UPDATE: fails(null) }, { outcome: 'failed', isSessionUsable: false }],
    ['the server ends before COMMIT', { UPDATE: fails('57P01') }, { outcome: 'failed', isSessionUsable: false }],
    ['the server is a standby', { UPDATE: fails('25006') }, { outcome: 'failed', isSessionUsable: false }],
    ['the session breaks at COMMIT', { COMMIT: fails(null) }, { outcome: 'unknown', isSessionUsable: false }],
    ['the server ends at COMMIT', { COMMIT: fails('57P01') }, { outcome: 'unknown', isSessionUsable: false }],
    ['the server does not know itself', { COMMIT: fails('40003') }, { outcome: 'unknown', isSessionUsable: false }],
  ])('when %s', async (_, answers, expected) => {
    expect(await new Server(answers).transact()).toMatchObject(expected);
  });

  it('is unknown when the server did not wait for its standbys, although it says COMMIT', async () => {
    const server: Server = new Server({
      COMMIT: async () => {
        server.session.cancelledWait = true;
        return { command: 'COMMIT', rows: [] };
      },
    });
    expect(await server.transact()).toMatchObject({ outcome: 'unknown', isSessionUsable: true });
    // The warning of one is not that of the next.
    expect(await new Server().transact()).toMatchObject({ outcome: 'ok' });
  });

  it('is unknown when nobody answers to COMMIT in time', async () => {
    expect(await new Server({ COMMIT: never }).transact(20)).toMatchObject({ outcome: 'unknown', isSessionUsable: false });
  });

  it('has failed when nobody answers before, and then COMMIT is not sent any more', async () => {
    let answer = (): void => undefined;
    const server = new Server({
      UPDATE: async () =>
        new Promise((resolve) => {
          answer = () => {
            resolve({ command: 'UPDATE', rows: [] });
          };
        }),
    });
    expect(await server.transact(20)).toMatchObject({ outcome: 'failed', isSessionUsable: false });
    answer();
    await new Promise(setImmediate);
    expect(server.asked).toEqual(['BEGIN', 'SELECT', 'UPDATE']);
  });
});
