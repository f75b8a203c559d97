/**
 * Checks a client's pg_hba.conf line before it is written between pgbaton's own. It must be able to find the authentication method the way
 * PostgreSQL would; a line it cannot read is refused, because a `trust` hidden in it would open the server.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { hasControlCharacter } from './owned-parameters.ts';

const HOST_TYPES = ['host', 'hostssl', 'hostnossl', 'hostgssenc', 'hostnogssenc'];
const METHODS = ['scram-sha-256', 'cert', 'reject', 'peer', 'ident', 'gss', 'sspi', 'ldap', 'radius', 'pam', 'bsd', 'oauth'];
const REFUSED: Readonly<Record<string, string>> = {
  trust: 'it lets everybody in without a password',
  password: 'it sends the password in clear text',
  md5: 'its hashes can be replayed; use scram-sha-256',
};

/** What is wrong with the line, or null. */
export function hbaLineFault(line: string): string | null {
  if (hasControlCharacter(line) || line.trimEnd().endsWith('\\')) return 'a pg_hba line must be one line';
  const fields = fieldsOf(line);
  if (fields === null) return 'the quotes in this pg_hba line do not match';
  const [type, , , address, afterAddress, afterMask] = fields;
  if (type === undefined) return 'this pg_hba line is empty';
  if (type === 'local') return methodFault(address);
  if (!HOST_TYPES.includes(type)) return `a pg_hba line begins with local, ${HOST_TYPES.join(', ')}; not with \`${type}\``;
  const maskFollows = address !== undefined && (isIPv4(address) || isIPv6(address));
  return methodFault(maskFollows ? afterMask : afterAddress);
}

function methodFault(method: string | undefined): string | null {
  if (method === undefined) return 'this pg_hba line has no authentication method';
  const why = Object.hasOwn(REFUSED, method) ? REFUSED[method] : undefined;
  if (why !== undefined) return `the authentication method \`${method}\` is refused: ${why}`;
  return METHODS.includes(method) ? null : `\`${method}\` is not an authentication method; use scram-sha-256, cert or reject`;
}

/** Fields as PostgreSQL splits them: blanks separate, commas continue a list, `#` begins a comment, quotes keep blanks. Null: open quote. */
function fieldsOf(line: string): readonly string[] | null {
  const fields: string[] = [];
  let field: string | null = null;
  let quoted = false;
  let afterComma = false;
  for (const char of line) {
    if (char === '"') {
      quoted = !quoted;
      field ??= '';
    } else if (quoted) {
      field = (field ?? '') + char;
    } else if (char === '#') {
      break;
    } else if (char === ' ' || char === '\t') {
      // Blanks after a comma belong to the list that goes on.
      if (field !== null && !afterComma) {
        fields.push(field);
        field = null;
      }
      continue;
    } else {
      field = (field ?? '') + char;
    }
    afterComma = char === ',' && !quoted;
  }
  if (quoted) return null;
  return field === null ? fields : [...fields, field];
}
