/**
 * Named places at which a test makes an agent fail, wait or die: every ask of the machine, before it is begun or after it is answered. The simulator
 * uses the same names. Nothing is armed unless the environment says so, and no configuration can.
 *
 *   PGBATON_FAILPOINTS="promote:before=exit;change-record/T1:after=sleep(500);save-file:before=fail"
 */
import { appError } from '../../shared/errors.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import { failpointOf, type Answer, type Ask } from '../machine/asks.ts';

type Act = { readonly kind: 'exit' } | { readonly kind: 'fail' } | { readonly kind: 'sleep'; readonly ms: number };
type Point = { readonly name: string; readonly when: 'before' | 'after'; readonly act: Act };

const POINT = /^([a-z-]+(?:\/[A-Za-z0-9-]+)?):(before|after)=(exit|fail|sleep\((\d{1,6})\))$/;

export class Failpoints {
  readonly #points: readonly Point[];

  /** Throws AppError PGB-1001 when a point cannot be read: a test that arms nothing would prove nothing. */
  constructor(text: string | undefined) {
    this.#points = text === undefined || text === '' ? [] : text.split(';').map(parsePoint);
  }

  /** Answers the ask, with whatever has been armed for it. */
  async around(ask: Ask, answer: () => Promise<Answer>): Promise<Answer> {
    if (this.#points.length === 0) return answer();
    const name = failpointOf(ask);
    const armed = this.#points.filter((point) => point.name === name);
    for (const { when, act } of armed) {
      if (when !== 'before') continue;
      if (act.kind === 'fail') return FAILED;
      await perform(act);
    }
    const given = await answer();
    for (const { when, act } of armed) {
      if (when !== 'after') continue;
      if (act.kind === 'fail') return FAILED;
      await perform(act);
    }
    return given;
  }
}

/** Only asks that are answered by an outcome may be made to fail; which those are, the tests know. */
const FAILED: Answer = { kind: 'failed', code: 'PGB-1999', why: 'a failpoint is armed here' };

async function perform(act: Act): Promise<void> {
  if (act.kind === 'sleep') await sleep(act.ms);
  // As by kill -9: no handler runs, nothing is tidied up.
  if (act.kind === 'exit') process.kill(process.pid, 'SIGKILL');
}

function parsePoint(text: string): Point {
  const [, name, when, act, ms] = POINT.exec(text.trim()) ?? [];
  if (name === undefined || act === undefined || (when !== 'before' && when !== 'after'))
    throw appError('PGB-1001', `PGBATON_FAILPOINTS: ${text}`);
  if (act === 'exit' || act === 'fail') return { name, when, act: { kind: act } };
  return { name, when, act: { kind: 'sleep', ms: Number(ms) } };
}
