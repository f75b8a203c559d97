/**
 * What a stopped server's directory says about itself. Looking costs tens of milliseconds (two programs), so the answer is kept until the
 * directory changes.
 */
import { join } from 'node:path';
import { messageOf } from '../../shared/errors.ts';
import { wasPrimary, wasStoppedCleanly } from './controldata.ts';
import type { LocalContext } from './context.ts';
import { contentOf, fingerprint } from './data-directory.ts';
import { readIfThere } from './files.ts';
import type { ServerState } from './port.ts';
import { readMarker } from './server-config.ts';
import { readControlData, readStoppedExtent } from './wal-boundary.ts';

type Look = { readonly print: string; readonly state: Promise<ServerState> };

export class StoppedDirectory {
  readonly #context: LocalContext;
  readonly #never = new AbortController().signal;
  #look: Look | null = null;

  constructor(context: LocalContext) {
    this.#context = context;
  }

  async state(): Promise<ServerState> {
    const print = await fingerprint(this.#context.config.dataDir);
    if (this.#look?.print !== print) this.#look = { print, state: this.#read() };
    const look = this.#look;
    const state = await look.state;
    // A look that failed is no answer to keep.
    if (state.kind === 'silent' && this.#look === look) this.#look = null;
    return state;
  }

  forget(): void {
    this.#look = null;
  }

  async #read(): Promise<ServerState> {
    const { dataDir } = this.#context.config;
    try {
      const content = await contentOf(dataDir);
      if (content === 'absent' || content === 'empty') return { kind: 'absent' };
      if (content === 'foreign') return { kind: 'silent', why: `${dataDir} holds something that is no PostgreSQL` };
      const control = await readControlData(this.#context, dataDir, this.#never);
      if (control === null) return { kind: 'silent', why: `the control file of ${dataDir} cannot be read` };
      const extent = await readStoppedExtent(this.#context, dataDir, control, this.#never);
      // A copy that was never started still has the control file of the primary it was taken from.
      const isFreshCopy = (await readIfThere(join(dataDir, 'backup_label'))) !== null;
      return { kind: 'stopped', systemId: control.systemId, wasPrimary: wasPrimary(control) && !isFreshCopy, cleanly: wasStoppedCleanly(control), extent, marker: await readMarker(dataDir) };
    } catch (error) {
      return { kind: 'silent', why: messageOf(error) };
    }
  }
}
