/**
 * Asks many questions, a few at a time, and hands the findings on in the order of the questions. Used by the program and by the test that runs the
 * quick set.
 */
import { judge, type Finding, type Recorded } from './judge.ts';
import { nameOf, searchFor, type Question } from './questions.ts';
import { runSearch, type Limits, type SpinTools } from './spin.ts';

export type AskAll = {
  readonly questions: readonly Question[];
  readonly recorded: Recorded;
  /** False: the numbers are to be recorded anew, so the old ones are no measure. */
  readonly compare: boolean;
  readonly tools: SpinTools;
  readonly limits: Limits;
  readonly jobs: number;
  readonly signal: AbortSignal;
  readonly onFinding?: (finding: Finding) => void;
  readonly onProgress?: (running: readonly Question[]) => void;
};

export async function askAll(options: AskAll): Promise<readonly Finding[]> {
  const { questions, recorded, compare, tools, limits, jobs, signal } = options;
  const found: Finding[] = [];
  const waiting = new Map<number, Finding>();
  const running = new Set<Question>();
  let next = 0;
  const handOn = (): void => {
    for (let finding = waiting.get(found.length); finding !== undefined; finding = waiting.get(found.length)) {
      waiting.delete(found.length);
      found.push(finding);
      options.onFinding?.(finding);
    }
  };
  const worker = async (): Promise<void> => {
    for (let at = next++; at < questions.length; at = next++) {
      const question = questions[at];
      if (question === undefined) return;
      running.add(question);
      options.onProgress?.([...running]);
      const search = searchFor(question, recorded[question.kind][nameOf(question)] ?? null);
      const answer = await runSearch(search, tools, limits, signal);
      running.delete(question);
      waiting.set(at, judge(question, answer, compare ? recorded : null));
      handOn();
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  return found;
}
