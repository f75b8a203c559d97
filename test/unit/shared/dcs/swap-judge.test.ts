/** The outcome of a compare-and-swap, read from every order of answers a few copies can give: never a claim that could be false. */
import { describe, expect, it } from 'vitest';
import type { KeyValue, ModRevision } from '../../../../shared/dcs/dcs.ts';
import type { Attempt } from '../../../../shared/dcs/etcd-outcome.ts';
import type { Judgement } from '../../../../shared/dcs/etcd-race.ts';
import { carries, type SwapReply } from '../../../../shared/dcs/swap.ts';
import { SwapJudge, type SwapOutcome } from '../../../../shared/dcs/swap-judge.ts';

const MINE = 'nonce-1';
const header = (revision: bigint): SwapReply['header'] => ({ clusterId: '1', revision, raftTerm: 2n });
const record = (value: string, revision: bigint): KeyValue => ({ key: 'k', value, modRevision: revision as ModRevision });
const answered = (value: SwapReply): Attempt<SwapReply> => ({ kind: 'answered', value, sentAtMs: 0 });
const succeeded = answered({ succeeded: true, header: header(8n), current: null });
const foundMine = answered({ succeeded: false, header: header(9n), current: record(`x ${MINE}`, 8n) });
const foundOther = answered({ succeeded: false, header: header(9n), current: record('other', 9n) });
const failed = (kind: 'refused' | 'not-done' | 'unknown'): Attempt<SwapReply> => ({ kind, why: kind, suspicious: false });

/** Feeds the answers of as many copies, all sent before the first answer. */
function judged(attempts: readonly Attempt<SwapReply>[], hasUnsettled = false): string {
  const judge = new SwapJudge(carries(MINE), hasUnsettled);
  let last: Judgement<SwapOutcome> = { kind: 'next' };
  for (const [index, attempt] of attempts.entries()) {
    last = judge.judge(attempt, attempts.length - 1 - index);
    if (last.kind === 'done') break;
  }
  return last.kind === 'next' ? 'next' : `${last.kind} ${last.result.kind}`;
}

describe('the judge of a compare-and-swap', () => {
  it.each<[string, readonly Attempt<SwapReply>[], string]>([
    ['a plain success', [succeeded], 'done committed'],
    ['ours is there already', [foundMine], 'done committed'],
    ['something else is there, and nothing else was sent', [foundOther], 'done rejected'],
    ['something else is there, the other copy says the same', [foundOther, foundOther], 'done rejected'],
    ['something else is there, the other copy was never proposed', [foundOther, failed('not-done')], 'done rejected'],
    ['something else is there, the other copy is in doubt', [foundOther, failed('unknown')], 'done superseded'],
    ['something else is there after a copy in doubt', [failed('unknown'), foundOther], 'done superseded'],
    ['something else is there, the slow answer of the other copy says that it had committed', [foundOther, succeeded], 'done superseded'],
    ['ours is found after a copy in doubt', [failed('unknown'), foundMine], 'done committed'],
    ['refused', [failed('refused')], 'done refused'],
    ['refused, after a copy in doubt', [failed('unknown'), failed('refused')], 'done unknown'],
    ['refused, then the other copy turns out in doubt', [failed('refused'), failed('unknown')], 'done unknown'],
    ['refused, but the other copy committed', [failed('refused'), succeeded], 'done committed'],
    ['refused twice', [failed('refused'), failed('refused')], 'done refused'],
    ['in doubt', [failed('unknown')], 'next'],
    ['never proposed', [failed('not-done')], 'next'],
  ])('%s', (_what, attempts, expected) => {
    expect(judged(attempts)).toBe(expected);
  });

  it('waits a moment for copies under way before it leaves a doubt standing', () => {
    const judge = new SwapJudge(carries(MINE), false);
    expect(judge.judge(foundOther, 1)).toMatchObject({ kind: 'linger', result: { kind: 'superseded' } });
    expect(new SwapJudge(carries(MINE), false).judge(failed('refused'), 1)).toMatchObject({ kind: 'linger', result: { kind: 'unknown' } });
  });

  it('never says rejected or refused while a copy of an earlier call is in doubt', () => {
    expect(judged([foundOther], true)).toBe('done superseded');
    expect(judged([failed('refused')], true)).toBe('done unknown');
    expect(judged([foundMine], true)).toBe('done committed');
  });

  it('names the revision at which ours was written, not the newest one', () => {
    const judgement = new SwapJudge(carries(MINE), false).judge(foundMine, 0);
    expect(judgement).toMatchObject({ kind: 'done', result: { kind: 'committed', modRevision: 8n, header: { revision: 9n } } });
  });
});
