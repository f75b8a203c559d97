// A replay of pan becomes a story with names, sets and positions.
import { expect, test } from 'vitest';
import { formatStory, readStory, stepsOf } from '../../../../chaos/model/story.ts';

const REPLAY = [
  'STEP P5.2: @n2 is a candidate, promises itself epoch 2, at @p16',
  'STEP T1: @n2 sends its claim: epoch 2, set @s11, timeline 2, floor @p16',
  'STEP store: the change of @n2 is committed',
  'RECORD epoch 2, holder @n2, @r4, set @s11, timeline 2, floor @p16, final @p0',
  "HARM I1: an acknowledged write is lost: the record's holder does not have it",
  'pan:1: assertion violated 0 (at depth 9)',
  'spin: trail ends after 9 steps',
  '\t\tD_STEP55',
].join('\n');

test('a story has the words of PROTOCOL, numbered steps, and the record where it changed', () => {
  expect(formatStory(readStory(REPLAY))).toEqual([
    '    1  P5.2: c is a candidate, promises itself epoch 2, at 1/0',
    '    2  T1: c sends its claim: epoch 2, set ({a,b}, 1), timeline 2, floor 1/0',
    '    3  store: the change of c is committed',
    '       record: epoch 2, holder c, promoting, set ({a,b}, 1), timeline 2, floor 1/0, final none',
    "  ===  I1: an acknowledged write is lost: the record's holder does not have it",
  ]);
});

test('a record is no step', () => {
  expect(stepsOf(readStory(REPLAY))).toBe(3);
});

test('the end says what kind of harm it is', () => {
  expect(readStory('STEP x\nHARM I5: @n0 and @n1 differ').ending).toEqual({ kind: 'harm', invariant: 'I5', text: 'a and b differ' });
  expect(readStory('STEP x\nREACHED\nSTEP never').lines).toHaveLength(1);
});

test('a replay that shows neither harm nor what was sought has an open end', () => {
  expect(readStory('STEP x\nspin: trail ends after 9 steps').ending).toEqual({ kind: 'open' });
  expect(readStory('').lines).toEqual([]);
});

test('an empty set and nobody have names too', () => {
  expect(readStory('STEP @n3, @s0, @s22').lines[0]?.text).toBe('nobody, ({}, 0), ({b,c}, 2)');
});

test('a run without end shows where it begins to go round', () => {
  const told = formatStory(readStory('STEP x\n  <<<<<START OF CYCLE>>>>>\nSTEP y\nspin: trail ends after 9 steps'));
  expect(told).toEqual(['    1  x', '  ---  from here on, again and again:', '    2  y', '  ===  and so on, for ever']);
});
