/** `history` as text. Pure. */
import { renderTable } from './table.ts';

export type HistoryAnswer = {
  readonly entries: readonly {
    readonly epoch: string;
    readonly holder: string;
    readonly timeline: number;
    readonly floor: { readonly timeline: number; readonly lsn: string };
    readonly why: string;
    readonly at: string;
  }[];
};

export function renderHistory({ entries }: HistoryAnswer): string {
  if (entries.length === 0) return 'no leadership has been recorded yet\n';
  const rows = entries.map(({ epoch, at, holder, timeline, floor, why }) => [
    String(epoch),
    at,
    holder.replace(/~.*/, ''),
    String(timeline),
    `${String(floor.timeline)}:${floor.lsn}`,
    why,
  ]);
  return renderTable(['EPOCH', 'AT', 'LEADER', 'TIMELINE', 'FLOOR', 'WHY'], rows);
}
