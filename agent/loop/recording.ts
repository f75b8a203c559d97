/**
 * What happened to one agent, and what it wanted done about it, in a file: `chaos/replay` feeds the same events to the same decisions, and must get the
 * same effects. Each step is written before its effects are carried out, and waited for: what was wanted just before a kill -9 is what one wants to know, and
 * nobody records who has not asked for it. It must never end an agent that runs: what cannot be written any more is left out, and the file ends early.
 *
 * A frame is its length in four bytes, then the value as `node:v8` writes it. The first value is where the machine began.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import type { Logger } from '../../shared/logging/logger.ts';
import type { Effect, Event } from '../machine/events.ts';
import type { MachineStart } from '../machine/machine.ts';

export type RecordedStep = { readonly event: Event; readonly nowMs: number; readonly effects: readonly Effect[] };

export type Recording = { readonly start: MachineStart; readonly steps: readonly RecordedStep[] };

const LENGTH_BYTES = 4;
/** Hours of an ordinary agent; a forgotten switch must not fill a disk. */
const FILE_BYTES_MAX = 1 << 30;

export class Recorder {
  readonly #log: Logger;
  #fd: number | null;
  #bytes = 0;

  /** `dir` must exist. The file is new, named after the node and this process. */
  constructor(parts: { readonly dir: string; readonly name: string; readonly log: Logger; readonly start: MachineStart }) {
    this.#log = parts.log;
    const path = join(parts.dir, `${parts.name}-${String(process.pid)}.recording`);
    this.#fd = openSync(path, 'wx', 0o600);
    parts.log.info({ path }, 'recording');
    this.#write(parts.start);
  }

  note(step: RecordedStep): void {
    this.#write(step);
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  #write(value: unknown): void {
    if (this.#fd === null) return;
    try {
      const body = serialize(value);
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeUInt32BE(body.length);
      this.#bytes += LENGTH_BYTES + body.length;
      if (this.#bytes > FILE_BYTES_MAX) throw new RangeError(`the recording has ${String(FILE_BYTES_MAX)} bytes`);
      writeSync(this.#fd, Buffer.concat([length, body]));
    } catch (error) {
      this.#log.warn({ err: error }, 'the recording ends here');
      this.close();
    }
  }
}

/** Throws RangeError when there is no beginning. A last frame that was cut short, as by kill -9, is left out. */
export function readRecording(bytes: Buffer): Recording {
  const values: unknown[] = [];
  for (let at = 0; at + LENGTH_BYTES <= bytes.length;) {
    const end = at + LENGTH_BYTES + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    values.push(deserialize(bytes.subarray(at + LENGTH_BYTES, end)));
    at = end;
  }
  const [start, ...steps] = values;
  if (start === undefined) throw new RangeError('the recording is empty');
  // Both were written by the recorder above, of this very version.
  return { start: start as MachineStart, steps: steps as readonly RecordedStep[] };
}
