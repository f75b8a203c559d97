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
import { makeDirectory, readIfThere, removeStaged, stageWhole, writeDurably, writeWhole, type Staged } from './files.ts';
import { emptyPassfiles, epochPassfile, removeOtherPassfiles, writePassfile } from './passfile.ts';
import type { Follow } from './port.ts';
import { addressesOf } from './host-addresses.ts';
import { INITIAL, likelyNext, parseRendered, renderSettings, stripOwned, type Attachment, type Rendered } from './settings.ts';

/** Says whose data a directory holds: clone and rewind bring the source's (PROTOCOL P1). */
const MARKER_FILE = 'pgbaton.member';
const RUN_DIR_MODE = 0o755;
const CONFIG_DIR_MODE = 0o755;
/** Short, because a promise that is asked for meanwhile waits for it. */
const LOOKUP_DEADLINE_MS = 500;
/** One change often follows another at once, and then the first one's successor is not the likely one. */
const PREPARE_AFTER_MS = 5;

/** Files that lie beside their places; `hba` is null when the one in place says the same. */
type Laid = { readonly settings: string; readonly open: boolean; readonly ofSettings: Staged; readonly ofHba: Staged | null };

export class ServerConfig {
  readonly #context: LocalContext;
  #rendered: Rendered = INITIAL;
  #applicationName: MemberId | null = null;
  #loaded: Promise<void> | null = null;
  /** What the file says that this process has written; null before that. */
  #hbaOpen: boolean | null = null;
  /** The settings that this process has put in place; null: before the first, and when the next must be written whatever they say. */
  #inPlace: string | null = null;
  #tail: Promise<unknown> = Promise.resolve();
  /** What the likely next change will want. */
  #ready: Laid | null = null;
  #readyTimer: NodeJS.Timeout | undefined;
  #preparing: Promise<void> = Promise.resolve();
  /** Counts the changes: what was laid ready for the state before one of them is of no use. */
  #changes = 0;

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

  /**
   * Renders anew what `change` makes of the present state. Resolves when the files are in place, with whether any of them is another than before; the
   * reload is the caller's.
   */
  async update(change: (rendered: Rendered) => Rendered): Promise<boolean> {
    await this.load();
    return await this.#inTurn(async () => {
      const next = change(this.#rendered);
      const isChanged = await this.#place(this.#settingsOf(next), next.open);
      this.#rendered = next;
      // Still in turn: begun in the middle of the next change, it would be made for the state before that one.
      this.#prepareSoon();
      return isChanged;
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
    await emptyPassfiles(this.#context.runDir, path);
    return { ...follow, addresses: found.length === 0 ? known : found };
  }

  async withdrawCredential(): Promise<void> {
    await emptyPassfiles(this.#context.runDir, null);
  }

  async forgetOldCredentials(follow: Follow): Promise<void> {
    await removeOtherPassfiles(this.#context.runDir, epochPassfile(this.#context.runDir, follow));
  }

  /** Everything a start needs, except what `update` writes. Returns whose data the directory holds by its own word. */
  async prepareStart(): Promise<MemberId | null> {
    await this.load();
    const { dataDir } = this.#context.config;
    // Whatever has become of the files since they were put there.
    await this.#inTurn(async () => {
      this.#hbaOpen = null;
      this.#inPlace = null;
      await this.#forgetReady();
    });
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

  /** Nothing lies ready any more; the files in place stay. */
  async close(): Promise<void> {
    await this.#tail;
    clearTimeout(this.#readyTimer);
    await this.#forgetReady();
    await this.#preparing;
  }

  async #forgetReady(): Promise<void> {
    this.#changes += 1;
    const ready = this.#ready;
    this.#ready = null;
    if (ready !== null) await discard(ready);
  }

  async #load(): Promise<void> {
    await this.makeDirectories();
    await removeStaged(configDirectory(this.#context.stateDir));
    const text = await readIfThere(configFilePath(this.#context.stateDir));
    this.#rendered = (text === null ? null : parseRendered(text)) ?? INITIAL;
    this.#applicationName = await readMarker(this.#context.config.dataDir);
  }

  #settingsOf(rendered: Rendered): string {
    return renderSettings(rendered, {
      ...this.#context,
      applicationName: this.#applicationName,
      passfile: (follow) => epochPassfile(this.#context.runDir, follow),
    });
  }

  /** Clients wait for this. False: both say so already. */
  async #place(settings: string, open: boolean): Promise<boolean> {
    if (this.#inPlace === settings && this.#hbaOpen === open) return false;
    this.#changes += 1;
    clearTimeout(this.#readyTimer);
    const ready = this.#ready;
    this.#ready = null;
    const isWanted = ready?.settings === settings && ready.open === open;
    // Not awaited: it takes its errors to itself.
    if (ready !== null && !isWanted) void discard(ready);
    const { ofSettings, ofHba } = isWanted ? ready : await this.#lay(settings, open);
    // Open last, close first: between the two the stricter of both must hold.
    const inOrder = open ? [ofSettings, ofHba] : [ofHba, ofSettings];
    this.#hbaOpen = null;
    this.#inPlace = null;
    for (const one of inOrder) await one?.place();
    this.#hbaOpen = open;
    this.#inPlace = settings;
    return true;
  }

  /** Both side by side. */
  async #lay(settings: string, open: boolean): Promise<Laid> {
    const { stateDir, osUser, config } = this.#context;
    const [ofSettings, ofHba] = await Promise.allSettled([
      stageWhole(configFilePath(stateDir), settings, osUser),
      this.#hbaOpen === open ? null : stageWhole(hbaFilePath(stateDir), renderHba(open, config.hba), osUser),
    ]);
    if (ofSettings.status === 'fulfilled' && ofHba.status === 'fulfilled')
      return { settings, open, ofSettings: ofSettings.value, ofHba: ofHba.value };
    for (const one of [ofSettings, ofHba]) if (one.status === 'fulfilled') await one.value?.discard();
    throw ofSettings.status === 'rejected' ? ofSettings.reason : (ofHba as PromiseRejectedResult).reason;
  }

  #prepareSoon(): void {
    clearTimeout(this.#readyTimer);
    this.#readyTimer = setTimeout(() => {
      this.#preparing = this.#prepare();
    }, PREPARE_AFTER_MS);
    this.#readyTimer.unref();
  }

  /** Writing takes a file five turns of a busy event loop, moving it into place one; the next change may be what all clients wait for. */
  async #prepare(): Promise<void> {
    const changes = this.#changes;
    const next = likelyNext(this.#rendered);
    const laid = await this.#lay(this.#settingsOf(next), next.open).catch(() => null);
    // What could not be laid ready is written when it is wanted, and whoever wants it hears why it cannot be.
    if (laid === null) return;
    if (changes === this.#changes) this.#ready = laid;
    else await discard(laid);
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(work);
    // The next one goes on after a failure; the caller of this one hears of it.
    this.#tail = turn.catch(() => undefined);
    return await turn;
  }
}

async function discard({ ofSettings, ofHba }: Laid): Promise<void> {
  await Promise.all([ofSettings.discard(), ofHba?.discard()]);
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
