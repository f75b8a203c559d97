/** From what was told of a trial to bars that do not overlap: which fault was in force from when until when, and in which lane it is drawn. Pure. */
import type { Trial } from '../judge.ts';
import { isLate, type Span } from './axis.ts';

export type FaultBar = {
  readonly name: string;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly lasts: boolean;
  readonly lane: number;
  /** Its name stands to the left of it, because to the right it would be cut off. */
  readonly isNamedBefore: boolean;
};

/** A fault that leaves nothing is a line with its name beside it; so much of the drawing is kept free for the name. */
const NAME_SHARE = 0.2;

export function faultBars(happenings: Trial['happenings'], span: Span): readonly FaultBar[] {
  const freeFrom: number[] = [];
  const nameMs = NAME_SHARE * (span.until - span.from);
  return happenings.flatMap((told, at) => {
    if (told.kind !== 'struck') return [];
    const healed = happenings
      .slice(at + 1)
      .find((later) => later.kind === 'healed' && (later.fault === null || later.fault === told.fault));
    const fromMs = told.afterFaultMs;
    const untilMs = told.lasts ? (healed?.afterFaultMs ?? span.until) : fromMs;
    const isNamedBefore = isLate(fromMs, span);
    const takenFromMs = isNamedBefore ? fromMs - nameMs : fromMs;
    const free = freeFrom.findIndex((ms) => ms <= takenFromMs);
    const lane = free === -1 ? freeFrom.length : free;
    freeFrom[lane] = Math.max(untilMs, takenFromMs + nameMs);
    return [{ name: told.fault, fromMs, untilMs, lasts: told.lasts, lane, isNamedBefore }];
  });
}
