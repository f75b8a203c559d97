import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../../../cli/usage-error.ts';
import { reportPage } from '../../../../chaos/live/page/report-page.ts';
import { makeReportDirectory, writeHistory, writeReport } from '../../../../chaos/live/report-files.ts';
import { reportOf, rowOf } from '../../../../chaos/live/report.ts';
import { goodTrial, nodeKillSample } from './samples.ts';

const dir = mkdtempSync(join(tmpdir(), 'pgbaton-report-'));
afterAll(() => {
  rmSync(dir, { recursive: true });
});

describe('the report on disk', () => {
  it('is the same report twice: to look at, and as JSON', () => {
    const played = [{ scenario: nodeKillSample, trials: [goodTrial] }];
    const report = reportOf({
      seed: '1',
      repeat: '',
      backend: 'processes',
      interrupted: false,
      played,
      notPlayed: [],
      rows: played.map(rowOf),
    });
    const there = join(dir, 'deep', 'report');
    makeReportDirectory(there);
    const page = writeReport(there, report);
    expect(readFileSync(page, 'utf8')).toBe(reportPage(report));
    expect(JSON.parse(readFileSync(join(there, 'report.json'), 'utf8'))).toEqual(report);
  });

  it('has the history of a workload an operation a line, balances and all', () => {
    writeHistory(dir, 'bank', [{ id: 1, act: { kind: 'look', balances: new Map([[3, 100]]) } }, { id: 2 }]);
    expect(readFileSync(join(dir, 'bank.history.jsonl'), 'utf8')).toBe('{"id":1,"act":{"kind":"look","balances":{"3":100}}}\n{"id":2}\n');
  });

  it('is refused before anything is broken when its directory cannot be made', () => {
    writeFileSync(join(dir, 'file'), '');
    expect(() => {
      makeReportDirectory(join(dir, 'file'));
    }).toThrow(UsageError);
  });
});
