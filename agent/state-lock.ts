/**
 * One agent to a state directory. A second one, started from the same file by mistake, would replace the node file under the first: whatever that
 * one promises afterwards goes into a file that nobody reads again, and the guard would go by the old promise.
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { appError, systemErrorCode } from '../shared/errors.ts';

/** An abstract socket: the kernel frees it when the process dies, however it dies, so it is never stale. */
export async function lockStateDirectory(stateDir: string): Promise<Server> {
  // Device and inode, because equal paths in two containers that share a network are different directories.
  const { dev, ino } = statSync(stateDir);
  const identity = createHash('sha256')
    .update(`${String(dev)}:${String(ino)}`)
    .digest('hex')
    .slice(0, 32);
  const lock = createServer((socket) => socket.destroy());
  lock.unref();
  await new Promise<void>((resolve, reject) => {
    lock.once('error', (error) => {
      reject(
        systemErrorCode(error) === 'EADDRINUSE'
          ? appError('PGB-1305', `an agent is running already on ${stateDir}`, { cause: error })
          : error,
      );
    });
    lock.listen(`\0pgbaton-agent-${identity}`, resolve);
  });
  return lock;
}
