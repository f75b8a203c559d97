/**
 * One machine: its clock, disk and network name, and on it an agent, a guard and a PostgreSQL, each of which may die or freeze by itself. What is durable
 * (data directory, node file, rendered settings) outlives them all; losing the disk loses it.
 */
import type { NodeFile } from '../../agent/node-file/port.ts';
import type { Follow } from '../../agent/postgres/port.ts';
import type { NodeName } from '../../shared/domain/node-id.ts';
import type { Clock } from './clock.ts';
import { freshRendered, type Directory, type Rendered } from './directory.ts';
import { ArmedFailpoint } from './failpoint.ts';
import { SimGuard } from './guard.ts';
import type { Judge } from './judge.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';
import { Receiver, Sender } from './replication.ts';
import { ServerLife, type Disk } from './server.ts';
import type { World } from './world.ts';

/** How this machine is at present. */
export type Weather = {
  /** One flush of the disk. */
  flushMs: number;
  /** Causes that hold the disk. */
  diskHangs: number;
  replayMs: number;
  checkpointerBusyShare: number;
  /** A walsender reads a changed setting so late at most. */
  rereadMs: number;
  /** Causes that keep PostgreSQL from starting: a full disk, a busy port. */
  startRefusals: number;
};

export type NodeParts = {
  readonly world: World;
  readonly network: Network;
  readonly name: NodeName;
  readonly clock: Clock;
  readonly judge: Judge;
  readonly peer: (name: string) => SimNode | null;
};

export const CALM_WEATHER: Weather = {
  flushMs: 0.6,
  diskHangs: 0,
  replayMs: 1,
  checkpointerBusyShare: 0.05,
  rereadMs: 18,
  startRefusals: 0,
};

const RECEIVER_RETRY_MS = 100;
const CONNECT_TIMEOUT_MS = 2_000;

export class SimNode {
  readonly name: NodeName;
  readonly clock: Clock;
  readonly guard: SimGuard;
  readonly random: Random;
  readonly world: World;
  readonly network: Network;
  readonly judge: Judge;
  readonly failpoint = new ArmedFailpoint();
  readonly disk: Disk = { flushMs: () => this.flushMs(), whenBack: (act) => this.whenDiskBack(act) };
  readonly weather: Weather = { ...CALM_WEATHER };
  directory: Directory | null = null;
  rendered: Rendered = freshRendered();
  file: NodeFile | null = null;
  life: ServerLife | null = null;
  isPowered = true;
  /** How often the machine has been switched on: what was on its way to the disk before is gone. */
  boots = 0;
  /** The world's time at the last thaw of anything here. */
  thawedAtMs = Number.NEGATIVE_INFINITY;
  /** When its data was last lost. */
  bereftAtMs = Number.NEGATIVE_INFINITY;
  onGuardChange: () => void = () => undefined;
  readonly #peer: NodeParts['peer'];
  #whenDiskBack: (() => void)[] = [];
  #isRetrying = false;

  constructor({ world, network, name, clock, judge, peer }: NodeParts) {
    this.world = world;
    this.network = network;
    this.name = name;
    this.clock = clock;
    this.judge = judge;
    this.#peer = peer;
    this.random = world.random(`node ${name}`);
    this.guard = new SimGuard({
      world,
      random: this.random,
      clock,
      promised: () => this.file?.promised ?? null,
      life: () => this.life,
      endLife: () => this.endServer(),
      onChange: () => this.onGuardChange(),
    });
  }

  peer(name: string): SimNode | null {
    return this.#peer(name);
  }

  get awakeForMs(): number {
    return this.world.nowMs - this.thawedAtMs;
  }

  flushMs(): number {
    return this.weather.diskHangs > 0 ? Number.POSITIVE_INFINITY : this.random.skewed(0.2, 4 * this.weather.flushMs);
  }

  whenDiskBack(act: () => void): void {
    this.#whenDiskBack.push(act);
  }

  hangDisk(): void {
    this.weather.diskHangs += 1;
  }

  releaseDisk(): void {
    this.weather.diskHangs -= 1;
    if (this.weather.diskHangs > 0) return;
    const waiting = this.#whenDiskBack;
    this.#whenDiskBack = [];
    for (const act of waiting) act();
  }

  startServer(directory: Directory): ServerLife {
    const life = new ServerLife({
      world: this.world,
      random: this.random,
      directory,
      disk: this.disk,
      sync: this.rendered.sync,
      weather: this.weather,
      replayMs: () => this.random.skewed(0.2, 8) * this.weather.replayMs,
      onAcknowledged: (one, record) => this.judge.onAcknowledged(this, one, record),
      hasEpochEnded: () => this.judge.record !== null && this.judge.record.holder !== directory.marker,
    });
    if (!this.isPowered) life.process.kill();
    this.life = life;
    return life;
  }

  /** The postmaster and all its children are gone. */
  endServer(): void {
    const { life } = this;
    if (life === null) return;
    this.life = null;
    life.directory.wasPrimary = life.role === 'primary' || (life.role === 'starting' && life.directory.wasPrimary);
    life.directory.wasStoppedCleanly = false;
    life.end();
    this.guard.onPostmasterEnd();
  }

  /** The startup process of a standby wants a receiver; as long as there is none it tries again and again. */
  wantReceiver(): void {
    const { life } = this;
    if (life === null || life.role !== 'standby' || this.#isRetrying) return;
    // The startup process asks for a stream only when nothing is left to replay.
    if (life.receiver === null && life.isReplayIdle && this.rendered.follow !== null && life.process.isRunning)
      this.#connect(life, this.rendered.follow);
    this.#isRetrying = true;
    this.world.after(RECEIVER_RETRY_MS, () => {
      this.#isRetrying = false;
      if (this.life !== null && (this.life.receiver !== null || this.rendered.follow !== null)) this.wantReceiver();
    });
  }

  #connect(life: ServerLife, follow: Follow): void {
    const receiver = new Receiver(life);
    const upstream = this.#peer(follow.host);
    life.process.after(CONNECT_TIMEOUT_MS, () => {
      if (receiver.isThere && receiver.state === 'connecting') receiver.end();
    });
    if (upstream === null) return;
    this.network.send(this.name, upstream.name, () => {
      const source = upstream.life;
      // Nobody listens: the kernel refuses. A frozen server's kernel accepts, and nothing more comes.
      if (source === null || source.role === 'starting') this.network.send(upstream.name, this.name, () => receiver.end());
      else if (!source.isPostmasterFrozen) source.process.run(() => this.#answer(receiver, life, follow, upstream, source));
    });
  }

  #answer(receiver: Receiver, life: ServerLife, follow: Follow, upstream: SimNode, source: ServerLife): void {
    this.network.send(upstream.name, this.name, () =>
      life.process.run(() => {
        if (!receiver.isThere || upstream.life !== source) return;
        const { credential } = this.rendered;
        const { marker } = life.directory;
        // Without its password, or under another name than a member's, nobody streams.
        const isLetIn = credential !== null && credential.epoch === follow.epoch && credential.host === follow.host && marker !== null;
        if (!isLetIn || !source.directory.slots.has(follow.slot)) {
          receiver.end();
          return;
        }
        this.#begin(receiver, life, follow, upstream, source);
      }),
    );
  }

  #begin(receiver: Receiver, life: ServerLife, follow: Follow, upstream: SimNode, source: ServerLife): void {
    const { wal } = life.directory;
    const theirs = source.directory.wal;
    wal.dropHalf();
    const fork = theirs.ancestors.find(({ timeline }) => timeline === wal.timeline);
    const isSame = theirs.timeline === wal.timeline;
    if (!isSame && fork === undefined) {
      receiver.end();
      return;
    }
    if (fork !== undefined && !isSame && wal.end > fork.end) {
      // "forked off before current recovery point": it does not fail, it waits.
      receiver.state = 'waiting';
      this.world.mark('a diverged standby waited for a stream');
      return;
    }
    if (isSame && wal.end > source.available) {
      receiver.end();
      return;
    }
    const { marker } = life.directory;
    if (marker === null) return;
    this.judge.onAttach(this, follow, source.directory);
    new Sender(
      {
        world: this.world,
        network: this.network,
        random: this.random,
        member: marker,
        upstream: { host: upstream.name, life: source },
        downstream: { host: this.name, life },
        disk: this.disk,
      },
      receiver,
    ).join();
    for (const { timeline } of theirs.ancestors) life.directory.historyIds.add(timeline);
    life.directory.historyIds.add(theirs.timeline);
  }
}
