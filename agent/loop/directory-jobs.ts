/**
 * Jobs that make or remake a data directory. The note `rebuilding` is durable before the first byte changes, and is cleared only when the
 * directory is whole: a half-done rewind looks exactly like a clean old primary.
 */
import { randomBytes } from 'node:crypto';
import { assert } from '../../shared/assert.ts';
import { ABSENT } from '../../shared/dcs/dcs.ts';
import type { Epoch } from '../../shared/domain/epoch.ts';
import { parseIncarnation, type Incarnation, type MemberId } from '../../shared/domain/node-id.ts';
import type { Job } from '../core/actions.ts';
import type { NodeFile } from '../node-file/port.ts';
import type { Outcome } from '../postgres/port.ts';
import { DONE, failed, followOf, type JobContext } from './job-context.ts';

const BOOTSTRAP_LEASE_SECONDS = 10;

export function freshIncarnation(): Incarnation {
  const value = parseIncarnation(randomBytes(6).toString('hex'));
  assert(value !== null, 'six random bytes are an incarnation');
  return value;
}

/** Only one node runs initdb at a time, so that the others need not throw theirs away; the create of the record decides all the same. */
async function takeTurn(context: JobContext, signal: AbortSignal): Promise<Outcome> {
  const { dcs, keys, policy, situation } = context;
  const options = { budgetMs: 2 * policy.etcdCallMs, signal };
  const lease = await dcs.grantLease(BOOTSTRAP_LEASE_SECONDS, options);
  if (lease === null) return failed('PGB-1201', 'etcd did not grant a lease');
  const nonce = randomBytes(9).toString('base64url');
  const outcome = await dcs.change(
    { key: keys.bootstrap, expected: ABSENT, value: JSON.stringify({ member: situation.member(), nonce }), nonce, lease },
    options,
  );
  return outcome.kind === 'committed' ? DONE : failed('PGB-1404', 'another node is creating the cluster');
}

export async function initialize(context: JobContext, signal: AbortSignal): Promise<Outcome> {
  const turn = await takeTurn(context, signal);
  if (turn.kind === 'failed') return turn;
  const made = await context.postgres.initialize(context.situation.member(), signal);
  if (made.kind === 'failed') return made;
  await context.file.update((file) => ({ ...file, dir: 'ok', systemId: made.systemId }));
  await context.look();
  return DONE;
}

export async function adopt(context: JobContext, signal: AbortSignal): Promise<Outcome> {
  const made = await context.postgres.adopt(context.situation.member(), signal);
  if (made.kind === 'failed') return made;
  await context.file.update((file) => ({ ...file, dir: 'ok', systemId: made.systemId }));
  await context.look();
  return DONE;
}

export async function discard(context: JobContext, signal: AbortSignal): Promise<Outcome> {
  const { file, postgres } = context;
  assert(file.current().accepted === null, 'only a directory that was never recorded is discarded');
  const gone = await postgres.discard(signal);
  if (gone.kind === 'failed') return gone;
  await file.update((current) => ({ ...current, dir: 'absent', systemId: null }));
  await context.look();
  return DONE;
}

const PROBE_MS = 2_000;

/** What there is may be the last good copy; nobody gives it up for a source that does not answer. */
async function reachable(context: JobContext, from: MemberId, epoch: Epoch): Promise<Outcome> {
  const source = followOf(context, from, epoch);
  if (source === null) return failed('PGB-1405', 'the address of the leader is not known');
  return (await context.postgres.probe(source, PROBE_MS))
    ? DONE
    : failed('PGB-1310', `PostgreSQL of the leader at ${source.host}:${String(source.port)} does not answer`);
}

/** P1: whoever rebuilds its data is somebody else afterwards. */
async function beginRebuilding(context: JobContext): Promise<void> {
  context.situation.forgetServer();
  await context.file.update((file): NodeFile => ({
    ...file,
    dir: 'rebuilding',
    promotion: null,
    incarnation: file.accepted === null ? file.incarnation : freshIncarnation(),
  }));
}

export async function clone(context: JobContext, job: Extract<Job, { kind: 'clone' }>, signal: AbortSignal): Promise<Outcome> {
  const { store, file, postgres, situation } = context;
  const { view } = store.facts();
  if (view.kind !== 'present' || view.record.epoch !== job.epoch || view.record.holder !== job.from)
    return failed('PGB-1405', 'the record has moved on');
  const known = await reachable(context, job.from, job.epoch);
  if (known.kind === 'failed') return known;
  await beginRebuilding(context);
  const source = followOf(context, job.from, job.epoch);
  if (source === null) return failed('PGB-1405', 'the address of the leader is not known');
  const outcome = await postgres.clone({ source, member: situation.member(), systemId: view.record.systemId }, signal);
  if (outcome.kind === 'failed') return outcome;
  await file.accept(view.record, (current) => ({ ...current, dir: 'ok', systemId: view.record.systemId }));
  await context.look();
  return DONE;
}

export async function rewind(context: JobContext, job: Extract<Job, { kind: 'rewind' }>, signal: AbortSignal): Promise<Outcome> {
  const { store, file, postgres, situation } = context;
  const { view, history } = store.facts();
  if (view.kind !== 'present' || view.record.epoch !== job.epoch || view.record.holder !== job.from)
    return failed('PGB-1405', 'the record has moved on');
  const acceptedEpoch = file.current().accepted?.epoch ?? 0n;
  const fork = history
    .filter((entry) => entry.epoch > acceptedEpoch)
    .reduce<(typeof history)[number] | null>((least, entry) => (least === null || entry.epoch < least.epoch ? entry : least), null);
  const known = await reachable(context, job.from, job.epoch);
  if (known.kind === 'failed') return known;
  await beginRebuilding(context);
  const source = followOf(context, job.from, job.epoch);
  if (source === null) return failed('PGB-1405', 'the address of the leader is not known');
  const outcome = await postgres.rewind({ source, member: situation.member(), fork: fork?.floor ?? null }, signal);
  if (outcome.kind === 'failed') return outcome;
  await file.accept(view.record, (current) => ({ ...current, dir: 'ok' }));
  await context.look();
  return DONE;
}
