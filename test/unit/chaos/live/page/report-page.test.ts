import { describe, expect, it } from 'vitest';
import type { Row as LedgerRow } from '../../../../../chaos/ledger/entry.ts';
import { reportPage } from '../../../../../chaos/live/page/report-page.ts';
import { reportOf, rowOf, type Played, type Report } from '../../../../../chaos/live/report.ts';
import type { Trial } from '../../../../../chaos/live/judge.ts';
import { goodFigures, goodLists, goodTrial, nodeKillSample, spoilt } from '../samples.ts';

const lost: readonly LedgerRow[] = [4, 5, 6, 9].map((seq) => ({ writer: 3, seq })).concat({ writer: 0, seq: 12 });
const lostTransfers = Array.from({ length: 12 }, (_, at) => `transfer ${String(at)} (1 from 2 to 3)`);
const bad: Trial = {
  ...goodTrial,
  trial: 2,
  figures: {
    ...goodFigures,
    outage: { fromMs: 0.25, toMs: 2_345.75, lengthMs: 2_345.5, ended: false },
    data: { checked: 999, lost, duplicated: [{ writer: 1, seq: 1 }], resurrected: [], foreign: [], surfaced: 2 },
    rpoMs: 333,
  },
  findings: [{ claim: 'dead in time', holds: false, seen: '9 s', timing: null }],
  workloads: [spoilt('lost', ...lostTransfers), { ...goodLists, flaws: { ...goodLists.flaws, cycle: ['G0: 1 –ww of key 0→ 2'] } }],
};
const nothing: Trial = { ...goodTrial, trial: 3, figures: null, stopped: 'ended without a result', wholeAfterMs: null };

function reported(played: readonly Played[], change: Partial<Report> = {}): Report {
  const report = reportOf({
    seed: '42',
    repeat: 'run node-kill --seed 42',
    backend: 'processes',
    interrupted: false,
    played,
    notPlayed: [{ scenario: 'disk-full', why: 'it needs mounts' }],
    rows: played.map(rowOf),
  });
  return { ...report, ...change };
}

const played: readonly Played[] = [
  { scenario: nodeKillSample, trials: [goodTrial, bad, nothing] },
  {
    scenario: { ...nodeKillSample, name: 'other', demand: { ...nodeKillSample.demand, outage: null } },
    trials: [{ ...goodTrial, scenario: 'other' }],
  },
];
const report = reported(played);
const page = reportPage(report);
/** What a reader of report.json has. */
const json: unknown = JSON.parse(JSON.stringify(report));

function standing(path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, key) => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : null), json);
}

/** As the page shows it. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return '–';
  return typeof value === 'number' ? String(Math.round(value)) : typeof value === 'string' ? value : JSON.stringify(value);
}

function figuresOn(html: string): readonly (readonly [path: string, text: string])[] {
  return [...html.matchAll(/data-figure="([^"]+)">([^<]*)</g)].map(([, path = '', text = '']) => [path, text]);
}

describe('the page of the report', () => {
  it('shows no figure that is another one in report.json', () => {
    const figures = figuresOn(page);
    expect(figures.length).toBeGreaterThan(60);
    for (const [path, text] of figures) expect(text, path).toBe(shown(standing(path)));
  });

  it('shows every figure that the rows of report.json have', () => {
    const paths = new Set(figuresOn(page).map(([path]) => path));
    const numbers = (value: unknown, path: string): readonly string[] =>
      typeof value === 'number'
        ? [path]
        : typeof value === 'object' && value !== null
          ? Object.entries(value).flatMap(([key, inner]) => numbers(inner, `${path}.${key}`))
          : [];
    const leftOut = numbers(report.rows, 'rows').filter((path) => !paths.has(path) && !/\.(n|median|max)$/.test(path));
    expect(leftOut).toEqual([]);
    for (const at of report.rows.keys()) {
      for (const key of ['n', 'outageMs.median', 'outageMs.max', 'freshOutageMs.max', 'clientErrors.median', 'wholeAfterMs.max'])
        expect(paths).toContain(`rows.${String(at)}.${key}`);
    }
  });

  it('draws the dots and the bars from the figures of report.json, every one of them', () => {
    const dots = [...page.matchAll(/data-dot="([^"]+)" data-value="([^"]+)"/g)];
    expect(dots).toHaveLength(3);
    for (const [, path = '', value] of dots) expect(Number(value)).toBe(standing(path));
    const standstills = [...page.matchAll(/data-standstill="(\S+) (\S+)"/g)].map(([, from, until]) => [Number(from), Number(until)]);
    expect(standstills).toEqual(
      report.trials.flatMap(({ figures }) =>
        figures === null ? [] : [[figures.timeline.standstill.fromMs, figures.timeline.standstill.untilMs]],
      ),
    );
    const bars = [...page.matchAll(/data-bars="([^"]+)" d="M0 0([^"]*)V0z"/g)];
    expect(bars).toHaveLength(6);
    for (const [, path = '', drawn = ''] of bars)
      expect(
        [...drawn.matchAll(/V(\d+)h1/g)].map(([, count]) => Number(count)),
        path,
      ).toEqual(standing(path));
  });

  it('names every lost row and every doubled one', () => {
    const listed = [...page.matchAll(/data-rows="([^"]+)" data-writer="(\d+)">[^<]*<code>([^<]*)</g)].flatMap(
      ([, path, writer, numbers = '']) =>
        numbers.split(', ').flatMap((run) => {
          const [from = 0, until = from] = run.split('-').map(Number);
          return Array.from({ length: until - from + 1 }, (_, at) => ({ path, writer: Number(writer), seq: from + at }));
        }),
    );
    const path = 'trials.1.figures.data.lost';
    const rows = listed.filter((row) => row.path === path).map(({ writer, seq }) => ({ writer, seq }));
    expect(rows).toHaveLength(lost.length);
    expect(rows).toEqual(expect.arrayContaining([...lost]));
    expect(listed.filter((row) => row.path === 'trials.1.figures.data.duplicated')).toMatchObject([{ writer: 1, seq: 1 }]);
  });

  it('names everything that the checkers of the workloads found', () => {
    const shownAt = new Map(figuresOn(page));
    for (const [at, what] of lostTransfers.entries()) expect(shownAt.get(`trials.1.workloads.0.flaws.lost.${String(at)}`)).toBe(what);
    expect(shownAt.get('trials.1.workloads.1.flaws.cycle.0')).toBe('G0: 1 –ww of key 0→ 2');
    expect(shownAt.get('rows.0.workloads.0.flaws.lost')).toBe('12');
    expect(page).toContain('trial 2: bank: 12 acknowledged and lost');
    expect(reportPage(reported([{ scenario: nodeKillSample, trials: [{ ...goodTrial, workloads: [] }] }]))).not.toContain(
      'Beside the ledger',
    );
  });

  it('says the verdict, why, how to do the same again, and what was not played', () => {
    for (const text of [
      'verdict fail',
      'npm run chaos -- run node-kill --seed 42',
      'pgbaton chaos run node-kill --seed 42',
      'trial 2: 5 acknowledged writes are lost',
      'disk-full: it needs mounts',
      'dead in time',
    ])
      expect(page).toContain(text);
    expect(page).not.toContain('interrupted');
    expect(reportPage(reported(played, { interrupted: true }))).toContain('interrupted');
  });

  it('opens the trials that failed, and of few also those that held', () => {
    const opened = (html: string): number => html.split('<details open>').length - 1;
    expect(opened(page)).toBe(4);
    const many = Array.from({ length: 20 }, (_, at) => ({ ...goodTrial, trial: at + 1 }));
    expect(opened(reportPage(reported([{ scenario: nodeKillSample, trials: [...many, { ...bad, trial: 21 }] }])))).toBe(1);
  });

  it('does not look like a pass when nothing was played', () => {
    const empty = reportPage(reported([]));
    expect(empty).toContain('Nothing was played');
    expect(empty).toContain('verdict fail');
  });
});

describe('text from outside', () => {
  const hostile = `"><script>alert(1)</script><img src=x onerror='alert(2)'>&amp;`;

  /** Every text of the report, replaced; what the page takes as one of a few words stays. */
  function spoilt(value: unknown, key = ''): unknown {
    if (typeof value === 'string') return ['kind', 'verdict', 'scenario', 'outcome', 'origin', 'fault'].includes(key) ? value : hostile;
    if (Array.isArray(value)) return value.map((inner) => spoilt(inner, key));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, spoilt(inner, name)]));
  }

  it('never becomes markup, wherever it stands', () => {
    const html = reportPage(spoilt(json) as Report);
    expect(html.split('&quot;&gt;&lt;script&gt;').length).toBeGreaterThan(20);
    expect(html).not.toMatch(/<script|<img|onerror='/);
    expect(tagsOf(html)).toEqual(tagsOf(page));
  });

  it('never becomes markup in the names of scenarios and faults either', () => {
    const text = JSON.stringify(json).replaceAll('"node-kill"', JSON.stringify(hostile)).replaceAll('"kill n1"', JSON.stringify(hostile));
    expect(reportPage(JSON.parse(text) as Report)).not.toMatch(/<script|<img|onerror='/);
  });

  function tagsOf(html: string): readonly string[] {
    return [...new Set([...html.matchAll(/<\/?([a-z0-9]+)/g)].map(([, name = '']) => name))].toSorted();
  }
});

describe('the file', () => {
  it('needs nothing but itself', () => {
    expect(page).not.toMatch(/https?:|\burl\(|@import|<link|<script|\bsrc=|\bhref=/);
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
    expect(page).toContain('prefers-color-scheme: dark');
  });

  it('closes what it opens', () => {
    for (const name of ['svg', 'g', 'table', 'tr', 'td', 'details', 'section', 'ul', 'li', 'span', 'div', 'title', 'text'])
      expect(page.match(new RegExp(`<${name}[ >]`, 'g'))?.length, name).toBe(page.match(new RegExp(`</${name}>`, 'g'))?.length);
  });
});
