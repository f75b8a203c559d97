/**
 * The startup parameter `options`, read as PostgreSQL reads it: words split at white space, a backslash keeps the next character, then the
 * switches of the `postgres` program. Pure. Whatever stands there, it must never throw, and what is not taken out must stay as it was, byte by
 * byte: the server has the last word on every other option.
 */
import type { Parameter } from './startup-parse.ts';

export type Setting = {
  /** As PostgreSQL compares names: lower case, underscores. */
  readonly name: string;
  readonly value: string;
};

type Place = { readonly from: number; readonly to: number };
type Word = {
  readonly text: string;
  /** Where each character of `text` came from; one more for the end. */ readonly at: readonly number[];
};

/** Switches of `postgres` that take a value: in the same word, or the next word. */
const WITH_VALUE = new Set('BCDSNcdfhkprtvW');
const WITHOUT_VALUE = new Set('EFOPTbeijlns');
const WHITE_SPACE = new Set([' ', '\t', '\n', '\v', '\f', '\r']);

/** Every setting that the client asks for, in the order in which PostgreSQL applies them: the last one of a name counts. */
export function settingsOf(parameters: readonly Parameter[]): readonly Setting[] {
  const inOptions = parameters
    .filter(([name]) => name === 'options')
    .flatMap(([, value]) => readOptions(value).map(({ setting }) => setting));
  const direct = parameters
    .filter(([name]) => !NOT_SETTINGS.has(name) && !name.startsWith('_pq_.'))
    .map(([name, value]) => ({ name: name.toLowerCase(), value }));
  return [...inOptions, ...direct];
}

const NOT_SETTINGS = new Set(['user', 'database', 'options', 'replication']);

/** The parameters without the settings that `isOurs` names; everything else as it was, in its order. The very same array when nothing is ours. */
export function withoutSettings(parameters: readonly Parameter[], isOurs: (name: string) => boolean): readonly Parameter[] {
  let changed = false;
  const kept = parameters.flatMap(([name, value]): Parameter[] => {
    if (name !== 'options') {
      if (NOT_SETTINGS.has(name) || !isOurs(name.toLowerCase())) return [[name, value]];
      changed = true;
      return [];
    }
    const places = readOptions(value).flatMap(({ setting, place }) => (isOurs(setting.name) ? [place] : []));
    if (places.length === 0) return [[name, value]];
    changed = true;
    const left = cutOut(value, places);
    return left === '' ? [] : [[name, left]];
  });
  return changed ? kept : parameters;
}

function cutOut(text: string, places: readonly Place[]): string {
  let left = '';
  let at = 0;
  for (const { from, to } of places) {
    left += text.slice(at, from);
    at = to;
  }
  left += text.slice(at);
  // What stood in front of the first word goes with it, so the white space behind it would be the new beginning.
  return places[0]?.from === 0 ? left.replace(/^[ \t\n\v\f\r]+/, '') : left;
}

/** Stops at the first word that `postgres` would refuse: behind it nothing is certain, and the server refuses the session. */
function readOptions(text: string): readonly { readonly setting: Setting; readonly place: Place }[] {
  const words = splitWords(text);
  const found: { setting: Setting; place: Place }[] = [];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index];
    if (word === undefined || !word.text.startsWith('-') || word.text === '-' || word.text === '--') break;
    const flagAt = valueFlagAt(word.text);
    if (flagAt === null) break;
    if (flagAt >= word.text.length) continue;
    const isInside = flagAt + 1 < word.text.length;
    const valueWord = isInside ? word : words[index + 1];
    if (valueWord === undefined) break;
    const first = index;
    if (!isInside) index += 1;
    const flag = word.text[flagAt];
    const setting = flag === 'c' || flag === '-' ? parseSetting(isInside ? word.text.slice(flagAt + 1) : valueWord.text) : null;
    if (setting === null) continue;
    // `-ec name=value` is -e and -c: only the latter goes.
    const from = flagAt === 1 ? wordEnd(words[first - 1]) : (word.at[flagAt] ?? 0);
    found.push({ setting, place: { from, to: valueWord.at[valueWord.text.length] ?? text.length } });
  }
  return found;
}

/** Where the switch with a value stands in the word; its length when there is none; null when there is no such switch at all. */
function valueFlagAt(word: string): number | null {
  for (let at = 1; at < word.length; at += 1) {
    const flag = word[at] ?? '';
    if (WITH_VALUE.has(flag) || flag === '-') return at;
    if (!WITHOUT_VALUE.has(flag)) return null;
  }
  return word.length;
}

function parseSetting(text: string): Setting | null {
  const equals = text.indexOf('=');
  if (equals < 1) return null;
  return { name: text.slice(0, equals).replaceAll('-', '_').toLowerCase(), value: text.slice(equals + 1) };
}

function wordEnd(word: Word | undefined): number {
  return word?.at.at(-1) ?? 0;
}

function splitWords(text: string): readonly Word[] {
  const words: Word[] = [];
  let at = 0;
  while (at < text.length) {
    if (WHITE_SPACE.has(text[at] ?? '')) {
      at += 1;
      continue;
    }
    let word = '';
    const places: number[] = [];
    while (at < text.length && !WHITE_SPACE.has(text[at] ?? '')) {
      const escaped = text[at] === '\\';
      places.push(at);
      if (escaped) at += 1;
      // A backslash at the very end keeps nothing.
      if (at < text.length) word += text[at];
      else places.pop();
      at += 1;
    }
    const end = Math.min(at, text.length);
    words.push({ text: word, at: [...places, end] });
  }
  return words;
}
