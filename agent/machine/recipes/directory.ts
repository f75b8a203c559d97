/**
 * Jobs that make or remake a data directory. The note `rebuilding` is durable before the first byte changes, and is cleared only when the
 * directory is whole: a half-done rewind looks exactly like a clean old primary.
 */
import { assert } from '../../../shared/assert.ts';
import type { LeaderRecord } from '../../../shared/domain/leader-record.ts';
import { nameOf, type MemberId } from '../../../shared/domain/node-id.ts';
import type { WalPosition } from '../../../shared/domain/wal-position.ts';
import type { Job } from '../../core/actions.ts';
import { roadTo } from '../../core/extent.ts';
import type { NodeFile } from '../../node-file/port.ts';
import type { Follow, Outcome } from '../../postgres/port.ts';
import type { Made } from '../asks.ts';
import { accepting } from '../node-file-keeper.ts';
import { addressOf, ask, DONE, failed, followOf, freshIncarnation, look, save, type Bench, type Recipe } from '../recipe.ts';

const PROBE_MS = 2_000;

/** Only one node runs initdb at a time, so that the others need not throw theirs away; the create of the record decides all the same. */
export function* initialize(bench: Bench): Recipe<Outcome> {
  const { member } = bench.situation;
  const turn = yield* ask<'take-turn'>({ kind: 'take-turn', member });
  if (turn.kind === 'failed') return turn;
  return yield* noteMade(yield* ask<'initialize'>({ kind: 'initialize', member }));
}

export function* adopt({ situation }: Bench): Recipe<Outcome> {
  return yield* noteMade(yield* ask<'adopt'>({ kind: 'adopt', member: situation.member }));
}

function* noteMade(made: Made): Recipe<Outcome> {
  if (made.kind === 'failed') return made;
  return yield* saveAndLook((file) => ({ ...file, dir: 'ok', systemId: made.systemId }));
}

export function* discard({ file }: Bench): Recipe<Outcome> {
  assert(file.current.accepted === null, 'only a directory that was never recorded is discarded');
  const gone = yield* ask<'discard'>({ kind: 'discard' });
  if (gone.kind === 'failed') return gone;
  return yield* saveAndLook((current) => ({ ...current, dir: 'absent', unfit: null, systemId: null }));
}

export function* clone(bench: Bench, job: Extract<Job, { kind: 'clone' }>): Recipe<Outcome> {
  const begun = yield* begin(bench, job);
  if (begun.kind === 'failed') return begun;
  const { source, record } = begun;
  const { systemId } = record;
  const outcome = yield* ask<'clone'>({ kind: 'clone', source, member: bench.situation.member, systemId });
  if (outcome.kind === 'failed') return outcome;
  const accepts = accepting(record);
  return yield* renewed(bench, (current) => ({ ...accepts(current), dir: 'ok', unfit: null, systemId }));
}

export function* rewind(bench: Bench, job: Extract<Job, { kind: 'rewind' }>): Recipe<Outcome> {
  const fork = forkOf(bench);
  const begun = yield* begin(bench, job);
  if (begun.kind === 'failed') return begun;
  const { source, record } = begun;
  const outcome = yield* ask<'rewind'>({ kind: 'rewind', source, member: bench.situation.member, fork });
  if (outcome.kind === 'failed') return outcome;
  const accepts = accepting(record);
  return yield* renewed(bench, (current) => ({ ...accepts(current), dir: 'ok', unfit: null }));
}

/** P7.8: a directory is given up only when nobody counts on it any more, and whoever leads says so. */
export function* leave(bench: Bench, leader: MemberId): Recipe<Outcome> {
  const { situation, policy, file } = bench;
  // What was never part of the cluster, nobody has ever counted on.
  if (file.current.accepted === null) return DONE;
  const node = addressOf(bench, leader);
  if (node === null) return failed('PGB-1405', 'the address of the leader is not known');
  const question = { name: nameOf(leader), url: node.agentUrl, member: situation.member, timeoutMs: policy.promiseAttemptMs };
  const mayGo = yield* ask<'ask-leave'>({ kind: 'ask-leave', ...question });
  return mayGo ? DONE : failed('PGB-1405', 'the leader still counts on this member');
}

/** Where the road to the record's timeline left what this node has; null: it cannot be told. */
function forkOf({ store, situation }: Bench): WalPosition | null {
  const { record } = store;
  const { state } = situation.server;
  if (record === null || state.kind !== 'stopped' || state.extent === null) return null;
  const own = state.extent.history;
  const road = roadTo(record.timeline, store.facts().history);
  const shared = road?.ancestors.findLast(
    ({ timeline }) => timeline === own.timeline || own.ancestors.some((ancestor) => ancestor.timeline === timeline),
  );
  return shared === undefined ? null : { timeline: shared.timeline, lsn: shared.end };
}

type Begun = { readonly kind: 'begun'; readonly source: Follow; readonly record: LeaderRecord } | Extract<Outcome, { kind: 'failed' }>;

/** Checks the source, then notes durably, under a new incarnation, that what lies here is good for nothing (P1, P7.8). */
function* begin(bench: Bench, { from, epoch }: Extract<Job, { kind: 'clone' | 'rewind' }>): Recipe<Begun> {
  const { store, situation } = bench;
  const { record } = store;
  if (record === null || record.epoch !== epoch || record.holder !== from) return failed('PGB-1405', 'the record has moved on');
  const known = followOf(bench, from, epoch);
  if (known === null) return failed('PGB-1405', 'the address of the leader is not known');
  // What there is may be the last good copy; nobody gives it up for a source that does not answer.
  const answers = yield* ask<'probe'>({ kind: 'probe', host: known.host, port: known.port, deadlineMs: PROBE_MS });
  if (!answers) return failed('PGB-1310', `PostgreSQL of the leader at ${known.host}:${String(known.port)} does not answer`);
  const left = yield* leave(bench, from);
  if (left.kind === 'failed') return left;
  situation.forgetServer();
  const incarnation = yield* freshIncarnation();
  const noted = yield* save((file): NodeFile => ({
    ...file,
    dir: 'rebuilding',
    promotion: null,
    // A node that never acted for anybody is nobody's member yet.
    incarnation: file.accepted === null ? file.incarnation : incarnation,
  }));
  if (noted.kind === 'failed') return noted;
  // Under the new incarnation its slot has another name.
  const source = followOf(bench, from, epoch);
  return source === null ? failed('PGB-1405', 'the address of the leader is not known') : { kind: 'begun', source, record };
}

/**
 * How often the former data failed to start says nothing about these. Counted on, it would have the next copy made after a single failure: where a full disk
 * or a busy port is the cause, one after the other, each of them all of the leader's data.
 */
function* renewed({ situation }: Bench, edit: (file: NodeFile) => NodeFile): Recipe<Outcome> {
  const outcome = yield* saveAndLook(edit);
  if (outcome.kind === 'done') situation.succeeded('start-standby');
  return outcome;
}

function* saveAndLook(edit: (file: NodeFile) => NodeFile): Recipe<Outcome> {
  const saved = yield* save(edit);
  if (saved.kind === 'failed') return saved;
  yield* look();
  return DONE;
}
