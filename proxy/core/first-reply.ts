/**
 * What to make of a server whose first words are an error: pass it on, or keep the client and try again. Pure. It must never retry an error
 * that is the client's own (password, unknown database, too many connections): repeating those hides the cause and multiplies the load.
 */
export type ErrorFields = ReadonlyMap<string, string>;

export type FirstReplyVerdict =
  /** The client's own affair. */
  | 'forward'
  /** The server is between two states; the client has seen nothing yet, so it can be offered another attempt. */
  | 'retry'
  /** A closed door: an operator's rule, or a promotion that is still being proven. Only the agent knows which. */
  | 'ask-agent';

const CANNOT_CONNECT_NOW = '57P03';
const INVALID_AUTHORIZATION = '28000';
// Both phrases are the server's. A server that speaks another language is recognised by the names of its own source, which are never translated.
const NO_ENTRY = 'no pg_hba.conf entry';
const REJECTS = 'pg_hba.conf rejects';

export function judgeFirstError(fields: ErrorFields): FirstReplyVerdict {
  const code = fields.get('C');
  if (code === CANNOT_CONNECT_NOW) return 'retry';
  return code === INVALID_AUTHORIZATION && isClosedDoor(fields) ? 'ask-agent' : 'forward';
}

function isClosedDoor(fields: ErrorFields): boolean {
  const text = fields.get('M') ?? '';
  return text.includes(NO_ENTRY) || text.includes(REJECTS) || (fields.get('R') === 'ClientAuthentication' && fields.get('F') === 'auth.c');
}
