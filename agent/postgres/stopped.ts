/**
 * What a stopped server's directory says about itself. Looking costs tens of milliseconds (two programs), so the answer is kept until the
 * directory changes.
 */
import { join } from 'node:path';
import { describeError, messageOf } from '../../shared/errors.ts';
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
      if (content === 'foreign')
        return {
          kind: 'silent',
          code: 'PGB-1301',
          why: `${dataDir} holds something that is no PostgreSQL data directory: it is not touched`,
        };
      // Programs of another major version read nonsense, or nothing, out of the directory.
      const version = (await readIfThere(join(dataDir, 'PG_VERSION')))?.trim() ?? '';
      if (Number(version) !== this.#context.majorVersion)
        return {
          kind: 'silent',
          code: 'PGB-1302',
          why: `${dataDir} is of version ${version}, the programs are ${String(this.#context.majorVersion)}`,
        };
      const control = await readControlData(this.#context, dataDir, this.#never);
      if (control === null) return { kind: 'silent', why: `the control file of ${dataDir} cannot be read` };
      const extent = await readStoppedExtent(this.#context, dataDir, control, this.#never);
      // A copy that was never started still has the control file of the primary it was taken from.
      const isFreshCopy = (await readIfThere(join(dataDir, 'backup_label'))) !== null;
      return {
        kind: 'stopped',
        systemId: control.systemId,
        wasPrimary: wasPrimary(control) && !isFreshCopy,
        cleanly: wasStoppedCleanly(control),
        extent,
        marker: await readMarker(dataDir),
      };
    } catch (error) {
      return { kind: 'silent', ...codedReason(error) };
    }
  }
}

/** A look may fail for a passing reason; only what the system itself refuses is news for an operator. */
function codedReason(error: unknown): { readonly why: string; readonly code?: string } {
  const { code } = describeError(error);
  const why = messageOf(error);
  return code === 'PGB-1105' || code === 'PGB-1104' ? { why, code } : { why };
}
