// The quick set of the formal model, really searched: spin generates, the C compiler compiles, pan looks at every state of a small scope.
import { describe, expect, test } from 'vitest';
import { askAll, type AskAll } from '../../chaos/model/ask-all.ts';
import { readGuardSentences } from '../../chaos/model/guard-sentences.ts';
import { GUARD_REMOVALS } from '../../chaos/model/guards.ts';
import type { Finding } from '../../chaos/model/judge.ts';
import { readPromela, readReadme, readRecorded } from '../../chaos/model/model-files.ts';
import { chooseQuestions, type Question } from '../../chaos/model/questions.ts';
import { storyLines } from '../../chaos/model/report.ts';
import { findSpinTools } from '../support/spin.ts';

const TWO_MINUTES_MS = 120_000;
const tools = findSpinTools();
if (tools === null)
  process.stderr.write('skipped: the formal model needs a C compiler (Debian, Ubuntu: sudo apt-get install gcc libc6-dev)\n');

function ask(questions: readonly Question[], changes: Partial<AskAll> = {}): Promise<readonly Finding[]> {
  return askAll({
    questions,
    recorded: readRecorded(),
    compare: true,
    tools: tools!,
    limits: { memoryMb: 1000, deadlineMs: TWO_MINUTES_MS },
    jobs: 1,
    signal: AbortSignal.timeout(TWO_MINUTES_MS),
    ...changes,
  });
}

function removed(guard: string): Question {
  const removal = GUARD_REMOVALS.find(({ without }) => without.join('+') === guard);
  expect(removal, guard).toBeDefined();
  return { kind: 'guard', removal: removal! };
}

describe.skipIf(tools === null)('the formal model', () => {
  test('answers every question of the quick set as expected, with the recorded numbers', { timeout: TWO_MINUTES_MS }, async () => {
    const questions = chooseQuestions('quick', []);
    const findings = await ask(questions);
    expect(findings.map(({ question }) => question)).toEqual(questions);
    expect(findings.filter(({ problem }) => problem !== null).map(({ problem }) => problem)).toEqual([]);
  });

  test(
    'tells the loss behind a missing floor as a story of two lost leaders, and the README tells the same',
    { timeout: TWO_MINUTES_MS },
    async () => {
      const [finding] = await ask([removed('FLOOR')]);
      const told = finding?.story?.lines.map(({ text }) => text) ?? [];
      expect(told.filter((line) => line.startsWith('T1:'))).toHaveLength(2);
      expect(told.filter((line) => line.startsWith('epoch '))[0]).toMatch(/^epoch 2, holder [bc], promoting, set/);
      expect(finding?.story?.ending).toMatchObject({ kind: 'harm', invariant: 'I1' });
      const lines = finding === undefined ? [] : storyLines(finding, readGuardSentences(readPromela('guards.pml'))).slice(1);
      expect(lines.length).toBeGreaterThan(10);
      expect(readReadme()).toContain(lines.join('\n'));
    },
  );

  test('finds a violation when a scope is searched without a guard', { timeout: TWO_MINUTES_MS }, async () => {
    const forged: Question = {
      kind: 'second-line',
      line: { without: 'REVOKE', flags: { WRITES: 1, EPOCHS: 2 }, because: '', depth: 'quick' },
    };
    const [finding] = await ask([forged], { compare: false });
    expect(finding?.problem).toMatch(/^VIOLATED: I1/);
  });

  test('says when memory or time did not suffice, and never takes that for a result', { timeout: TWO_MINUTES_MS }, async () => {
    const questions = chooseQuestions('quick', ['votes']);
    const [starved] = await ask(questions, { limits: { memoryMb: 150, deadlineMs: TWO_MINUTES_MS } });
    expect(starved?.problem).toBe('no result: pan says "reached -DMEMLIM bound"');
    const [late] = await ask(questions, { limits: { memoryMb: 1000, deadlineMs: 50 } });
    expect(late?.problem).toBe('no result: it did not end before its deadline');
  });

  test('says what went wrong when there is no spin', async () => {
    const [finding] = await ask(chooseQuestions('quick', ['FLOOR']), { tools: { ...tools!, spin: '/nonexistent/spin' } });
    expect(finding?.problem).toMatch(/^no result: spawn \/nonexistent\/spin ENOENT/);
  });
});
