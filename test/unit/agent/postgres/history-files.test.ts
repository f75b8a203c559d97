import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { historyAt, historyIds, readHistory, removeHistoryAbove, writeStubs } from '../../../../agent/postgres/history-files.ts';
import { lsn } from '../../../../shared/domain/lsn.ts';
import { timelineId, type TimelineHistory } from '../../../../shared/domain/timeline.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pgbaton-history-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

describe('stub history files', () => {
  it('fill every id between the own and the reserved one, and no other', async () => {
    writeFileSync(join(dir, '00000002.history'), '1\t0/3000000\tno recovery target specified\n');
    await writeStubs(dir, timelineId(2), timelineId(6), null);
    expect(await historyIds(dir)).toEqual([2, 3, 4, 5]);
    expect(readFileSync(join(dir, '00000002.history'), 'utf8')).toMatch(/^1\t/);
    expect(await readHistory(dir, timelineId(4))).toBeNull();
    expect((await readHistory(dir, timelineId(2)))?.ancestors).toEqual([{ timeline: 1, end: 0x3000000n }]);
  });

  it('do not replace real history between, and what stands at the reserved id or above goes', async () => {
    writeFileSync(join(dir, '00000003.history'), '1\t0/3000000\tx\n');
    writeFileSync(join(dir, '00000005.history'), 'half');
    writeFileSync(join(dir, '0000000A.history'), '1\t0/3000000\tx\n');
    await writeStubs(dir, timelineId(1), timelineId(5), null);
    expect(readdirSync(dir).toSorted()).toEqual(['00000002.history', '00000003.history', '00000004.history']);
    expect(await readHistory(dir, timelineId(3))).not.toBeNull();
  });

  it('are not needed for the next id', async () => {
    await writeStubs(dir, timelineId(1), timelineId(2), null);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('above the own timeline are removed before a start, those below stay', async () => {
    await writeStubs(dir, timelineId(1), timelineId(6), null);
    await removeHistoryAbove(dir, timelineId(3));
    expect(await historyIds(dir)).toEqual([2, 3]);
  });
});

describe('the timeline of a position', () => {
  const history: TimelineHistory = {
    timeline: timelineId(7),
    ancestors: [
      { timeline: timelineId(1), end: lsn(100n) },
      { timeline: timelineId(4), end: lsn(200n) },
    ],
  };

  it('is the newest only beyond its fork: at the fork itself nothing of it is there yet', () => {
    expect(historyAt(history, lsn(201n)).timeline).toBe(7);
    expect(historyAt(history, lsn(200n))).toEqual({ timeline: 4, ancestors: [{ timeline: 1, end: 100n }] });
    expect(historyAt(history, lsn(100n))).toEqual({ timeline: 1, ancestors: [] });
  });
});
