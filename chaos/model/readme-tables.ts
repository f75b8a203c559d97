/**
 * The tables of README.md, from the same data that the program runs. Pure. A number in them is one that a run has recorded, never one written by hand.
 */
import { assert } from '../../shared/assert.ts';
import { GUARD_REMOVALS } from './guards.ts';
import { rulesOf, sentenceOf, type GuardSentence } from './guard-sentences.ts';
import type { Recorded } from './judge.ts';
import { formatFlags, nameOf } from './questions.ts';
import { REACHABLE_STATES } from './reachable.ts';
import { SECOND_LINES } from './second-lines.ts';
import { SCOPES } from './scopes.ts';

export type TableName = 'scopes' | 'guards' | 'second-lines' | 'reachable';

export function readmeTables(sentences: ReadonlyMap<string, GuardSentence>, recorded: Recorded): Readonly<Record<TableName, string>> {
  return {
    scopes: table(
      ['scope', 'flags', 'what it covers', 'states', 'run'],
      SCOPES.map(({ name, flags, covers, depth }) => [code(name), code(formatFlags(flags)), covers, count(recorded.scope[name]), depth]),
    ),
    guards: table(
      ['guard', 'rule', 'what it says', 'without it', 'attack', 'harm', 'steps', 'scope'],
      GUARD_REMOVALS.map((removal) => {
        const said = removal.without.map((guard) => sentenceOf(sentences, guard));
        const name = nameOf({ kind: 'guard', removal });
        return [
          removal.without.map(code).join(' + '),
          rulesOf(sentences, removal.without),
          said.map(({ sentence }) => sentence).join(' '),
          removal.consequence,
          removal.attack ?? '',
          removal.harm,
          count(recorded.guard[name]),
          code(formatFlags(removal.flags)),
        ];
      }),
    ),
    'second-lines': table(
      ['guard', 'rule', 'why nothing happens without it', 'states', 'scope'],
      SECOND_LINES.map(({ without, because, flags }) => [
        code(without),
        sentenceOf(sentences, without).rule,
        because,
        count(recorded['second-line'][without]),
        code(formatFlags(flags)),
      ]),
    ),
    reachable: table(
      ['state', 'what it shows', 'steps', 'scope'],
      REACHABLE_STATES.map(({ name, shows, flags }) => [code(name), shows, count(recorded.reachable[name]), code(formatFlags(flags))]),
    ),
  };
}

/** The README with each table between its two markers replaced. */
export function insertTables(readme: string, tables: Readonly<Record<TableName, string>>): string {
  return Object.entries(tables).reduce((text, [name, rows]) => {
    const [begin, end] = [`<!-- table: ${name} -->\n`, `<!-- end of table: ${name} -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    assert(from !== -1 && to > from, `the README has the markers of the table ${name}`);
    return `${text.slice(0, from + begin.length)}\n${rows}\n${text.slice(to)}`;
  }, readme);
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('');
}

function code(text: string): string {
  return `\`${text}\``;
}

/** Grouped by hand: what toLocaleString prints depends on the machine. */
function count(value: number | undefined): string {
  return value === undefined ? 'not recorded' : String(value).replaceAll(/\B(?=(\d{3})+$)/g, ' ');
}
