/** The figures that have to be reached, each with its verdict. Pure. It must never call good what was not measured. */
import { table } from './table.ts';

export type Criterion = {
  readonly name: string;
  /** Null: it was not measured. */
  readonly value: number | null;
  readonly wanted: { readonly least: number } | { readonly most: number };
  readonly verdict: 'pass' | 'fail' | 'unknown';
};

export function criterion(name: string, value: number | null, wanted: Criterion['wanted']): Criterion {
  if (value === null) return { name, value, wanted, verdict: 'unknown' };
  const isMet = 'least' in wanted ? value >= wanted.least : value <= wanted.most;
  return { name, value, wanted, verdict: isMet ? 'pass' : 'fail' };
}

export function verdictOf(criteria: readonly Criterion[]): Criterion['verdict'] {
  if (criteria.some(({ verdict }) => verdict === 'fail')) return 'fail';
  return criteria.every(({ verdict }) => verdict === 'pass') ? 'pass' : 'unknown';
}

export function tableOfCriteria(criteria: readonly Criterion[], digits: number): readonly string[] {
  return table(
    ['acceptance (pgbaton)', 'measured', 'wanted', 'verdict'],
    criteria.map(({ name, value, wanted, verdict }) => [
      ...[name, value === null ? '-' : value.toFixed(digits)],
      'least' in wanted ? `>= ${String(wanted.least)}` : `<= ${String(wanted.most)}`,
      verdict,
    ]),
  );
}
