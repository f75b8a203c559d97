/**
 * Watches the invariants of PROTOCOL P11 while a seed runs, and stops it at the first that breaks. It knows nothing of the faults and trusts nothing that
 * an agent believes: it looks at WAL, settings and the record themselves.
 */
import type { NodeFile } from '../../agent/node-file/port.ts';
import type { Follow, SyncSetting } from '../../agent/postgres/port.ts';
import type { PromiseAnswer } from '../../agent/core/facts.ts';
import type { Rule } from '../../agent/machine/asks.ts';
import { isOlder, type LeaderRecord } from '../../shared/domain/leader-record.ts';
import { isSafePair, type MemberSet } from '../../shared/domain/member-set.ts';
import { nameOf, type MemberId } from '../../shared/domain/node-id.ts';
import { contains, formatPosition } from '../../shared/domain/wal-position.ts';
import type { Directory } from './directory.ts';
import type { SimNode } from './node.ts';
import { whoCouldLose } from './read-quorums.ts';
import type { ServerLife } from './server.ts';
import { Sightings } from './sightings.ts';
import type { Wal, WalRecord } from './wal.ts';
import { Violation, type World } from './world.ts';

export type Operation = {
  readonly id: number;
  readonly invokedAtMs: number;
  /** Largest epoch that had acknowledged anything when this one was invoked (I4). */
  readonly afterEpoch: bigint;
};

/** A thawed or starved guard gets a moment: it checks every few milliseconds once it runs (I11). */
const GUARD_SLACK_MS = 150;
const JUST_NOW_MS = 100;

export class Judge {
  readonly #world: World;
  readonly #sightings: Sightings;
  #record: LeaderRecord | null = null;
  #nodes: readonly SimNode[] = [];
  readonly #operations = new Map<number, Operation>();
  readonly #acknowledged: WalRecord[] = [];
  #newestEpoch = 0n;
  readonly #timelines = new Map<number, { readonly by: string; readonly fork: number }>();
  readonly #promised = new Map<string, bigint>();
  readonly #inFlight = new Map<string, LeaderRecord>();
  readonly #handMade = new WeakSet<Wal>();
  #operationCount = 0;
  #epochs = 0;
  /** Nonces of claims in which an operator accepted that acknowledged writes may be gone (T11). */
  readonly #forced = new Set<string>();
  /** How many of the acknowledged writes were acknowledged before the last of those: from then on only what came after counts. */
  #forgiven = 0;
  #forcedAtMs = 0;
  #isAsync = false;

  constructor(world: World) {
    this.#world = world;
    this.#sightings = new Sightings(world);
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.length;
  }

  /** Leaderships that began. */
  get epochs(): number {
    return this.#epochs;
  }

  get record(): LeaderRecord | null {
    return this.#record;
  }

  begin(nodes: readonly SimNode[], record: LeaderRecord | null, isAsync: boolean): void {
    this.#nodes = nodes;
    this.#sightings.begin(nodes);
    this.#record = record;
    this.#isAsync = isAsync;
  }

  /** From time to time. */
  look(): void {
    this.#sightings.look(this.#record);
  }

  invoke(): Operation {
    this.#operationCount += 1;
    const operation = { id: this.#operationCount, invokedAtMs: this.#world.nowMs, afterEpoch: this.#newestEpoch };
    this.#operations.set(operation.id, operation);
    return operation;
  }

  forget(operation: Operation): void {
    this.#operations.delete(operation.id);
  }

  // --- The store ---------------------------------------------------------------------------------------------------------------------

  onProposed(node: SimNode, record: LeaderRecord, rule: Rule): void {
    this.#inFlight.set(node.name, record);
    if (rule === 'T11') this.#forced.add(record.nonce);
  }

  /** It has not committed and never will (S3). */
  onLost(node: SimNode, record: LeaderRecord): void {
    if (this.#inFlight.get(node.name)?.nonce === record.nonce) this.#inFlight.delete(node.name);
  }

  onRecord(record: LeaderRecord, before: LeaderRecord | null): void {
    if (before !== null && isOlder(record, before)) throw new Violation('I6', `the record went from ${tag(before)} to ${tag(record)}`);
    if (this.#record !== null && isOlder(record, this.#record))
      throw new Violation('I6', `${tag(record)} was written to a store that had gone back, ${tag(this.#record)} is known`);
    this.#record = record;
    this.#sightings.onRecord(record, before);
    if (before !== null && record.epoch === before.epoch && record.seq === before.seq) return;
    this.#world.tell(
      'record',
      () =>
        `${tag(record)} ${record.holder} ${record.state.kind} [${record.set.members.map(nameOf).join(' ')}] k=${String(record.set.k)} tl ${String(record.timeline)} floor ${formatPosition(record.floor)}`,
    );
    if (record.holder !== before?.holder || (record.state.kind === 'promoting' && before.state.kind !== 'promoting')) this.#onClaim(record);
    this.#checkDead(record);
    this.#checkPairs(record);
    if (!this.#isAsync)
      for (let at = this.#forgiven; at < this.#acknowledged.length; at += 1) this.#checkReadQuorums(record, this.#acknowledged[at]);
  }

  #onClaim(record: LeaderRecord): void {
    this.#epochs += 1;
    this.#sightings.onClaim();
    const holder = this.#nodeOf(record.holder);
    if (this.#forced.has(record.nonce)) {
      this.#forgiven = this.#acknowledged.length;
      this.#forcedAtMs = this.#world.nowMs;
    }
    if (holder === null || holder.directory === null) return;
    const { wal } = holder.directory;
    if (!contains(wal.extentAt(wal.end), record.floor))
      throw new Violation('I12', `${record.holder} claims ${tag(record)} without its own floor`);
    this.#checkHolder(holder, record);
  }

  /** I1: everything acknowledged is in the holder's WAL. */
  #checkHolder(holder: SimNode, record: LeaderRecord): void {
    if (this.#isAsync || holder.directory === null) return;
    for (let at = this.#forgiven; at < this.#acknowledged.length; at += 1) {
      const one = this.#acknowledged[at];
      if (one === undefined || holder.directory.wal.has(one)) continue;
      throw new Violation(
        'I1',
        `${record.holder} holds ${tag(record)} without acknowledged write ${String(one.operation)} at ${String(one.timeline)}:${String(one.end)}`,
      );
    }
  }

  /** I2 */
  #checkReadQuorums(record: LeaderRecord, write: WalRecord | undefined): void {
    if (write === undefined) return;
    const loser = whoCouldLose(write, record, this.#nodes, {
      nodeOf: (member) => this.#nodeOf(member),
      isHandMade: (wal) => this.#handMade.has(wal),
    });
    if (loser !== null)
      throw new Violation(
        'I2',
        `with the promises of ${loser.quorum.map(nameOf).join(', ')}, ${loser.claimant} could claim after ${tag(record)} without acknowledged write ${String(write.operation)}`,
      );
  }

  /** I10 */
  #checkDead(record: LeaderRecord): void {
    if (!hasFinal(record)) return;
    const holder = this.#nodeOf(record.holder);
    if (holder?.life !== null && holder !== null)
      throw new Violation('I10', `${record.holder} gave ${tag(record)} away while its PostgreSQL lives`);
  }

  // --- Who must acknowledge ---------------------------------------------------------------------------------------------------------------

  onSetWritten(node: SimNode, setting: SyncSetting): void {
    const record = this.#record;
    if (record === null || this.#nodeOf(record.holder) !== node || node.life?.role !== 'primary') return;
    this.#checkPair(record, setting, node);
    // A change on its way may have committed already, or may never.
    const proposed = this.#inFlight.get(node.name);
    if (proposed !== undefined && proposed.seq > record.seq && proposed.holder === record.holder) this.#checkPair(proposed, setting, node);
  }

  #checkPairs(record: LeaderRecord): void {
    const holder = this.#nodeOf(record.holder);
    if (holder?.life?.role !== 'primary') return;
    for (const setting of holder.life.sync.possible()) this.#checkPair(record, setting, holder);
  }

  /** I3, I9 */
  #checkPair(record: LeaderRecord, setting: SyncSetting, node: SimNode): void {
    if (this.#isAsync || setting.kind === 'placeholder') return;
    if (setting.kind === 'no-wait') {
      if (record.set.k > 0) throw new Violation('I9', `${node.name} waits for nobody while ${tag(record)} has k = ${String(record.set.k)}`);
      return;
    }
    if (!isSafePair(record.set, setting.set))
      throw new Violation('I3', `record ${describe(record.set)} with ${describe(setting.set)} in force on ${node.name}`);
  }

  // --- Writes ----------------------------------------------------------------------------------------------------------------------------

  onAcknowledged(node: SimNode, life: ServerLife, record: WalRecord): void {
    const operation = this.#operations.get(record.operation);
    this.#world.note(3, record.operation);
    const epoch = this.#epochOf(node);
    if (operation === undefined || epoch === null) return;
    // Where only time fences, a thawed node may say a few words before its guard has looked, and a machine that stood still knows no better.
    const isOnlyTimed = this.#isAsync || life.sync.possible().some(({ kind }) => kind === 'no-wait');
    const isExcused = isOnlyTimed && (node.clock.hasStood || node.awakeForMs < GUARD_SLACK_MS);
    if (isExcused && this.#record !== null && epoch < this.#record.epoch) return;
    // What was flushed before its members let go may be told to its client after the operator had given it up (seed 201328).
    if (this.#record !== null && epoch < this.#record.epoch && operation.invokedAtMs < this.#forcedAtMs) return;
    this.#acknowledged.push(record);
    this.#sightings.onAcknowledged(node, epoch, this.#record);
    if (epoch > this.#newestEpoch) this.#newestEpoch = epoch;
    this.#world.tell(node.name, () => `acknowledges ${String(record.operation)} in epoch ${epoch.toString()}`);
    if (epoch < operation.afterEpoch)
      throw new Violation(
        'I4',
        `${node.name} acknowledged in epoch ${epoch.toString()} what was invoked after an acknowledgement of epoch ${operation.afterEpoch.toString()}`,
      );
    this.#checkRight(node, life);
    const leader = this.#record;
    if (leader === null || this.#isAsync) return;
    const holder = this.#nodeOf(leader.holder);
    if (holder?.directory !== null && holder !== null && !holder.directory.wal.has(record))
      throw new Violation(
        'I1',
        `${node.name} acknowledged ${String(record.operation)}, which ${leader.holder} of ${tag(leader)} does not have`,
      );
    this.#checkReadQuorums(leader, record);
  }

  /** I11: a primary whose guard runs has a right, or dies within moments. */
  #checkRight(node: SimNode, life: ServerLife): void {
    const { right, process } = node.guard;
    // Whoever promotes past every agent, while none is there, has promoted past the guard.
    if (this.#handMade.has(life.directory.wal)) return;
    if (!process.isRunning || node.awakeForMs < GUARD_SLACK_MS) return;
    if (right === null || node.clock.nowMs > right.untilMs + GUARD_SLACK_MS)
      throw new Violation(
        'I11',
        `${node.name} acknowledges although its right ended ${right === null ? 'before it began' : `${(node.clock.nowMs - right.untilMs).toFixed(0)} ms ago`}${life.process.isFrozen ? ' (frozen)' : ''}`,
      );
  }

  #epochOf(node: SimNode): bigint | null {
    const { right, purpose } = node.guard;
    // Promoted past its guard after it had claimed: its members acknowledge for that claim, and the guard knows nothing of it (seed 2875).
    const isPastItsGuard = node.directory !== null && this.#handMade.has(node.directory.wal);
    if (isPastItsGuard && this.#record !== null && this.#nodeOf(this.#record.holder) === node) return this.#record.epoch;
    const own = purpose.kind === 'primary' ? BigInt(purpose.epoch) : null;
    if (right === null) return own;
    return own !== null && own > right.epoch ? own : right.epoch;
  }

  // --- What a node does to itself -------------------------------------------------------------------------------------------------------------

  onSaved(node: SimNode, file: NodeFile): void {
    const before = node.file;
    if (before === null || before.incarnation !== file.incarnation) return;
    if (file.promised < before.promised) throw new Violation('I6', `${node.name} forgets its promise of ${before.promised.toString()}`);
    if (before.accepted !== null && (file.accepted === null || file.accepted.epoch < before.accepted.epoch))
      throw new Violation('I6', `${node.name} forgets what it accepted`);
  }

  /** I8: whoever answers has no receiver, and tells of everything it has. */
  onPromised(node: SimNode, answer: PromiseAnswer): void {
    const wal = node.directory?.wal;
    if (wal === undefined) return;
    this.#promised.set(answer.member, answer.promised);
    if (node.life?.receiver !== null && node.life !== null && node.life.receiver.state === 'streaming')
      throw new Violation('I8', `${node.name} promises ${answer.promised.toString()} while its receiver streams`);
    if (node.file === null || node.file.promised < answer.promised)
      throw new Violation('I8', `${node.name} answers for epoch ${answer.promised.toString()} before the promise is durable`);
    if (Number(answer.extent.lsn) < wal.end)
      throw new Violation('I8', `${node.name} has WAL up to ${String(wal.end)}, and tells of ${String(answer.extent.lsn)}`);
  }

  /** I7, and I5 by content: a stream between two histories that only look alike. */
  onAttach(node: SimNode, follow: Follow, source: Directory): void {
    const own = node.directory;
    const { marker } = own ?? { marker: null };
    const promised = marker === null ? undefined : this.#promised.get(marker);
    if (promised !== undefined && follow.epoch < promised)
      throw new Violation('I7', `${node.name} has promised ${promised.toString()}, and follows epoch ${follow.epoch.toString()}`);
    const last = own?.wal.last;
    if (last !== null && last !== undefined && !source.wal.has(last))
      throw new Violation(
        'I5',
        `${node.name} streams from ${follow.host} over different content at ${String(last.timeline)}:${String(last.end)}`,
      );
  }

  /** Somebody promoted a standby past every agent. */
  onHandMade(directory: Directory): void {
    this.#handMade.add(directory.wal);
  }

  /** I7, I10, I14 */
  onStart(node: SimNode, directory: Directory, primaryEpoch: bigint | null): void {
    const record = this.#record;
    if (record !== null && hasFinal(record) && this.#nodeOf(record.holder) === node)
      throw new Violation('I10', `${node.name} starts its PostgreSQL, whose final position stands in ${tag(record)}`);
    if (!directory.isWhole) throw new Violation('I14', `${node.name} starts a half-made directory`);
    if (primaryEpoch !== null && node.file !== null && node.file.promised > primaryEpoch)
      throw new Violation(
        'I7',
        `${node.name} starts as a primary of epoch ${primaryEpoch.toString()}, having promised ${node.file.promised.toString()}`,
      );
  }

  /** I5, I7, I12 */
  onPromote(node: SimNode, directory: Directory, timeline: number, epoch: bigint): void {
    const { wal } = directory;
    const known = this.#timelines.get(timeline);
    // A machine that dies before the first record of a timeline is durable has begun nothing: nobody can have read it.
    const isBegunAgain =
      known?.by === node.name &&
      known.fork === wal.end &&
      this.#nodes.every(({ directory: one }) => one === null || this.#handMade.has(one.wal) || !hasTimeline(one.wal, timeline));
    if (known !== undefined && !isBegunAgain)
      throw new Violation('I5', `${node.name} begins timeline ${String(timeline)}, which ${known.by} began at ${String(known.fork)}`);
    this.#timelines.set(timeline, { by: node.name, fork: wal.end });
    if (node.file !== null && node.file.promised > epoch)
      throw new Violation('I7', `${node.name} promotes for epoch ${epoch.toString()}, having promised ${node.file.promised.toString()}`);
    const record = this.#record;
    if (record === null || record.epoch !== epoch || this.#nodeOf(record.holder) !== node) {
      this.#sightings.onLatePromotion();
      return;
    }
    if (Number(record.timeline) !== timeline)
      throw new Violation('I5', `${node.name} begins timeline ${String(timeline)}, reserved was ${String(record.timeline)}`);
    if (Number(record.floor.lsn) !== wal.end)
      throw new Violation('I12', `${node.name} forks at ${String(wal.end)}, its floor is ${formatPosition(record.floor)}`);
  }

  /** I14: `former` is about to go. */
  onReplaced(node: SimNode, former: Directory | null): void {
    const marker = former?.marker ?? null;
    const record = this.#record;
    if (marker === null || record === null) return;
    if (record.set.members.includes(marker))
      throw new Violation('I14', `${node.name} gives up a directory whose ${marker} is in ${tag(record)}`);
    const holder = this.#nodeOf(record.holder);
    const inForce = holder?.life?.role === 'primary' ? holder.life.sync.possible() : [];
    for (const setting of inForce)
      if ((setting.kind === 'any' || setting.kind === 'first') && setting.set.members.includes(marker))
        throw new Violation('I14', `${node.name} gives up a directory that may still acknowledge for ${nameOf(record.holder)}`);
  }

  /** H17: whoever comes in may see everything that surfaced in recovery or promotion, so the quorum must have it. */
  onOpen(node: SimNode): void {
    const { record } = this;
    const { life } = node;
    if (record === null || life === null || life.role !== 'primary' || record.set.k === 0 || this.#nodeOf(record.holder) !== node) return;
    // Who had it when the holder made up its mind, and lost it since, counts.
    const hadIt = (member: MemberId): boolean =>
      this.#world.nowMs - (this.#nodes.find(({ name }) => name === nameOf(member))?.bereftAtMs ?? 0) < JUST_NOW_MS;
    const have = record.set.members.filter(
      (member) => (this.#nodeOf(member)?.directory?.wal.end ?? 0) >= life.surfacedUpTo || hadIt(member),
    );
    if (have.length < record.set.k)
      throw new Violation(
        'H17',
        `${node.name} lets clients in although only ${String(have.length)} of ${describe(record.set)} have what surfaced`,
      );
  }

  /** At the end everything acknowledged is there. */
  checkFinal(leader: SimNode): void {
    const record = this.#record;
    if (record !== null) this.#checkHolder(leader, record);
  }

  #nodeOf(member: MemberId): SimNode | null {
    // A name alone is nobody: the directory must be that incarnation's.
    const node = this.#nodes.find(({ name }) => name === nameOf(member));
    return node?.directory?.marker === member ? node : null;
  }
}

function hasTimeline(wal: Wal, timeline: number): boolean {
  return wal.timeline === timeline || wal.ancestors.some((one) => one.timeline === timeline);
}

function hasFinal({ state }: LeaderRecord): boolean {
  return state.kind === 'handing-over' || (state.kind === 'released' && state.final !== null);
}

function tag(record: LeaderRecord): string {
  return `${record.epoch.toString()}.${String(record.seq)}`;
}

function describe(set: MemberSet): string {
  return set.members.length === 0 ? 'nobody' : `${String(set.k)} of ${set.members.map(nameOf).join(', ')}`;
}
