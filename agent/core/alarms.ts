/**
 * Trouble that stands and that an operator has to hear of, in words that stay the same while it lasts, so that a log of edges tells it once. It
 * is shown and logged; no decision may rest on it.
 */
import { weaknessOf } from '../../shared/domain/commit-strength.ts';
import type { CommitOverride } from '../postgres/port.ts';
import type { JobKind } from './actions.ts';
import type { Facts } from './facts.ts';
import { whySick } from './health.ts';

/** `key` tells one trouble from another; `detail` may change while it lasts. */
export type Alarm = { readonly key: string; readonly code: string; readonly detail: string };

/** A job that fails is tried again after ten seconds at most; what has not failed for this long is over. */
const FAILURE_STANDS_MS = 30_000;
/** Fails so often only when something is wrong; once or twice it may be a race with a leader that has just changed. */
const OFTEN = 3;
/** Nobody but an operator ends these, so they count the first time. */
const FOR_OPERATORS: ReadonlySet<string> = new Set([
  'PGB-1101',
  'PGB-1102',
  'PGB-1104',
  'PGB-1105',
  'PGB-1301',
  'PGB-1302',
  'PGB-1303',
  'PGB-1304',
  'PGB-1330',
]);
/** Whatever failed of these on the way, it has been reached when the server runs. */
const TO_GET_RUNNING: ReadonlySet<JobKind> = new Set([
  'initialize',
  'adopt',
  'discard',
  'clone',
  'rewind',
  'start-standby',
  'start-primary',
]);
/** Part of the ordinary life of a cluster: the record moved on, a lease was not granted, another node was quicker. */
const PASSING: ReadonlySet<string> = new Set(['PGB-1201', 'PGB-1404', 'PGB-1405', 'PGB-1406']);

/** What the facts alone tell: failing jobs, a directory that cannot be read, a guard that is not there. */
export function alarmsOf(facts: Facts, guardMissing: boolean): readonly Alarm[] {
  return [...failingJobs(facts), ...unreadableServer(facts), ...sickServer(facts), ...(guardMissing ? [NO_GUARD] : [])];
}

const NO_GUARD: Alarm = {
  key: 'guard',
  code: 'PGB-1320',
  detail: 'no guard answers: PostgreSQL is not started here; its log says why it ended, or who else owns the data directory',
};

/** Told in full up to here; the catalog has the rest. */
const OVERRIDES_TOLD = 5;

/** What commits less than the mode promises by the word of a role or database. On the primary alone: the standbys hold the same catalog. */
export function weakOverrides(facts: Facts, overrides: readonly CommitOverride[]): readonly Alarm[] {
  const { state } = facts.server;
  if (state.kind !== 'running' || state.facts.inRecovery) return [];
  const weak = overrides.filter(({ value }) => weaknessOf(value, facts.self.policy.mode) !== null);
  if (weak.length === 0) return [];
  const told = weak.slice(0, OVERRIDES_TOLD).map(wordOf).join(', ');
  const more = weak.length > OVERRIDES_TOLD ? ` and ${String(weak.length - OVERRIDES_TOLD)} more` : '';
  return [{ key: 'commit-overrides', code: 'PGB-1333', detail: `commits may be lost in a failover: ${told}${more}` }];
}

function wordOf({ role, database, value }: CommitOverride): string {
  const who = [role === null ? null : `role ${role}`, database === null ? null : `database ${database}`].filter((part) => part !== null);
  return `${who.length === 0 ? 'every role' : who.join(' in ')} has synchronous_commit = ${value}`;
}

function failingJobs({ failures, nowMs, server }: Facts): readonly Alarm[] {
  return [...failures].flatMap(([kind, { atMs, count, why }]) => {
    if (server.state.kind === 'running' && TO_GET_RUNNING.has(kind)) return [];
    const [, code, detail] = /^(PGB-\d{4}) ([^]*)$/.exec(why) ?? [];
    if (code === undefined || detail === undefined || PASSING.has(code) || nowMs - atMs > FAILURE_STANDS_MS) return [];
    return count >= OFTEN || FOR_OPERATORS.has(code) ? [{ key: `job/${kind}`, code, detail: `${kind}: ${detail}` }] : [];
  });
}

function sickServer(facts: Facts): readonly Alarm[] {
  const why = whySick(facts);
  return [
    ...(why === null ? [] : [{ key: 'sick', code: 'PGB-1331', detail: why }]),
    ...(facts.health.isFull ? [{ key: 'full', code: 'PGB-1332', detail: 'a new session of pgbaton found no room' }] : []),
  ];
}

function unreadableServer({ server }: Facts): readonly Alarm[] {
  const { state } = server;
  return state.kind === 'silent' && state.code !== undefined ? [{ key: 'directory', code: state.code, detail: state.why }] : [];
}
