/**
 * One session of a client, with what a client has to remember of it. It must never keep the process alive: the peer may be frozen or cut off, and then
 * says neither yes nor goodbye.
 */
import { Socket } from 'node:net';
import { Client, type ClientConfig } from 'pg';
import { withDeadline } from '../../shared/runtime/deadline.ts';
import { isCancelledWait } from './classify.ts';

export type Session = {
  readonly client: Client;
  readonly socket: Socket;
  /** Set by a warning that arrives during a statement. */
  cancelledWait: boolean;
};

export type SessionOptions = {
  readonly connectionString: string;
  readonly name: string;
  /** A connection attempt that takes longer is given up by the client. */
  readonly patienceMs: number;
  /** The server's log is not the place to count what a standby refuses to a session that stays. */
  readonly isQuiet: boolean;
};

export type Opening =
  | { readonly kind: 'open'; readonly session: Session }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'abandoned' };

const QUIET = '-c log_min_messages=fatal';
const GOODBYE_MS = 1_000;

export async function openSession({ connectionString, name, patienceMs, isQuiet }: SessionOptions, abandon: AbortSignal): Promise<Opening> {
  const socket = new Socket();
  const client = new Client({
    connectionString,
    connectionTimeoutMillis: patienceMs,
    application_name: name,
    keepAlive: true,
    stream: () => socket,
    ...(isQuiet ? { options: QUIET } : {}),
  } as ClientConfig);
  const session: Session = { client, socket, cancelledWait: false };
  // Without a listener an idle session that breaks would end the process. The next statement tells the same story.
  client.on('error', () => undefined);
  client.on('notice', (notice) => {
    if (isCancelledWait(notice)) session.cancelledWait = true;
  });
  const failed = async (error: unknown): Promise<Opening> => {
    await closeSession(session);
    return { kind: 'failed', error };
  };
  try {
    const opened = await withDeadline(async () => client.connect(), patienceMs, abandon);
    if (opened.kind === 'done') return { kind: 'open', session };
    if (opened.kind === 'timed-out') return await failed(new Error(`no session within ${String(patienceMs)} ms`));
  } catch (error) {
    return failed(error);
  }
  await closeSession(session);
  return { kind: 'abandoned' };
}

/** A broken or silent session cannot say goodbye; nobody waits for it longer than a second. */
export async function closeSession({ client, socket }: Session): Promise<void> {
  await withDeadline(async () => client.end(), GOODBYE_MS).catch(() => undefined);
  // A peer that is frozen or cut off answers nothing, and its connection would keep this process alive.
  socket.destroy();
}
