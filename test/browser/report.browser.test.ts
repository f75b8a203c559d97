// The report as a reader sees it: drawn by a real browser, from a trial that was really played and from trials that are forged to be bad.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { reportOf, rowOf, type Report } from '../../chaos/live/report.ts';
import { writeReport } from '../../chaos/live/report-files.ts';
import { BROWSER, openBrowser, type OpenBrowser } from '../support/browser.ts';
import { contrast, drawings, figuresShown, overhang, unfold } from '../support/looked-at.ts';
import { goodFigures, goodTrial, nodeKillSample, spoilt } from '../unit/chaos/live/samples.ts';

const PGBATON = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const WIDTHS_PX = [360, 800, 1_400];
const SCHEMES = ['light', 'dark'] as const;

describe.skipIf(BROWSER === null)('the report in a browser', () => {
  let dir = '';
  let opened: OpenBrowser | null = null;
  let report: Report = forged();
  let url = '';

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'pgbaton-looked-at-'));
    const real = played(join(dir, 'real'));
    report = { ...real, rows: [...real.rows, ...report.rows], trials: [...real.trials, ...report.trials], verdict: 'fail' };
    url = pathToFileURL(writeReport(dir, report)).href;
    opened = await openBrowser(BROWSER ?? '');
  });

  afterAll(async () => {
    await opened?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  /** `complaints`: whatever the browser said, and every request beyond the page itself. */
  async function look(
    use: (page: Page) => Promise<void>,
    options: { readonly width: number; readonly scheme: 'light' | 'dark' },
  ): Promise<void> {
    const viewport = { width: options.width, height: 900 };
    const context = await opened!.browser.newContext({ viewport, colorScheme: options.scheme, offline: true });
    const complaints: string[] = [];
    try {
      const page = await context.newPage();
      page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
      page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
      page.on('request', (request) => complaints.push(...(request.url() === url ? [] : [`request: ${request.url()}`])));
      await page.goto(url);
      await unfold(page);
      await use(page);
    } finally {
      await context.close();
    }
    expect(complaints).toEqual([]);
  }

  const wide = { width: 1_400, scheme: 'light' } as const;

  test('shows the figures that report.json has, each where it can be seen', async () => {
    const json: unknown = JSON.parse(readFileSync(join(dir, 'report.json'), 'utf8'));
    await look(async (page) => {
      const figures = await figuresShown(page);
      expect(figures.length).toBeGreaterThan(150);
      for (const { path, text, isVisible } of figures) expect([path, text, isVisible]).toEqual([path, shown(standing(json, path)), true]);
      // The one look that everybody takes.
      const text = await page.innerText('body');
      for (const part of ['FAIL', report.seed, `pgbaton chaos ${report.repeat}`, 'RPO', 'epoch']) expect(text).toContain(part);
    }, wide);
  });

  test.each(WIDTHS_PX)('draws every course and every dot inside its frame at a width of %i pixels', async (width) => {
    await look(
      async (page) => {
        const all = await drawings(page);
        const measured = report.trials.filter(({ figures }) => figures !== null).length;
        expect(all).toHaveLength(report.rows.length + measured);
        for (const { label, box, shapes } of all) {
          expect(box.right - box.left, label).toBeGreaterThan(200);
          expect(shapes.length, label).toBeGreaterThan(5);
          for (const shape of shapes) {
            const where = `${label}: ${shape.name} at ${JSON.stringify(shape)} in ${JSON.stringify(box)}`;
            expect(shape.left >= box.left - 1 && shape.right <= box.right + 1, where).toBe(true);
            expect(shape.top >= box.top - 1 && shape.bottom <= box.bottom + 1, where).toBe(true);
          }
        }
        const shapes = all.flatMap((one) => one.shapes.map(({ name }) => name));
        expect(shapes.filter((name) => /^dot\b/.test(name))).toHaveLength(measured);
        for (const name of ['writes', 'direct', 'outage', 'wound', 'bound']) expect(shapes).toContain(name);
      },
      { width, scheme: 'light' },
    );
  });

  test.each(SCHEMES.flatMap((scheme) => WIDTHS_PX.map((width) => [scheme, width] as const)))(
    'fits the window and can be read, %s, %i pixels wide',
    async (scheme, width) => {
      await look(
        async (page) => {
          expect(await overhang(page)).toBe(0);
          for (const selector of ['body', '.verdict.fail', '.verdict.pass', '.quiet', '.bad', 'th', 'td']) {
            expect(await contrast(page, selector), selector).toBeGreaterThan(4.5);
          }
        },
        { width, scheme },
      );
    },
  );
});

test.runIf(BROWSER === null)('the report is not looked at: no Chromium was found, and PGBATON_BROWSER names none', () => {
  expect(BROWSER).toBeNull();
});

/** With everything that runs beside the ledger. What it finds is judged elsewhere; here it only has to be shown. */
function played(into: string): Report {
  const args = ['run', 'switchover', '--trials', '1', '--seed', '1', '--workload', 'all', '--report', into];
  try {
    execFileSync(process.execPath, [PGBATON, 'chaos', ...args], { stdio: 'pipe' });
  } catch {
    // A slow machine misses a bound; the report is there all the same.
  }
  return JSON.parse(readFileSync(join(into, 'report.json'), 'utf8')) as Report;
}

function forged(): Report {
  const lost = Array.from({ length: 40 }, (_, at) => ({ writer: at % 3, seq: 2 * at }));
  const bad = {
    ...goodTrial,
    trial: 2,
    figures: {
      ...goodFigures,
      outage: { fromMs: 0, toMs: 9_345.5, lengthMs: 9_345.5, ended: false },
      data: { checked: 999, lost, duplicated: [{ writer: 1, seq: 1 }], resurrected: [], foreign: [], surfaced: 2 },
      rpoMs: 333,
    },
    findings: [{ claim: 'dead in time', holds: false, seen: '9 s', timing: null }],
    workloads: [spoilt('lost', ...lost.map(({ seq }) => `transfer ${String(seq)} (13 from 2 to 5) on n1, timeline 1`))],
  };
  const nothing = { ...goodTrial, trial: 3, figures: null, workloads: [], stopped: 'ended without a result', wholeAfterMs: null };
  const ofScenario = { scenario: nodeKillSample, trials: [goodTrial, bad, nothing] };
  return reportOf({
    seed: '42',
    repeat: 'run node-kill --seed 42',
    backend: 'processes',
    interrupted: false,
    played: [ofScenario],
    notPlayed: [{ scenario: 'disk-full', why: 'it needs mounts' }],
    rows: [rowOf(ofScenario)],
  });
}

function standing(json: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, key) => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : null), json);
}

/** As the page shows it. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return '–';
  return typeof value === 'number' ? String(Math.round(value)) : String(value as string);
}
