/** pg_basebackup and pg_rewind: long copies that can end half way, and bring the source's marker and files along. */
import type { AskOf } from '../../agent/machine/asks.ts';
import type { Outcome } from '../../agent/postgres/port.ts';
import { directoryOf } from './directory.ts';
import type { SimNode } from './node.ts';
import type { Script } from './process.ts';
import type { ServerLife } from './server.ts';
import type { Wal } from './wal.ts';

const DONE: Outcome = { kind: 'done' };
const PIECES = 8;

function failed(code: string, why: string): Outcome {
  return { kind: 'failed', code, why };
}

type Source = { readonly node: SimNode; readonly life: ServerLife };

function sourceOf(node: SimNode, host: string): Source | null {
  const source = node.peer(host);
  const life = source?.life ?? null;
  if (source === null || life === null || !life.isUp) return null;
  return { node: source, life };
}

/** Whether the copy can go on: both ends there, and the link between them. */
function isThere(node: SimNode, { node: source, life }: Source): boolean {
  return (
    source.life === life &&
    life.process.isRunning &&
    !node.network.isCut(source.name, node.name) &&
    !node.network.isCut(node.name, source.name)
  );
}

export function* cloneFrom(node: SimNode, { source: from, member, systemId }: AskOf<'clone'>): Script<Outcome> {
  if (node.life !== null) return failed('PGB-1304', 'the server is running');
  const source = sourceOf(node, from.host);
  if (source === null) return failed('PGB-1310', 'the source does not answer');
  source.life.directory.slots.add(from.slot);
  const pieceMs = node.random.skewed(200, 1_500) / PIECES;
  for (let piece = 0; piece < PIECES; piece += 1) {
    yield pieceMs;
    if (!isThere(node, source)) return failed('PGB-1310', 'the source went away');
  }
  const { life } = source;
  if (life.directory.systemId !== systemId) return failed('PGB-1310', 'the source is of another cluster');
  const wal = upTo(life.directory.wal, life.available);
  node.judge.onReplaced(node, node.directory);
  node.directory = directoryOf(systemId, member, wal);
  return DONE;
}

export function* rewindTo(node: SimNode, { source: from, member }: AskOf<'rewind'>): Script<Outcome> {
  const { directory } = node;
  if (node.life !== null || directory === null) return failed('PGB-1304', 'the server is running');
  if (!directory.wasPrimary) return failed('PGB-1311', 'the directory is a standby’s');
  const source = sourceOf(node, from.host);
  if (source === null || source.life.role !== 'primary') return failed('PGB-1311', 'the source is not a primary');
  yield node.random.skewed(20, 200);
  node.judge.onReplaced(node, directory);
  // From here on the directory is neither the one nor the other, and looks like a clean old primary.
  directory.isWhole = false;
  directory.wasStoppedCleanly = true;
  const pieceMs = node.random.skewed(200, 1_500) / PIECES;
  for (let piece = 0; piece < PIECES; piece += 1) {
    yield pieceMs;
    if (!isThere(node, source)) return failed('PGB-1311', 'the source went away');
  }
  const { life } = source;
  node.directory = directoryOf(directory.systemId, member, upTo(life.directory.wal, life.available));
  return DONE;
}

function upTo(wal: Wal, bytes: number): Wal {
  const copy = wal.copy();
  copy.cutAt(bytes);
  return copy;
}
