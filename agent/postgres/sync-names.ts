/**
 * SyncSetting ↔ the text of synchronous_standby_names, and the priority each walsender must show under it (PROTOCOL P7.6). Pure. Names are
 * always quoted: unquoted, `node-1` is a syntax error and `*` is everybody.
 */
import { assert, unreachable } from '../../shared/assert.ts';
import { memberSet } from '../../shared/domain/member-set.ts';
import { parseMemberId, type MemberId } from '../../shared/domain/node-id.ts';
import type { SyncSetting } from './port.ts';

/** Nobody has this name, so a commit under it waits; the flag that makes backends wait at all stays set. */
const NOBODY_NAME = 'pgbaton-none';
const GENERATION_NAME = /^gen-(\d+)$/;

export function renderSync(setting: SyncSetting): string {
  switch (setting.kind) {
    case 'placeholder':
      return `ANY 1 (${quote(NOBODY_NAME)})`;
    case 'no-wait':
      return '';
    case 'any':
      assert(
        setting.set.k >= 1 && setting.set.members.length >= setting.set.k,
        'a set in force needs at least one acknowledgement and enough members',
      );
      return `ANY ${String(setting.set.k)} (${setting.set.members.map(quote).join(',')})`;
    case 'first':
      assert(
        setting.set.k >= 1 && setting.set.members.length >= setting.set.k,
        'a set in force needs at least one acknowledgement and enough members',
      );
      return `FIRST ${String(setting.set.k)} (${[`gen-${String(setting.generation)}`, ...setting.set.members].map(quote).join(',')})`;
    default:
      return unreachable(setting);
  }
}

/** Null: not a value that pgbaton writes. */
export function parseSync(text: string): SyncSetting | null {
  if (text === '') return { kind: 'no-wait' };
  const match = /^(ANY|FIRST) (\d+) \(((?:"[^"]+",?)+)\)$/.exec(text);
  if (match === null) return null;
  const [, method, k = '', list = ''] = match;
  const names = [...list.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name);
  if (method === 'ANY' && names.length === 1 && names[0] === NOBODY_NAME) return { kind: 'placeholder' };
  const generation = method === 'FIRST' ? GENERATION_NAME.exec(names[0] ?? '')?.[1] : undefined;
  const members = (generation === undefined ? names : names.slice(1)).map(parseMemberId).filter((member) => member !== null);
  if (members.length + (generation === undefined ? 0 : 1) !== names.length) return null;
  const set = memberSet(members, Number(k));
  if (method === 'ANY') return { kind: 'any', set };
  return generation === undefined ? null : { kind: 'first', set, generation: Number(generation) };
}

/** What pg_stat_replication shows for a walsender of `member` that has read this setting. 0: it does not count. */
export function expectedPriority(setting: SyncSetting, member: MemberId): number {
  switch (setting.kind) {
    case 'placeholder':
    case 'no-wait':
      return 0;
    case 'any':
      return setting.set.members.includes(member) ? 1 : 0;
    case 'first':
      // The list counts from 1, and the first place belongs to the name that says which writing this is.
      return setting.set.members.includes(member) ? setting.set.members.indexOf(member) + 2 : 0;
    default:
      return unreachable(setting);
  }
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
