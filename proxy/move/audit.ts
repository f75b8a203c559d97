/**
 * Asks a server what a session of it consists of, in one round trip and within that session, at a boundary. It must never guess: whatever is not
 * understood makes the session one to be cut. And it must never be fooled: every operator and function is named with its schema, because the
 * session's search_path is its user's.
 *
 * The request is a simple Query, so that it brings its own time limit and isolation without a trace. A simple Query makes the server forget the
 * unnamed statement: whoever goes on with the session on the old server has to send `restoreUnnamed` first.
 */
import type { UnnamedParse } from '../core/client-watch.ts';
import { FROM_SERVER } from '../core/message-types.ts';
import { decodeFields } from '../wire/error-response.ts';
import { columnsOf, describeStatement, frame, query, splitAnswers, SYNC, splitMessages, type Message } from './frames.ts';
import { cut, type Cut, type Prepared, type SessionState, type Setting } from './session-state.ts';

/** What is known of the session without asking the server. */
export type Known = {
  /** The user of the startup packet, latin1. */
  readonly user: string;
  readonly unnamed: UnnamedParse;
  readonly settingNames: readonly string[];
  readonly namesOverflow: boolean;
  readonly asksSequences: boolean;
};

export type Request = { readonly bytes: Buffer; readonly readyCount: number };

export type Audit = {
  readonly verdict: SessionState | Cut;
  /** Came in between and is the client's: notifications and reports, which the server will not repeat. */
  readonly passOn: Buffer;
};

const NOT_YET_IN_SESSION = '55000';
const NO_SUCH_STATEMENT = '26000';
/** SHOW, SET, SET, SELECT; then lastval, which is the only one that may fail. */
const TAGS_BEFORE_LASTVAL = 4;
/** What `ClientWatch` gathers, checked once more where it becomes SQL: with no quote and no backslash in it, a name cannot leave its literal. */
const NAME = /^[a-z_\u0080-\u00ff][a-z0-9_$\u0080-\u00ff]*(\.[a-z_\u0080-\u00ff][a-z0-9_$\u0080-\u00ff]*)+$/;

/** The name that the proxy's own statements have on a server. */
export const OWN_STATEMENT = '_pgbaton_move';

/** A session that is cut here has not been asked, and has lost nothing by it. */
export function auditRequest(known: Known): Request | Cut {
  if (known.namesOverflow) return cut('it has set more custom settings than are followed');
  if (known.unnamed.kind === 'too-long') return cut('its unnamed statement is too long to be repeated');
  const ask = query(auditSql(known.settingNames));
  if (known.unnamed.kind === 'none') return { bytes: ask, readyCount: 1 };
  // The last Parse may have failed or been skipped. A move must not bring back a statement that the old server did not have.
  return { bytes: Buffer.concat([describeStatement(''), SYNC, ask]), readyCount: 2 };
}

/** For the old server, if the session stays there after an audit, whatever that said. An error in the answer means that there was none. */
export function restoreUnnamed({ unnamed }: Known): Request | null {
  if (unnamed.kind !== 'parse') return null;
  return { bytes: Buffer.concat([unnamed.message, SYNC]), readyCount: 1 };
}

export function readAudit(bytes: Buffer, known: Known): Audit {
  const messages = splitMessages(bytes);
  if (messages === null) return { verdict: cut('the answer to its audit is not the protocol of PostgreSQL'), passOn: Buffer.alloc(0) };
  const passOn = messages.filter(({ type }) => type === FROM_SERVER.notification || type === FROM_SERVER.parameterStatus);
  return {
    verdict: judge(messages, known),
    passOn: Buffer.concat(passOn.map(({ type, body }) => frame(type, body.toString('latin1')))),
  };
}

function judge(messages: readonly Message[], known: Known): SessionState | Cut {
  const answers = splitAnswers(messages);
  if (answers?.length !== (known.unnamed.kind === 'parse' ? 2 : 1)) return cut('its audit was not answered as expected');
  const described = known.unnamed.kind === 'parse' ? errorCode(answers[0] ?? []) : null;
  const hasUnnamed = known.unnamed.kind === 'parse' && described !== NO_SUCH_STATEMENT;
  const main = answers.at(-1) ?? [];
  const tags = main.filter(({ type }) => type === FROM_SERVER.commandComplete).length;
  const failure = errorCode(main);
  const usedSequences = failure === null;
  if (tags !== TAGS_BEFORE_LASTVAL + (usedSequences ? 1 : 0)) return cut(`its audit failed${failure === null ? '' : ` with ${failure}`}`);
  if (failure !== null && failure !== NOT_YET_IN_SESSION) return cut(`its audit failed with ${failure}`);
  if (usedSequences && known.asksSequences) return cut('it has used sequences and asks for lastval or currval');
  const rows = main.filter(({ type }) => type === FROM_SERVER.dataRow).map(({ body }) => columnsOf(body));
  const unnamed = hasUnnamed && known.unnamed.kind === 'parse' ? Buffer.from(known.unnamed.message).toString('latin1') : null;
  return stateOf(usedSequences ? rows.slice(0, -1) : rows, known.user, unnamed);
}

type Rows = readonly (readonly (string | null)[] | null)[];

function stateOf(rows: Rows, user: string, unnamed: string | null): SessionState | Cut {
  const settings = new Map<string, string>();
  const prepared: Prepared[] = [];
  let role: string | null = null;
  const statementTimeout = rows[0]?.length === 1 ? rows[0][0] : null;
  for (const row of rows.slice(1)) {
    if (row?.length !== 5) return unreadable();
    const [kind, first, second, third, fourth] = row;
    if (kind === 'guc' && isText(first) && isText(second)) settings.set(first, second);
    else if (kind === 'role' && isText(first) && isText(second)) {
      if (second !== user) return cut('its session user is not the one that logged in (SET SESSION AUTHORIZATION)');
      role = first;
    } else if (kind === 'prep' && isText(first) && isText(second) && (third === 'true' || third === 'false') && isText(fourth)) {
      const types = typesOf(fourth);
      if (types === null) return unreadable();
      if (first === OWN_STATEMENT) return cut(`it has a prepared statement with the proxy's own name ${OWN_STATEMENT}`);
      prepared.push({ name: first, text: second, bySql: third === 'true', types });
    } else if (kind === 'cut' && isText(first)) {
      return cut(`it has ${first}${isText(second) ? ` (${second})` : ''}`);
    } else return unreadable();
  }
  if (role === null || !isText(statementTimeout)) return unreadable();
  return {
    kind: 'state',
    settings: [...settings].map(([name, value]): Setting => ({ name, value })).toSorted(byName),
    prepared: prepared.toSorted(byName),
    role,
    statementTimeout,
    unnamed,
  };
}

function unreadable(): Cut {
  return cut('the answer to its audit cannot be read');
}

function isText(value: string | null | undefined): value is string {
  return typeof value === 'string';
}

function byName(one: { readonly name: string }, other: { readonly name: string }): number {
  return one.name < other.name ? -1 : 1;
}

/** `{23,25}` */
function typesOf(text: string): readonly number[] | null {
  if (!/^\{(\d+(,\d+)*)?\}$/.test(text)) return null;
  return text === '{}' ? [] : text.slice(1, -1).split(',').map(Number);
}

function errorCode(messages: readonly Message[]): string | null {
  const error = messages.find(({ type }) => type === FROM_SERVER.error);
  return error === undefined ? null : (decodeFields(error.body).get('C') ?? 'an error without a code');
}

function auditSql(names: readonly string[]): string {
  const candidates = names
    .filter((name) => NAME.test(name))
    .map((name) => `'${name}'`)
    .join(',');
  return `/* pgbaton: what does this session consist of, before a switchover */
show statement_timeout;
set transaction isolation level read committed, read only, not deferrable;
set local statement_timeout = 0;
select 'guc', s.name, s.setting, s.source, s.context from pg_catalog.pg_settings s
 where s.source OPERATOR(pg_catalog.=) 'session' and s.name OPERATOR(pg_catalog.<>) 'statement_timeout'
   and s.name OPERATOR(pg_catalog.!~~) 'transaction\\_%'
union all select 'guc', n, pg_catalog.current_setting(n, true), 'custom', null
  from pg_catalog.unnest(array[${candidates}]::pg_catalog.text[]) n where pg_catalog.current_setting(n, true) is not null
union all select 'prep', p.name, p.statement, p.from_sql::pg_catalog.text, p.parameter_types::pg_catalog.oid[]::pg_catalog.text
  from pg_catalog.pg_prepared_statements p
union all select 'role', pg_catalog.current_setting('role'), session_user, null, null
union all select 'cut', 'a holdable cursor', c.name, null, null from pg_catalog.pg_cursors c where c.is_holdable
union all select 'cut', 'a LISTEN', l, null, null from pg_catalog.pg_listening_channels() l
union all select 'cut', 'an advisory lock', null, null, null where exists (select from pg_catalog.pg_locks k
  where k.locktype OPERATOR(pg_catalog.=) 'advisory' and k.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid())
union all select 'cut', 'a temporary table or another temporary object', null, null, null where exists (select from pg_catalog.pg_depend d
  where d.refclassid OPERATOR(pg_catalog.=) 2615::pg_catalog.oid and d.refobjid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema());
select 'lastval', pg_catalog.lastval()::pg_catalog.text`;
}
