/** Turns what the schema library found into faults an operator understands. Never repeats a value: it could be a secret in the wrong place. */
import type { z } from 'zod';
import type { ConfigFault } from './config-fault.ts';
import { dotted } from './config-fault.ts';
import type { ConfigOption } from './option-table.ts';
import { isRecord, valueAt } from './plain-value.ts';
import { suggest } from './suggest.ts';
import type { ConfigPath } from './yaml-source.ts';

type Issue = z.core.$ZodIssue;

export function explainIssues(issues: readonly Issue[], raw: unknown, options: readonly ConfigOption[]): readonly ConfigFault[] {
  return issues.flatMap((issue) => {
    const path = issue.path.map((segment) => (typeof segment === 'symbol' ? String(segment) : segment));
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey([...path, key], options));
    const value = valueAt(raw, path);
    const message =
      value === undefined
        ? `${dotted(path)} is missing${purposeOf(path, options)}`
        : `${dotted(path) || 'the file'} ${complaintOf(issue, value)}`;
    const suggestion = issue.code === 'invalid_value' && typeof value === 'string' ? suggest(value, issue.values.map(String)) : null;
    return [{ kind: 'value', path, at: 'value', message, suggestion }];
  });
}

function complaintOf(issue: Issue, value: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${expectedText(issue.expected)}, not ${kindOf(value)}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array' ? 'must not be empty' : `must be at least ${String(issue.minimum)}`;
    case 'too_big':
      return `must be at most ${String(issue.maximum)}`;
    case 'invalid_union':
      return `must be text, a number, true or false, not ${kindOf(value)}`;
    default:
      return issue.message;
  }
}

function expectedText(expected: string): string {
  const words: Readonly<Record<string, string>> = {
    string: 'text',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
    array: 'a list',
    object: 'a section with keys',
    record: 'a section with keys',
  };
  return words[expected] ?? expected;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (isRecord(value)) return 'a section with keys';
  if (typeof value === 'string') return 'text';
  if (typeof value === 'number') return Number.isInteger(value) ? 'a number' : 'a fraction';
  return value === true || value === false ? 'true or false' : 'nothing';
}

function unknownKey(path: ConfigPath, options: readonly ConfigOption[]): ConfigFault {
  const parent = path.slice(0, -1);
  const key = String(path.at(-1));
  const siblings = new Set(
    options
      .filter((option) => parent.every((segment, index) => option.path[index] === segment))
      .map((option) => option.path[parent.length] ?? ''),
  );
  const section = parent.length === 0 ? 'this file' : dotted(parent);
  const message = siblings.has(`${key}File`)
    ? `secrets are never written into this file: put it into a file of its own and name that file with ${key}File`
    : `${section} has no key \`${key}\``;
  return {
    kind: 'value',
    path,
    at: 'key',
    message,
    suggestion: siblings.has(`${key}File`) ? null : (suggest(key, [...siblings]) ?? elsewhere(key, options)),
  };
}

/** A key that is right but stands in the wrong section. */
function elsewhere(key: string, options: readonly ConfigOption[]): string | null {
  const found = options.filter(({ path }) => path.at(-1) === key);
  return found.length === 1 && found[0] !== undefined ? found[0].path.join('.') : null;
}

function purposeOf(path: ConfigPath, options: readonly ConfigOption[]): string {
  const option = options.find((candidate) => candidate.path.join('.') === path.join('.'));
  return option === undefined || option.description === '' ? '' : ` (${option.description.split(/\.(?:\s|$)/)[0] ?? ''})`;
}
