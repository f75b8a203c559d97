/**
 * The writer process of the node file: a program of its own, started by node-file-store.ts. Its system calls may hang with the disk; then
 * the agent abandons it and goes on thinking. It decides nothing and must never write to a file it did not create itself: a writer that
 * was abandoned in the middle of a write finishes it when the disk thaws, perhaps long after its successor has written newer promises.
 * Because every writer begins with a file of its own and renames it into place, such a late write goes to an unlinked file.
 */
import { closeSync, fdatasyncSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf, systemErrorCode } from '../../shared/errors.ts';
import type { WriterReply, WriterRequest } from './writer-messages.ts';

const OWNER_ONLY = 0o600;

let file: number | null = null;

function writeAll(target: number, bytes: Uint8Array, offset: number): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(target, bytes, written, bytes.length - written, offset + written);
}

function replace(path: string, bytes: Uint8Array): void {
  const beside = `${path}.${String(process.pid)}.new`;
  const target = openSync(beside, 'w', OWNER_ONLY);
  try {
    writeAll(target, bytes, 0);
    fsyncSync(target);
    renameSync(beside, path);
  } catch (error) {
    // On a full disk every attempt would leave one more file behind.
    rmSync(beside, { force: true });
    throw error;
  }
  const directory = openSync(dirname(path), 'r');
  fsyncSync(directory);
  closeSync(directory);
  if (file !== null) closeSync(file);
  file = target;
}

function perform(request: WriterRequest): WriterReply {
  try {
    if (request.kind === 'replace') {
      replace(request.path, request.bytes);
    } else {
      if (file === null) throw new Error('nothing was opened');
      writeAll(file, request.bytes, request.offset);
      fdatasyncSync(file);
    }
    return { kind: 'durable', id: request.id };
  } catch (error) {
    return { kind: 'failed', id: request.id, code: systemErrorCode(error), message: messageOf(error) };
  }
}

// The parent of this program is the agent alone; both come from one build, so the message has the type it was sent with.
process.on('message', (request: WriterRequest) => {
  process.send?.(perform(request));
});
process.on('disconnect', () => process.exit(0));
// Ctrl-C in a terminal reaches the whole process group; the agent may still have to write its last words.
for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const) process.on(signal, () => undefined);
