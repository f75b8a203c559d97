/**
 * A counterexample as a story in the words of PROTOCOL. The model says its sentences with numbers (@n1, @s11, @p34, @r4), because Promela has no
 * strings; here they become nodes, sets, positions and states of the record. Pure.
 */
import { assert } from '../../shared/assert.ts';

/** `cycle` stands where the part begins that goes round for ever. */
export type StoryLine = { readonly kind: 'step' | 'record' | 'cycle'; readonly text: string };

export type Ending =
  | { readonly kind: 'harm'; readonly invariant: string; readonly text: string }
  | { readonly kind: 'reached' }
  /** The run ends without either: a cycle, or a replay that was cut short. */
  | { readonly kind: 'open' };

export type Story = { readonly lines: readonly StoryLine[]; readonly ending: Ending };

const NODES = ['a', 'b', 'c', 'nobody'];
/** spin numbers the names of an mtype from the last one on. */
const STATES = ['none', 'handing-over', 'released', 'serving', 'promoting'];

export function readStory(replay: string): Story {
  const lines: StoryLine[] = [];
  for (const line of replay.split('\n')) {
    if (line.includes('START OF CYCLE')) lines.push({ kind: 'cycle', text: 'from here on, again and again:' });
    const [, tag, text = ''] = /^\s*(STEP|RECORD|HARM|REACHED) ?(.*)$/.exec(line) ?? [];
    if (tag === 'STEP') lines.push({ kind: 'step', text: decode(text) });
    if (tag === 'RECORD') lines.push({ kind: 'record', text: decode(text) });
    if (tag === 'REACHED') return { lines, ending: { kind: 'reached' } };
    if (tag === 'HARM') {
      const [, invariant = '', what = ''] = /^(\w+): (.*)$/.exec(text) ?? [];
      return { lines, ending: { kind: 'harm', invariant, text: decode(what) } };
    }
  }
  return { lines, ending: { kind: 'open' } };
}

export function stepsOf(story: Story): number {
  return story.lines.filter(({ kind }) => kind === 'step').length;
}

function decode(text: string): string {
  return text.replaceAll(/@([nspr])(\d+)/g, (_, kind: string, digits: string) => {
    const value = Number(digits);
    switch (kind) {
      case 'n':
        return named(NODES, value);
      case 's':
        return formatSet(value);
      case 'p':
        return value === 0 ? 'none' : `${String(value >> 4)}/${String(value & 15)}`;
      default:
        return named(STATES, value);
    }
  });
}

function named(names: readonly string[], value: number): string {
  const name = names[value];
  assert(name !== undefined, `the model has no number ${String(value)} here`);
  return name;
}

function formatSet(set: number): string {
  const members = [0, 1, 2].filter((node) => ((set >> node) & 1) === 1).map((node) => named(NODES, node));
  return `({${members.join(',')}}, ${String(set >> 3)})`;
}

/** Numbered, with the record below the step that changed it. */
export function formatStory({ lines, ending }: Story): readonly string[] {
  let step = 0;
  const told = lines.map(({ kind, text }) => {
    if (kind === 'record') return `       record: ${text}`;
    if (kind === 'cycle') return `  ---  ${text}`;
    step += 1;
    return `  ${String(step).padStart(3)}  ${text}`;
  });
  return [...told, `  ${endingLine(ending)}`];
}

function endingLine(ending: Ending): string {
  switch (ending.kind) {
    case 'harm':
      return `===  ${ending.invariant}: ${ending.text}`;
    case 'reached':
      return '===  reached';
    case 'open':
      return '===  and so on, for ever';
  }
}
