/**
 * What one look at the text of a statement tells about the state it may leave in a session. Pure. It is no parser, and must never be taken for
 * one: it gathers names worth asking the server for, and errs towards too many.
 */
export type TextTraits = {
  /** Custom settings that the text may set, in lower case. */
  readonly names: readonly string[];
  readonly asksSequences: boolean;
};

/** PostgreSQL's NAMEDATALEN, less the zero. */
const MAX_NAME_BYTES = 63;
const NOTHING: TextTraits = { names: [], asksSequences: false };
const SEQUENCES: TextTraits = { names: [], asksSequences: true };

const DOT = 0x2e;
const PARENTHESIS = 0x28;
const QUOTE = 0x27;
const DOUBLE_QUOTE = 0x22;
const SPACE = 0x20;
const EQUALS = 0x3d;
const LOWER = 0x20;

/** `text` may end in the zero of the protocol. */
export function textTraits(text: Uint8Array): TextTraits {
  let hasDot = false;
  let hasSet = false;
  let asksSequences = false;
  for (let at = 0; at < text.length; at += 1) {
    const byte = text[at] ?? 0;
    if (byte === DOT) hasDot = true;
    else if (byte === PARENTHESIS) asksSequences = asksSequences || isSequenceCall(text, at);
    else if ((byte | LOWER) === 0x74 && !hasSet) hasSet = endsIn(text, at + 1, 'set');
  }
  if (hasDot && hasSet) return { names: settingNames(text), asksSequences };
  return asksSequences ? SEQUENCES : NOTHING;
}

/** A dotted name counts where one can set it: as a whole literal (`set_config('a.b', …)`), or in front of `=` or `to` (`SET LOCAL a.b TO …`). */
function settingNames(text: Uint8Array): readonly string[] {
  const names: string[] = [];
  for (let at = 0; at < text.length;) {
    if (!isNameByte(text[at] ?? 0)) {
      at += 1;
      continue;
    }
    const start = at;
    while (at < text.length && isNameByte(text[at] ?? 0)) at += 1;
    const isLiteral = text[start - 1] === QUOTE && text[at] === QUOTE;
    if (!isLiteral && !isAssigned(text, at)) continue;
    const name = dottedName(text, start, at);
    if (name !== null) names.push(name);
  }
  return names;
}

function isAssigned(text: Uint8Array, end: number): boolean {
  let at = end;
  while (at < text.length && (text[at] ?? 0) <= SPACE) at += 1;
  if (text[at] === EQUALS) return true;
  return at > end && ((text[at] ?? 0) | LOWER) === 0x74 && ((text[at + 1] ?? 0) | LOWER) === 0x6f && !isNameByte(text[at + 2] ?? 0);
}

function dottedName(text: Uint8Array, start: number, end: number): string | null {
  let name = '';
  let afterDot = true;
  let dots = 0;
  for (let at = start; at < end; at += 1) {
    const byte = text[at] ?? 0;
    if (byte === DOUBLE_QUOTE) continue;
    if (byte === DOT) {
      if (afterDot) return null;
      dots += 1;
      afterDot = true;
    } else {
      if (afterDot && isDigit(byte)) return null;
      afterDot = false;
    }
    if (name.length === MAX_NAME_BYTES) return null;
    name += String.fromCharCode(byte >= 0x41 && byte <= 0x5a ? byte | LOWER : byte);
  }
  return dots > 0 && !afterDot ? name : null;
}

function isSequenceCall(text: Uint8Array, parenthesis: number): boolean {
  let end = parenthesis;
  while (end > 0 && (text[end - 1] ?? 0) <= SPACE) end -= 1;
  // A name may stand in double quotes.
  if (text[end - 1] === DOUBLE_QUOTE) end -= 1;
  return endsIn(text, end, 'lastval') || endsIn(text, end, 'currval');
}

/** Whether the bytes before `end` are this word, which is given in lower case. */
function endsIn(text: Uint8Array, end: number, word: string): boolean {
  const start = end - word.length;
  if (start < 0) return false;
  for (let index = 0; index < word.length; index += 1) {
    if (((text[start + index] ?? 0) | LOWER) !== word.charCodeAt(index)) return false;
  }
  return true;
}

function isNameByte(byte: number): boolean {
  const lower = byte | LOWER;
  return (
    (lower >= 0x61 && lower <= 0x7a) ||
    isDigit(byte) ||
    byte === DOT ||
    byte === 0x5f ||
    byte === 0x24 ||
    byte === DOUBLE_QUOTE ||
    byte >= 0x80
  );
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
