/**
 * What agent/postgres does for the agent, on the simulated server: the same asks, the same contract, drawn times. Scripts run in the agent's process, so
 * that an agent that dies leaves everything half done exactly where it stood. What the real adapter guarantees is proven by the integration
 * tests of agent/postgres; here it is taken for granted, and every mutant of it shows what for.
 */
import type { Outcome, StartAs, SyncSetting } from '../../agent/postgres/port.ts';
import { sameSync } from '../../agent/postgres/settings.ts';
import type { AnswerTo, AskOf, Look, Made, Stopped } from '../../agent/machine/asks.ts';
import { directoryOf } from './directory.ts';
import type { SimNode } from './node.ts';
import type { Script } from './process.ts';
import type { ServerLife } from './server.ts';
import { ServerView } from './server-view.ts';
import { Wal } from './wal.ts';
import { cloneFrom, rewindTo } from './rejoin.ts';

const DONE: Outcome = { kind: 'done' };
const POLL_MS = 4;
const REVOKE_DEADLINE_MS = 2_000;

function failed(code: string, why: string): Extract<Outcome, { kind: 'failed' }> {
  return { kind: 'failed', code, why };
}

/** Whether the caller still wants what it asked for. */
export type Wanted = () => boolean;

export class PostgresDoor {
  readonly #node: SimNode;
  readonly #view: ServerView;
  /** The stroke under way, and whose life it is. */
  #stroke: { readonly life: ServerLife; isDone: boolean } | null = null;

  constructor(node: SimNode) {
    this.#node = node;
    this.#view = new ServerView(node);
  }

  *look({ deadlineMs }: AskOf<'look'>): Script<Look> {
    const { life, random, rendered } = this.#node;
    if (life !== null && life.process.isFrozen) {
      yield deadlineMs;
      if (this.#node.life?.process.isFrozen === true)
        return { state: { kind: 'silent', why: 'no answer in time' }, open: this.#node.rendered.open };
    }
    yield random.skewed(1, 9);
    return { state: this.#view.state(), open: rendered.open };
  }

  *stroke({ deadlineMs }: AskOf<'stroke'>): Script<Outcome> {
    const { life, clock } = this.#node;
    if (life === null) return failed('PGB-1330', 'no server');
    const untilMs = clock.nowMs + deadlineMs;
    if (this.#stroke === null || this.#stroke.life !== life) {
      const stroke = { life, isDone: false };
      this.#stroke = stroke;
      life.process.run(() => life.writeOwn(64, () => (stroke.isDone = true)));
    }
    const stroke = this.#stroke;
    while (!stroke.isDone) {
      if (clock.nowMs >= untilMs || !life.process.isAlive) return failed('PGB-1330', 'a commit has not returned');
      yield Math.min(POLL_MS, Math.max(untilMs - clock.nowMs, 0.1));
    }
    this.#stroke = null;
    return DONE;
  }

  *knock({ deadlineMs }: AskOf<'knock'>): Script<AnswerTo<'knock'>> {
    const { life, random } = this.#node;
    if (life === null) return 'silent';
    if (life.process.isFrozen || life.isPostmasterFrozen) {
      yield deadlineMs;
      if (life.process.isFrozen || life.isPostmasterFrozen) return 'silent';
    }
    yield random.skewed(1, 8);
    return life.process.isAlive ? 'answered' : 'silent';
  }

  *probeDisk({ deadlineMs }: AskOf<'probe-disk'>): Script<boolean> {
    const { clock, random } = this.#node;
    const untilMs = clock.nowMs + deadlineMs;
    yield random.skewed(0.5, 10);
    while (this.#node.weather.diskHangs > 0) {
      if (clock.nowMs >= untilMs) return false;
      yield Math.min(20, Math.max(untilMs - clock.nowMs, 0.1));
    }
    return true;
  }

  *start({ as }: AskOf<'start'>): Script<Outcome> {
    const node = this.#node;
    const { directory, random, guard } = node;
    if (directory === null) return failed('PGB-1106', 'there is no data directory');
    if (node.life !== null) return failed('PGB-1304', 'the postmaster is running');
    yield random.skewed(2, 12);
    if (directory.marker === null) return failed('PGB-1106', 'no marker says whose data it is');
    if (node.weather.startRefusals > 0) return failed('PGB-1313', 'the postmaster ended while starting');
    const ownTimeline = Number(directory.wal.historyAt(directory.wal.end).timeline);
    for (const id of directory.historyIds) if (id > ownTimeline) directory.historyIds.delete(id);
    this.#renderFor(as);
    const purpose = as.kind === 'standby' ? ({ kind: 'standby' } as const) : ({ kind: 'primary', epoch: as.epoch.toString() } as const);
    const why = guard.process.isRunning ? guard.whyNotStart(purpose) : 'no guard is connected';
    if (why !== null) return failed('PGB-1321', why);
    node.judge.onStart(node, directory, purpose.kind === 'primary' ? BigInt(purpose.epoch) : null);
    const life = node.startServer(directory);
    guard.started(purpose);
    const wasClean = directory.wasStoppedCleanly;
    life.process.after(wasClean ? random.between(40, 90) : random.skewed(60, 700), () => {
      life.role = as.kind;
      if (as.kind === 'primary') {
        life.writeOwn(200);
        return;
      }
      // A crashed standby opens early, with old data; what is on its disk is replayed later.
      if (!wasClean) life.replayed = Math.max(life.replayed - random.int(100_000), 0);
      life.replay();
      node.wantReceiver();
    });
    while (life.role === 'starting') {
      yield POLL_MS;
      if (node.life !== life) return failed('PGB-1313', 'the postmaster ended while starting');
    }
    return DONE;
  }

  *stopFast({ deadlineMs }: AskOf<'stop-fast'>): Script<Stopped> {
    const node = this.#node;
    const { life, guard, random, world, clock } = node;
    node.rendered.open = false;
    if (life !== null) {
      guard.asked();
      // Sessions end at once; a commit that waits is told nothing.
      for (const session of [...life.sessions]) session.onEnd();
      life.sessions.clear();
      life.process.after(random.skewed(10, 90), () => {
        const checkpoint = life.writeOwn(120);
        const sinceMs = world.nowMs;
        const endWhenSent = (): void => {
          const behind = life.senders.some((sender) => sender.acknowledger.flushed < checkpoint.end);
          // Walsenders deliver the checkpoint before the server ends, as long as their standbys answer.
          if (behind && world.nowMs - sinceMs < 3_000) life.process.after(3, endWhenSent);
          else this.#endCleanly(life);
        };
        endWhenSent();
      });
    }
    const untilMs = clock.nowMs + deadlineMs;
    while (node.life !== null || !guard.isVerifiedDead) {
      yield POLL_MS;
      if (clock.nowMs > untilMs) return failed('PGB-1315', 'the server is stopping');
    }
    const { directory } = node;
    if (directory === null || !directory.wasStoppedCleanly) return { kind: 'done', final: null };
    return { kind: 'done', final: directory.wal.positionAt(directory.wal.end) };
  }

  *kill({ deadlineMs }: AskOf<'kill'>): Script<Outcome> {
    const node = this.#node;
    const untilMs = node.clock.nowMs + deadlineMs;
    if (node.life?.isPostmasterFrozen === true) node.world.mark('a postmaster that answered nobody was killed');
    if (node.guard.process.isRunning) node.guard.kill('asked');
    else if (node.life !== null) {
      // Past a guard that is frozen or gone.
      yield node.random.between(20, 80);
      node.endServer();
    }
    while (node.life !== null || !node.guard.isVerifiedDead) {
      if (node.clock.nowMs > untilMs) return failed('PGB-1315', 'processes are left');
      yield POLL_MS;
    }
    return DONE;
  }

  *follow({ target }: AskOf<'follow'>): Script<Outcome> {
    const node = this.#node;
    yield node.random.skewed(1, 12);
    node.rendered.credential = target;
    node.rendered.follow = target;
    node.rendered.open = true;
    const { life } = node;
    if (life === null) return DONE;
    // A receiver that follows somebody else is told to go when the startup process has read the new settings.
    life.process.after(node.random.skewed(0.5, 8), () => {
      if (node.rendered.follow !== target) return;
      life.receiver?.end();
      node.wantReceiver();
    });
    return DONE;
  }

  *revoke(_ask: AskOf<'revoke'>, isWanted: Wanted): Script<Outcome> {
    const node = this.#node;
    const untilMs = node.clock.nowMs + REVOKE_DEADLINE_MS;
    yield node.random.skewed(0.5, 6);
    node.rendered.credential = null;
    node.rendered.follow = null;
    if (!node.guard.process.isRunning) return failed('PGB-1320', 'no guard is connected');
    yield node.random.skewed(1, 10);
    for (;;) {
      const { life } = node;
      if (life === null) return DONE;
      if (life.process.isRunning) life.receiver?.end();
      if (life.receiver === null) return DONE;
      if (!isWanted() || node.clock.nowMs > untilMs) return failed('PGB-1321', 'a WAL receiver does not end');
      yield 2;
    }
  }

  *writeSync({ setting }: AskOf<'write-sync'>): Script<Outcome> {
    const node = this.#node;
    yield node.random.skewed(1, 8);
    // The file is flushed before anybody is told to read it.
    const ms = node.flushMs();
    if (Number.isFinite(ms)) yield ms;
    this.#forgetCascade(setting);
    node.judge.onSetWritten(node, setting);
    node.rendered.sync = setting;
    node.life?.process.run(() => node.life?.sync.write(setting));
    return DONE;
  }

  /** A standby that leaves a real set ends those who stream from it: they could not show which set they have read. */
  #forgetCascade(setting: SyncSetting): void {
    const { life, rendered } = this.#node;
    const { sync } = rendered;
    if (life === null || life.role !== 'standby' || (sync.kind !== 'any' && sync.kind !== 'first') || sameSync(sync, setting)) return;
    const senders = [...life.senders];
    life.process.run(() => life.sync.write({ kind: 'placeholder' }));
    for (const sender of senders) sender.terminate();
  }

  *proveSync({ setting, deadlineMs }: AskOf<'prove-sync'>, isWanted: Wanted): Script<Outcome> {
    const node = this.#node;
    const untilMs = node.clock.nowMs + deadlineMs;
    for (;;) {
      yield POLL_MS;
      const { life } = node;
      if (life === null) return failed('PGB-1313', 'the server is not running');
      if (!life.process.isFrozen && this.#view.isInForce(setting)) return DONE;
      if (!isWanted() || node.clock.nowMs > untilMs) return failed('PGB-1313', 'a walsender still shows the former value');
      // One that is busy is terminated; its member attaches again and reads the new value.
      if (node.clock.nowMs > untilMs - deadlineMs / 2) for (const sender of this.#view.stale(setting)) sender.terminate();
    }
  }

  *promote({ epoch, timeline, noProgressMs }: AskOf<'promote'>, isWanted: Wanted): Script<Outcome> {
    const node = this.#node;
    const { life, guard, random, clock } = node;
    if (life === null || life.role !== 'standby') return failed('PGB-1314', 'no standby is running');
    const untilMs = clock.nowMs + noProgressMs;
    node.rendered.open = false;
    while (!life.isReplayIdle) {
      if (node.life !== life || life.receiver !== null) return failed('PGB-1314', 'a WAL receiver is there, or the server is gone');
      if (!isWanted() || clock.nowMs > untilMs) return failed('PGB-1314', 'replay has not moved');
      // The adapter resumes a paused replay.
      if (life.isReplayPaused) {
        life.isReplayPaused = false;
        life.replay();
      }
      yield POLL_MS;
    }
    if (life.receiver !== null) return failed('PGB-1314', 'a WAL receiver is there');
    const { directory } = life;
    const own = directory.wal.timeline;
    if (own >= timeline) return failed('PGB-1314', 'the own timeline is not below the reserved one');
    yield random.skewed(1, 6);
    for (const id of directory.historyIds) if (id >= timeline) directory.historyIds.delete(id);
    for (let id = own + 1; id < timeline; id += 1) directory.historyIds.add(id);
    yield random.skewed(0.5, 3);
    if (node.life !== life || !guard.process.isRunning) return failed('PGB-1320', 'the guard is gone');
    const why = guard.promote(epoch);
    if (why !== null) return failed('PGB-1321', why);
    life.process.after(random.skewed(10, 110), () => this.#endRecovery(life, epoch));
    while (!life.isPrimary) {
      if (node.life !== life) return failed('PGB-1314', 'the server is gone');
      if (clock.nowMs > untilMs) return failed('PGB-1314', 'still in recovery');
      yield POLL_MS;
    }
    return directory.wal.timeline === Number(timeline)
      ? DONE
      : failed('PGB-1314', `PostgreSQL chose timeline ${String(directory.wal.timeline)}`);
  }

  *setOpen({ open }: AskOf<'set-open'>): Script<Outcome> {
    yield this.#node.random.skewed(1, 8);
    if (open) this.#node.judge.onOpen(this.#node);
    this.#node.rendered.open = open;
    return DONE;
  }

  *checkpoint(_ask: AskOf<'checkpoint'>): Script<Outcome> {
    const { life, random } = this.#node;
    if (life === null || life.role !== 'primary') return failed('PGB-1313', 'no primary is running');
    yield random.skewed(5, 250);
    if (this.#node.life !== life) return failed('PGB-1313', 'the server is gone');
    life.writeOwn(100);
    return DONE;
  }

  *keepSlots({ slots }: AskOf<'keep-slots'>): Script<Outcome> {
    const { life, random } = this.#node;
    yield random.skewed(3, 20);
    if (life === null || this.#node.life !== life || !life.isUp) return failed('PGB-1313', 'the server is not running');
    for (const slot of slots) life.directory.slots.add(slot);
    return DONE;
  }

  *initialize({ member }: AskOf<'initialize'>): Script<Made> {
    const node = this.#node;
    yield node.random.between(200, 600);
    const wal = new Wal(1);
    wal.write(0, 2_000);
    const systemId = `7${String(node.world.seed)}${node.name.slice(-1)}`;
    node.directory = { ...directoryOf(systemId, member, wal), wasPrimary: true };
    return { kind: 'done', systemId, boundary: wal.positionAt(wal.end) };
  }

  *discard(_ask: AskOf<'discard'>): Script<Outcome> {
    yield 20;
    this.#node.directory = null;
    return DONE;
  }

  *clone(ask: AskOf<'clone'>): Script<Outcome> {
    return yield* cloneFrom(this.#node, ask);
  }

  *rewind(ask: AskOf<'rewind'>): Script<Outcome> {
    return yield* rewindTo(this.#node, ask);
  }

  *probe({ host, deadlineMs }: AskOf<'probe'>): Script<AnswerTo<'probe'>> {
    const node = this.#node;
    const untilMs = node.clock.nowMs + deadlineMs;
    const target = node.peer(host);
    let answered: boolean | null = null;
    if (target !== null)
      node.network.send(node.name, host, () => {
        const { life } = target;
        const reply = (isAlive: boolean): void => node.network.send(host, node.name, () => (answered = isAlive));
        if (life !== null) life.process.run(() => reply(true));
        else if (target.isPowered) reply(false);
      });
    while (answered === null && node.clock.nowMs < untilMs) yield 10;
    return answered === true;
  }

  #renderFor(as: StartAs): void {
    const { rendered } = this.#node;
    rendered.sync = as.kind === 'primary' ? as.inForce : as.resting;
    rendered.follow = as.kind === 'primary' ? null : as.follow;
    rendered.credential = rendered.follow;
    rendered.open = as.kind === 'standby';
  }

  #endCleanly(life: ServerLife): void {
    const node = this.#node;
    if (node.life !== life) return;
    const { flushed } = life;
    node.endServer();
    life.directory.wal.cutAt(flushed);
    life.directory.wasStoppedCleanly = true;
  }

  /**
   * Recovery is over for everybody who asks only when the record that ends it is durable. A primary whose first record of its timeline could still be lost
   * would have let its holder say that it serves, and be back at the floor after a power cut (seed 2011).
   */
  #endRecovery(life: ServerLife, epoch: bigint): void {
    const node = this.#node;
    const ms = node.flushMs();
    if (Number.isFinite(ms)) life.process.after(ms, () => this.#becomePrimary(life, epoch));
    else node.whenDiskBack(life.process.inThisLife(() => this.#endRecovery(life, epoch)));
  }

  #becomePrimary(life: ServerLife, epoch: bigint): void {
    const node = this.#node;
    if (node.life !== life || life.role !== 'standby') return;
    const { directory } = life;
    let id = directory.wal.timeline + 1;
    while (directory.historyIds.has(id)) id += 1;
    directory.wal.dropHalf();
    node.judge.onPromote(node, directory, id, epoch);
    directory.wal.fork(id);
    directory.historyIds.add(id);
    directory.wasPrimary = true;
    life.surfacedUpTo = directory.wal.end;
    life.flushed = directory.wal.write(0, 150).end;
    life.role = 'primary';
    for (const sender of life.senders) sender.pump();
  }
}
