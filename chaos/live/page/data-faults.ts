/** The rows of one trial that are not as they should be, every one of them by name. Pure. */
import type { Row } from '../../ledger/entry.ts';
import type { Figures } from '../measure.ts';
import { figure } from './figure.ts';
import { markup, type Markup } from './markup.ts';
import { rowRanges } from './row-ranges.ts';

export function dataFaults({ data }: Figures, path: string): readonly Markup[] {
  if (data === null) return [];
  return [
    rowList('acknowledged and lost', data.lost, `${path}.figures.data.lost`),
    rowList('there twice', data.duplicated, `${path}.figures.data.duplicated`),
    rowList('rolled back and there', data.resurrected, `${path}.figures.data.resurrected`),
    rowList('never written and there', data.foreign, `${path}.figures.data.foreign`),
  ];
}

function rowList(what: string, rows: readonly Row[], path: string): Markup {
  if (rows.length === 0) return markup``;
  const lines = rowRanges(rows).map(
    ({ writer, numbers }) => markup`<li data-rows="${path}" data-writer="${writer}">writer ${writer}: rows <code>${numbers}</code></li>`,
  );
  return markup`<p class="bad">${figure(`${path}.length`, rows.length)} rows ${what}</p><ul>${lines}</ul>`;
}
