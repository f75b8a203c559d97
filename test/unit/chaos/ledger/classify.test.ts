import { describe, expect, it } from 'vitest';
import { isCancelledWait, isReadOnlyRefusal, outcomeOfFailure, sqlStateOf } from '../../../../chaos/ledger/classify.ts';

const withCode = (code: string): Error => Object.assign(new Error('x'), { code });

describe('the outcome of a failed write', () => {
  it('is certain when the statement was never sent', () => {
    expect(outcomeOfFailure(withCode('ECONNREFUSED'), false)).toBe('failed');
  });

  it.each(['57P01', '57P02', '08006', '40003', 'XX000'])('is unknown after %s, because the commit may have become durable', (code) => {
    expect(outcomeOfFailure(withCode(code), true)).toBe('unknown');
  });

  it.each(['25006', '40001', '53100', '23505'])('is a certain rollback after %s', (code) => {
    expect(outcomeOfFailure(withCode(code), true)).toBe('failed');
  });

  it('is unknown when the connection broke without a word', () => {
    expect(outcomeOfFailure(new Error('Connection terminated unexpectedly'), true)).toBe('unknown');
    expect(outcomeOfFailure(withCode('ECONNRESET'), true)).toBe('unknown');
  });

  it('never takes the name of a network error for a SQLSTATE', () => {
    expect(sqlStateOf(withCode('EPIPE'))).toBeNull();
    expect(sqlStateOf(withCode('57P03'))).toBe('57P03');
  });
});

describe('a warning during a commit', () => {
  it.each(['01000', '57P01'])('of code %s means that nobody waited for the standbys', (code) => {
    expect(isCancelledWait({ severity: 'WARNING', code })).toBe(true);
  });

  it('is not a notice, nor a warning of another kind', () => {
    expect(isCancelledWait({ severity: 'NOTICE', code: '01000' })).toBe(false);
    expect(isCancelledWait({ severity: 'WARNING', code: '01004' })).toBe(false);
  });
});

describe('a refusal by a standby', () => {
  it('leaves the session as good as before, unlike every other error', () => {
    expect(isReadOnlyRefusal(withCode('25006'))).toBe(true);
    expect(isReadOnlyRefusal(withCode('57P01'))).toBe(false);
  });
});
