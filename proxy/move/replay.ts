/**
 * Makes a session again on a server it has just logged in to: first what a standby in recovery accepts, in one write while the old leader still
 * stops, then the rest behind the promotion. It must never leave a transaction open, because one that is open across the promotion stays read
 * only, and it must never set what makes a standby refuse everything else (a serializable default) before the promotion.
 */
import { FROM_SERVER } from '../core/message-types.ts';
import { decodeFields } from '../wire/error-response.ts';
import { OWN_STATEMENT, type Request } from './audit.ts';
import {
  closeStatement,
  columnsOf,
  parameterStatus,
  parse,
  parseOfTexts,
  query,
  run,
  splitAnswers,
  splitMessages,
  SYNC,
  type Message,
  type Parameters,
} from './frames.ts';
import { cut, type Cut, type Prepared, type SessionState, type Setting } from './session-state.ts';

/** `retry`: statements that name a table which the standby has not replayed yet; they belong into the request behind the promotion. */
export type Replayed = { readonly kind: 'ok'; readonly retry: readonly Prepared[]; readonly retryUnnamed: boolean } | Cut;

export type Verified = { readonly kind: 'leader' } | { readonly kind: 'in-recovery' } | Cut;

const ENCODING = 'client_encoding';
const ISOLATION = 'default_transaction_isolation';
/** Those that could end or lock up a session which waits for a promotion. */
const LATE = new Set([ISOLATION, 'idle_session_timeout', 'transaction_timeout']);
const UNDEFINED_TABLE = '42P01';
/** No driver looks at these a second time. */
const MUST_NOT_CHANGE = ['server_encoding', 'integer_datetimes'];

// A default from the startup packet or the role is in force already: it must not lock the session up nor time it out. `lateRequest` takes it back.
const PREPARE_THE_GROUND = `/* pgbaton: moving a session */ set ${ISOLATION} to 'read committed'; set statement_timeout to 0`;

export function replayRequest(state: SessionState): Request {
  const early = state.settings.filter(({ name }) => !LATE.has(name));
  const encoding = early.filter(({ name }) => name === ENCODING);
  const others = early.filter(({ name }) => name !== ENCODING);
  const role = state.role === 'none' ? [] : [{ name: 'role', value: state.role }];
  const parts: Buffer[] = [query(PREPARE_THE_GROUND)];
  // Values are bytes of the client's encoding; they can be read only once that is set.
  for (const batch of [encoding, others, role]) if (batch.length > 0) parts.push(...setConfig('', batch));
  parts.push(SYNC);
  // Each has its own Sync, so that one which fails takes no other with it.
  for (const one of state.prepared) parts.push(...prepare('', one), SYNC);
  parts.push(closeStatement(''), ...(state.unnamed === null ? [] : [Buffer.from(state.unnamed, 'latin1')]), SYNC);
  return { bytes: Buffer.concat(parts), readyCount: state.prepared.length + 3 };
}

export function judgeReplay(bytes: Buffer, state: SessionState): Replayed {
  const answers = answersIn(bytes);
  if (answers?.length !== replayRequest(state).readyCount) return cut('its replay was not answered as expected');
  const codes = answers.map(errorCode);
  const [ground = null, settings = null] = codes;
  if (ground !== null) return cut(`the new server refused the replay with ${ground}`);
  if (settings !== null) return cut(`its settings or its role cannot be set again (${settings})`);
  const retry: Prepared[] = [];
  for (const [index, one] of state.prepared.entries()) {
    const code = codes[2 + index] ?? null;
    if (code === UNDEFINED_TABLE) retry.push(one);
    else if (code !== null) return cut(`a prepared statement cannot be made again (${code})`);
  }
  const unnamed = codes.at(-1) ?? null;
  if (unnamed !== null && unnamed !== UNDEFINED_TABLE) return cut(`its unnamed statement cannot be made again (${unnamed})`);
  return { kind: 'ok', retry, retryUnnamed: unnamed === UNDEFINED_TABLE };
}

/** Named, because a simple Query or an unnamed Parse would take the session's unnamed statement away. Also makes the server report what changed. */
export const VERIFY: Request = {
  bytes: Buffer.concat([
    parse(OWN_STATEMENT, 'select pg_catalog.pg_is_in_recovery()'),
    run(OWN_STATEMENT, []),
    closeStatement(OWN_STATEMENT),
    SYNC,
  ]),
  readyCount: 1,
};

export function judgeVerify(bytes: Buffer): Verified {
  const answers = answersIn(bytes);
  const rows = answers?.length === 1 ? (answers[0] ?? []).filter(({ type }) => type === FROM_SERVER.dataRow) : [];
  const said = rows.length === 1 && rows[0] !== undefined ? columnsOf(rows[0].body) : null;
  if (said?.length === 1 && said[0] === 'f') return { kind: 'leader' };
  if (said?.length === 1 && said[0] === 't') return { kind: 'in-recovery' };
  return cut('the new server did not say whether it has been promoted');
}

/** To be sent once `judgeVerify` has said 'leader', and before anything of the client is. */
export function lateRequest(state: SessionState, replayed: Extract<Replayed, { kind: 'ok' }>): Request {
  const parts: Buffer[] = [];
  for (const one of replayed.retry) parts.push(...prepare(OWN_STATEMENT, one), SYNC);
  if (replayed.retryUnnamed && state.unnamed !== null) parts.push(Buffer.from(state.unnamed, 'latin1'), SYNC);
  const late = state.settings.filter(({ name }) => LATE.has(name));
  const unset = late.some(({ name }) => name === ISOLATION) ? [] : own(`reset ${ISOLATION}`);
  // A timeout that comes from the role or the startup packet must stay one: a session that sets it itself no longer follows its default.
  const timeout = `select pg_catalog.set_config('statement_timeout', $1, false) where pg_catalog.current_setting('statement_timeout') OPERATOR(pg_catalog.<>) $1`;
  parts.push(...(late.length > 0 ? setConfig(OWN_STATEMENT, late) : []), ...unset);
  parts.push(...own('reset statement_timeout'), ...own(timeout, [state.statementTimeout]), SYNC);
  return { bytes: Buffer.concat(parts), readyCount: replayed.retry.length + (replayed.retryUnnamed ? 1 : 0) + 1 };
}

export function judgeLate(bytes: Buffer, expected: Request): { readonly kind: 'ok' } | Cut {
  const answers = answersIn(bytes);
  if (answers?.length !== expected.readyCount) return cut('the end of its replay was not answered as expected');
  const code = answers.map(errorCode).find((one) => one !== null);
  return code === undefined || code === null ? { kind: 'ok' } : cut(`the end of its replay failed (${code})`);
}

/** What the client believes of its server and is no longer so, in the server's own words for it. */
export function reportChanges(old: Parameters, now: Parameters): { readonly kind: 'ok'; readonly messages: Buffer } | Cut {
  for (const name of MUST_NOT_CHANGE) {
    if (old.get(name) !== now.get(name)) return cut(`${name} of the new server differs`);
  }
  if (majorOf(old) !== majorOf(now)) return cut('the new server has another major version');
  const changed = [...now].filter(([name, value]) => old.get(name) !== value);
  return { kind: 'ok', messages: Buffer.concat(changed.map(([name, value]) => parameterStatus(name, value))) };
}

function setConfig(statement: string, settings: readonly Setting[]): readonly Buffer[] {
  const calls = settings.map((_setting, index) => `pg_catalog.set_config($${String(2 * index + 1)}, $${String(2 * index + 2)}, false)`);
  const values = settings.flatMap(({ name, value }) => [name, value]);
  return [
    parseOfTexts(statement, `select ${calls.join(', ')}`, values.length),
    run(statement, values),
    ...(statement === '' ? [] : [closeStatement(statement)]),
  ];
}

/** `statement`: the name for what runs an SQL PREPARE. */
function prepare(statement: string, { name, text, bySql, types }: Prepared): readonly Buffer[] {
  if (!bySql) return [parse(name, text, types)];
  // Never a simple Query: the text may have had neighbours, which would run again. Parse refuses more than one statement.
  return [parse(statement, text), run(statement, []), ...(statement === '' ? [] : [closeStatement(statement)])];
}

function own(text: string, values: readonly string[] = []): readonly Buffer[] {
  return [parseOfTexts(OWN_STATEMENT, text, values.length), run(OWN_STATEMENT, values), closeStatement(OWN_STATEMENT)];
}

function answersIn(bytes: Buffer): readonly (readonly Message[])[] | null {
  const messages = splitMessages(bytes);
  return messages === null ? null : splitAnswers(messages);
}

function errorCode(answer: readonly Message[]): string | null {
  const error = answer.find(({ type }) => type === FROM_SERVER.error);
  return error === undefined ? null : (decodeFields(error.body).get('C') ?? 'no code');
}

function majorOf(parameters: Parameters): string {
  return /^\d+/.exec(parameters.get('server_version') ?? '')?.[0] ?? '';
}
