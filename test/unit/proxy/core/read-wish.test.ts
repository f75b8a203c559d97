import { describe, expect, it } from 'vitest';
import { lsn } from '../../../../shared/domain/lsn.ts';
import { timelineId } from '../../../../shared/domain/timeline.ts';
import { NO_WISH, readWish } from '../../../../proxy/core/read-wish.ts';

const read = (name: string, value: string): unknown => readWish([{ name, value }]);

describe('readWish', () => {
  it('reads a token: the timeline as in a WAL file name, and the LSN', () => {
    expect(read('pgbaton.after', '0000001A:2/3000148')).toEqual({
      kind: 'wish',
      wish: { after: { timeline: timelineId(26), lsn: lsn(0x2_0300_0148n) }, maxStalenessMs: null },
    });
  });

  it.each(['0/3000148', '1:0/3000148', '00000000:0/1', '00000001:0/3000148 ', '00000001:', 'x', '000000010000000000000003'])(
    'tells that %j is no token',
    (value) => {
      expect(read('pgbaton.after', value)).toMatchObject({ kind: 'faulty', name: 'pgbaton.after' });
    },
  );

  it.each([
    ['1', 1],
    ['60000', 60_000],
  ])('reads a staleness of %s ms', (value, expected) => {
    expect(read('pgbaton.max_staleness_ms', value)).toMatchObject({ wish: { maxStalenessMs: expected } });
  });

  it.each(['0', '-1', '60001', '1.5', '1s', '99999999'])('tells that %s is no staleness', (value) => {
    expect(read('pgbaton.max_staleness_ms', value)).toMatchObject({ kind: 'faulty' });
  });

  it('tells of a parameter that does not exist instead of reading old rows', () => {
    expect(read('pgbaton.aftr', '00000001:0/1')).toMatchObject({ kind: 'faulty', name: 'pgbaton.aftr' });
  });

  it('takes an empty value, and everything that is not ours, for no wish at all', () => {
    for (const name of ['pgbaton.after', 'pgbaton.max_staleness_ms', 'work_mem']) {
      const reading = readWish([{ name, value: '' }]);
      expect(reading.kind === 'wish' && reading.wish === NO_WISH, name).toBe(true);
    }
  });

  it('goes by the last word', () => {
    const reading = readWish([
      { name: 'pgbaton.after', value: '00000001:0/1' },
      { name: 'pgbaton.after', value: '00000001:0/2' },
    ]);
    expect(reading).toMatchObject({ wish: { after: { lsn: lsn(2n) } } });
  });
});
