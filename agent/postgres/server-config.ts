/**
 * Keeper of the rendered files: what is written, what it was rendered from, and the order of writing (file first, reload afterwards). None of them
 * need outlive a loss of power: no server does, and each is written anew before one is started.
 * Writes are serialised, so that a revoke and a change of the set cannot lose each other's line.
 */
import { join } from 'node:path';
import type { MemberId } from '../../shared/domain/node-id.ts';
import { parseMemberId } from '../../shared/domain/node-id.ts';
import { REPLICATION_ROLE, renderHba } from './hba.ts';
import { configDirectory, configFilePath, hbaFilePath, identFilePath, type LocalContext } from './context.ts';
import { makeDirectory, readIfThere, stageWhole, writeDurably, writeWhole } from './files.ts';
import { emptyPassfiles, epochPassfile, removeOtherPassfiles, writePassfile } from './passfile.ts';
import type { Follow } from './port.ts';
import { addressesOf } from './host-addresses.ts';
import { INITIAL, parseRendered, renderSettings, stripOwned, type Attachment, type Rendered } from './settings.ts';

/** Says whose data a directory holds: clone and rewind bring the source's (PROTOCOL P1). */
const MARKER_FILE = 'pgbaton.member';
const RUN_DIR_MODE = 0o755;
const CONFIG_DIR_MODE = 0o755;
/** Short, because a promise that is asked for meanwhile waits for it. */
const LOOKUP_DEADLINE_MS = 500;

export class ServerConfig {
  readonly #context: LocalContext;
  #rendered: Rendered = INITIAL;
  #applicationName: MemberId | null = null;
  #loaded: Promise<void> | null = null;
  /** What the file says that this process has written; null before that. */
  #hbaOpen: boolean | null = null;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(context: LocalContext) {
    this.#context = context;
  }

  get rendered(): Rendered {
    return this.#rendered;
  }

  /** Reads what an earlier agent left behind. */
  load(): Promise<void> {
    this.#loaded ??= this.#load();
    return this.#loaded;
  }

  /** Renders anew what `change` makes of the present state. Resolves when the files are in place; the reload is the caller's. */
  async update(change: (rendered: Rendered) => Rendered): Promise<void> {
    await this.load();
    await this.#inTurn(async () => {
      const next = change(this.#rendered);
      const settings = renderSettings(next, {
        ...this.#context,
        applicationName: this.#applicationName,
        passfile: (follow) => epochPassfile(this.#context.runDir, follow),
      });
      await this.#place(settings, next.open);
      this.#rendered = next;
    });
  }

  /** The credential first: a conninfo without it attaches to nobody. Returns what the conninfo is to be rendered from. */
  async admit(follow: Follow, signal: AbortSignal): Promise<Attachment> {
    const known = this.#rendered.follow?.host === follow.host ? this.#rendered.follow.addresses : [];
    const found = await addressesOf(follow.host, LOOKUP_DEADLINE_MS, signal);
    const path = epochPassfile(this.#context.runDir, follow);
    const { replicationPassword } = this.#context.secrets;
    await writePassfile(
      path,
      [{ host: follow.host, port: follow.port, database: 'replication', user: REPLICATION_ROLE, password: replicationPassword }],
      this.#context.osUser,
    );
    await emptyPassfiles(this.#context.runDir, path, this.#context.osUser);
    return { ...follow, addresses: found.length === 0 ? known : found };
  }

  async withdrawCredential(): Promise<void> {
    await emptyPassfiles(this.#context.runDir, null, this.#context.osUser);
  }

  async forgetOldCredentials(follow: Follow): Promise<void> {
    await removeOtherPassfiles(this.#context.runDir, epochPassfile(this.#context.runDir, follow));
  }

  /** Everything a start needs, except what `update` writes. Returns whose data the directory holds by its own word. */
  async prepareStart(): Promise<MemberId | null> {
    await this.load();
    const { dataDir } = this.#context.config;
    this.#applicationName = await readMarker(dataDir);
    await writeWhole(identFilePath(this.#context.stateDir), '', this.#context.osUser);
    await stripAutoConf(dataDir, this.#context);
    return this.#applicationName;
  }

  async makeDirectories(): Promise<void> {
    const { runDir, stateDir, osUser } = this.#context;
    await makeDirectory(stateDir, null, CONFIG_DIR_MODE);
    await makeDirectory(runDir, osUser, RUN_DIR_MODE);
    await makeDirectory(configDirectory(stateDir), osUser, CONFIG_DIR_MODE);
  }

  async #load(): Promise<void> {
    await this.makeDirectories();
    const text = await readIfThere(configFilePath(this.#context.stateDir));
    this.#rendered = (text === null ? null : parseRendered(text)) ?? INITIAL;
    this.#applicationName = await readMarker(this.#context.config.dataDir);
  }

  /** Both are laid ready side by side: clients wait for this. */
  async #place(settings: string, open: boolean): Promise<void> {
    const { stateDir, osUser, config } = this.#context;
    const [ofSettings, ofHba] = await Promise.allSettled([
      stageWhole(configFilePath(stateDir), settings, osUser),
      this.#hbaOpen === open ? null : stageWhole(hbaFilePath(stateDir), renderHba(open, config.hba), osUser),
    ]);
    if (ofSettings.status === 'rejected' || ofHba.status === 'rejected') {
      for (const one of [ofSettings, ofHba]) if (one.status === 'fulfilled') await one.value?.discard();
      throw ofSettings.status === 'rejected' ? ofSettings.reason : (ofHba as PromiseRejectedResult).reason;
    }
    // Open last, close first: between the two the stricter of both must hold.
    const inOrder = open ? [ofSettings.value, ofHba.value] : [ofHba.value, ofSettings.value];
    for (const one of inOrder) await one?.place();
    this.#hbaOpen = open;
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#tail.then(work);
    // The next one goes on after a failure; the caller of this one hears of it.
    this.#tail = turn.catch(() => undefined);
    await turn;
  }
}

/** The member a directory belongs to; null when it says none. */
export async function readMarker(dataDir: string): Promise<MemberId | null> {
  const text = await readIfThere(join(dataDir, MARKER_FILE));
  return text === null ? null : parseMemberId(text.trim());
}

export async function writeMarker(dataDir: string, member: MemberId, context: LocalContext): Promise<void> {
  await writeDurably(join(dataDir, MARKER_FILE), `${member}\n`, context.osUser);
}

/** ALTER SYSTEM, pg_rewind -R and pg_basebackup -R write there, and it beats every other file. */
export async function stripAutoConf(dataDir: string, context: LocalContext): Promise<void> {
  const path = join(dataDir, 'postgresql.auto.conf');
  const text = await readIfThere(path);
  const stripped = text === null ? null : stripOwned(text);
  if (stripped !== null) await writeDurably(path, stripped, context.osUser);
}
