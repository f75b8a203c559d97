// What pan prints, taken from real runs. Above all: no search that left something out may read as one that found nothing.
import { describe, expect, test } from 'vitest';
import { readPanOutput } from '../../../../chaos/model/pan-output.ts';

type Parts = {
  readonly before?: string;
  readonly warning?: string;
  readonly search?: string;
  readonly vector?: string;
  readonly states?: string;
  readonly elapsed?: string;
};

function panReport(parts: Parts = {}): string {
  return [
    parts.before ?? 'Depth=     222 States=    1e+06 Transitions= 5.11e+06 Memory=   413.263\tt=     3.48 R=   3e+05',
    '',
    '(Spin Version 6.5.2 -- 6 December 2019)',
    ...(parts.warning === undefined ? [] : [parts.warning]),
    '',
    parts.search ?? 'Full statespace search for:',
    '\tnever claim         \t- (none specified)',
    '\tassertion violations\t+',
    '\tcycle checks       \t- (disabled by -DSAFETY)',
    '\tinvalid end states\t+',
    '',
    parts.vector ?? 'State-vector 164 byte, depth reached 222, errors: 0',
    parts.states ?? ' 12053321 states, stored',
    ' 61111209 states, matched',
    ' 73164530 transitions (= stored+matched)',
    '',
    'Stats on memory usage (in Megabytes):',
    ' 2115.069\tequivalent memory usage for states (stored*(State-vector + overhead))',
    ' 2099.884\ttotal actual memory usage',
    '',
    'unreached in proctype Agent',
    '\t/somewhere/protocol.pml:147, state 910, "-end-"',
    '',
    parts.elapsed ?? 'pan: elapsed time 65.9 seconds',
    'pan: rate 182878.44 states/second',
  ].join('\n');
}

const VIOLATION: Parts = {
  before: 'pan:1: assertion violated 0 (at depth 15)\npan: wrote protocol.pml.trail',
  warning: 'Warning: Search not completed\n\t+ Breadth-First Search',
  vector: 'State-vector 164 byte, depth reached 15, errors: 1',
  states: '     6913 states, stored\n\t    6910 nominal states (stored-atomic)',
};

describe('a search that looked at everything', () => {
  test('is complete, with its numbers', () => {
    expect(readPanOutput(panReport())).toEqual({ kind: 'complete', states: 12_053_321, depth: 222, memoryMb: 2100, seconds: 65.9 });
  });

  test('for cycles counts the states it stored, not those it visited', () => {
    const outcome = readPanOutput(panReport({ states: '  5495761 states, stored (7.91722e+06 visited)' }));
    expect(outcome).toMatchObject({ kind: 'complete', states: 5_495_761 });
  });
});

describe('a counterexample', () => {
  test('is one, although the search was not completed because of it', () => {
    expect(readPanOutput(panReport(VIOLATION))).toEqual({ kind: 'counterexample', what: 'assertion', states: 6913, seconds: 65.9 });
  });

  test('may be a cycle', () => {
    const text = panReport({ ...VIOLATION, before: 'pan:1: non-progress cycle (at depth 40)\npan: wrote protocol.pml.trail' });
    expect(readPanOutput(text)).toMatchObject({ kind: 'counterexample', what: 'cycle' });
  });
});

describe('nothing is shown by', () => {
  const outOfMemory = [
    'pan: reached -DMEMLIM bound',
    '\t2.09581e+07 bytes used',
    'hint: to reduce memory, recompile with',
    '  -DHC # hash-compaction, approximation',
  ].join('\n');
  test.each<readonly [string, string]>([
    ['nothing at all', ''],
    ['a search that was too deep, which gives no other warning', panReport({ before: 'error: max search depth too small' })],
    ['a search that ran out of memory', panReport({ before: outOfMemory, warning: 'Warning: Search not completed' })],
    ['a search that was not completed', panReport({ warning: 'Warning: Search not completed' })],
    ['a search of hashes only', panReport({ search: 'Bit statespace search for:' })],
    ['a report without a heading', panReport({ search: '' })],
    ['a report cut off before its numbers', panReport().split('State-vector')[0] ?? ''],
    ['a report cut off before its end', panReport({ elapsed: '' })],
    ['a search that looked at one state', panReport({ states: '        1 states, stored' })],
    [
      'a state too large for its vector',
      panReport({ before: 'pan: error, VECTORSZ too small, recompile pan.c with -DVECTORSZ=N with N>140' }),
    ],
    ['a model that is stuck', panReport({ ...VIOLATION, before: 'pan:1: invalid end state (at depth 30)' })],
    ['a model that reads beyond its arrays', panReport({ ...VIOLATION, before: 'pan:1: indexing wal[7] - size is 6 (at depth 9)' })],
    ['an error without a message', panReport({ vector: 'State-vector 164 byte, depth reached 15, errors: 1' })],
  ])('%s', (_, text) => {
    expect(readPanOutput(text)).toMatchObject({ kind: 'unusable' });
  });

  test('and the reason is told', () => {
    expect(readPanOutput(panReport({ before: 'error: max search depth too small' }))).toEqual({
      kind: 'unusable',
      why: 'pan says "max search depth too small"',
    });
  });
});
