/**
 * A YAML file that remembers where each of its values stands, so that a fault can be shown at its line. It knows nothing about what the
 * keys mean. A frame never shows the value of a key that looks like a secret: people paste error messages into chats.
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml';
import type { Document, Node, Pair } from 'yaml';

export type ConfigPath = readonly (string | number)[];

export type SourceSpan = { readonly line: number; readonly column: number; readonly length: number };

export type SyntaxFault = { readonly span: SourceSpan; readonly message: string };

const SENSITIVE_KEY = /password|secret|token/i;
const PATH_KEY = /File$/;

export class YamlSource {
  readonly file: string;
  readonly syntaxFaults: readonly SyntaxFault[];
  /** The plain content; `undefined` when the file is empty or cannot be read as YAML. */
  readonly value: unknown;
  readonly #document: Document;
  readonly #lines: readonly string[];
  readonly #counter: LineCounter;

  constructor(file: string, text: string) {
    this.file = file;
    this.#counter = new LineCounter();
    this.#document = parseDocument(text, { lineCounter: this.#counter, prettyErrors: false, stringKeys: true });
    const complaints = [...this.#document.errors, ...this.#document.warnings];
    this.syntaxFaults = complaints.map(({ pos, message }) => ({ span: this.#spanOf(pos[0], pos[1]), message }));
    this.value = complaints.length > 0 ? undefined : ((this.#document.toJS() as unknown) ?? undefined);
    this.#lines = hideSecrets(this.#document, text).split(/\r?\n/);
  }

  /** Where the key of `path` stands; the nearest ancestor that exists when it is absent; null when not even that is in the file. */
  spanOfKey(path: ConfigPath): SourceSpan | null {
    return this.#locate(path, 'key');
  }

  spanOfValue(path: ConfigPath): SourceSpan | null {
    return this.#locate(path, 'value');
  }

  has(path: ConfigPath): boolean {
    return path.length === 0 || this.#walk(path).length === path.length;
  }

  /** The line with its neighbours and a caret under the span. */
  frame({ line, column, length }: SourceSpan): string {
    const first = Math.max(1, line - 1);
    const last = Math.min(this.#lines.length, line + 1);
    const width = String(last).length;
    const rows: string[] = [];
    for (let number = first; number <= last; number += 1) {
      const text = this.#lines[number - 1] ?? '';
      rows.push(`${number === line ? '>' : ' '} ${String(number).padStart(width)} | ${text}`.trimEnd());
      if (number !== line) continue;
      // Tabs stay tabs under the line, so that the caret stands right in every terminal.
      const indent = text.slice(0, column - 1).replace(/[^\t]/g, ' ');
      const carets = '^'.repeat(Math.max(1, Math.min(length, text.length - column + 1)));
      rows.push(`  ${' '.repeat(width)} | ${indent}${carets}`);
    }
    return rows.join('\n');
  }

  #locate(path: ConfigPath, what: 'key' | 'value'): SourceSpan | null {
    const steps = this.#walk(path);
    const step = steps.at(-1);
    if (step === undefined) return null;
    const exact = steps.length === path.length;
    const node = (exact && what === 'value' ? step.value : step.key) ?? step.key ?? step.value;
    const range = node?.range;
    return range ? this.#spanOf(range[0], range[1]) : null;
  }

  #walk(path: ConfigPath): { readonly key: Node | null; readonly value: Node | null }[] {
    const steps: { readonly key: Node | null; readonly value: Node | null }[] = [];
    let node: Node | null = this.#document.contents;
    for (const segment of path) {
      if (isAlias(node)) node = node.resolve(this.#document) ?? null;
      if (isMap<Node, Node | null>(node)) {
        const pair: Pair<Node, Node | null> | undefined = node.items.find(
          ({ key }) => isScalar(key) && String(key.value) === String(segment),
        );
        if (pair === undefined) break;
        node = pair.value;
        steps.push({ key: pair.key, value: node });
      } else if (isSeq<Node>(node) && typeof segment === 'number') {
        const item: Node | undefined = node.items[segment];
        if (item === undefined) break;
        node = item;
        steps.push({ key: null, value: node });
      } else {
        break;
      }
    }
    return steps;
  }

  #spanOf(start: number, end: number): SourceSpan {
    const { line, col } = this.#counter.linePos(start);
    return { line: Math.max(1, line), column: Math.max(1, col), length: Math.max(1, end - start) };
  }
}

/** The text with the values of secret-looking keys replaced by stars of the same length, so that every position stays right. */
function hideSecrets(document: Document, text: string): string {
  let hidden = text;
  visit(document, {
    Pair(_, pair) {
      const { key, value } = pair as Pair<Node | null, Node | null>;
      if (!isScalar(key) || !SENSITIVE_KEY.test(String(key.value)) || PATH_KEY.test(String(key.value))) return;
      // A section such as `secrets:` is no secret itself; its members are looked at one by one.
      if (isMap(value) || !value?.range) return;
      const [start, end] = value.range;
      hidden = hidden.slice(0, start) + hidden.slice(start, end).replace(/[^\r\n]/g, '*') + hidden.slice(end);
    },
  });
  return hidden;
}
