/**
 * Keeps secrets out of the log, by the names of fields and by the shape of text. Logs are pasted into issues and shipped to other machines;
 * whoever adds a log line should not have to remember that. Also turns bigints into text, as Lsns and epochs travel everywhere.
 */

const SENSITIVE_KEY = /password|passphrase|secret|token|authorization|credential|verifier|(client|stored|server|private)_?key/i;
/** A path or the name of a variable is no secret, and operators need to see it. */
const PATH_KEY = /file$|path$/i;
const MASK = '***';
/** Deeper than any log line should be; also what ends a cycle. */
const DEPTH_MAX = 6;

/** Copies the fields of a log line; values under secret names become `***`. */
export function redactFields(fields: Record<string, unknown>): Record<string, unknown> {
  return redactMembers(fields, 0);
}

/** Masks passwords in connection strings and conninfo text, authorization headers, and what PostgreSQL stores instead of passwords. */
export function redactText(text: string): string {
  return text
    .replace(/(\b\w+:\/\/[^\s:/@"]*):[^\s@"]+@/g, `$1:${MASK}@`)
    .replace(/(\bpassword\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s"'\\]+)/gi, `$1${MASK}`)
    .replace(/(\bBearer\s+)[^\s"\\]+/g, `$1${MASK}`)
    .replace(/\bSCRAM-SHA-256\$\d+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=:]+|\bmd5[0-9a-f]{32}\b/g, MASK);
}

/** A finished JSON line: also catches what never was a field of a log call, such as the bindings of a child logger. */
export function redactLine(line: string): string {
  const byKey = line.replace(/"([^"\\]+)":"(?:[^"\\]|\\.)*"/g, (member, key: string) => (isSensitive(key) ? `"${key}":"${MASK}"` : member));
  return redactText(byKey);
}

function isSensitive(key: string): boolean {
  return SENSITIVE_KEY.test(key) && !PATH_KEY.test(key);
}

function redactMembers(fields: object, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]: [string, unknown]) => {
      const hide = isSensitive(key) && value !== null && value !== undefined;
      return [key, hide ? MASK : redactValue(value, depth + 1)];
    }),
  );
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEPTH_MAX) return '[deeper]';
  if (value instanceof Error) return errorFields(value, depth);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map((item) => redactValue(item, depth + 1));
  if (value instanceof Map) return redactMembers(Object.fromEntries(value), depth);
  if (value instanceof Set) return [...value].map((item) => redactValue(item, depth + 1));
  return redactMembers(value, depth);
}

/** Errors keep their words in fields that are not enumerable; their own fields (code, hint, syscall) come along. */
function errorFields(error: Error, depth: number): Record<string, unknown> {
  const cause = error.cause === undefined ? {} : { cause: redactValue(error.cause, depth + 1) };
  return { type: error.name, message: error.message, stack: error.stack, ...redactMembers(error, depth), ...cause };
}
