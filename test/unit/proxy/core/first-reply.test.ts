import { describe, expect, it } from 'vitest';
import { judgeFirstError } from '../../../../proxy/core/first-reply.ts';

describe('judgeFirstError', () => {
  it.each([
    ['a server that is starting up is tried again', { C: '57P03', M: 'the database system is starting up' }, 'retry'],
    ['a closed door is checked with the agent', { C: '28000', M: 'no pg_hba.conf entry for host "1.2.3.4"' }, 'ask-agent'],
    ['an explicit reject is checked with the agent', { C: '28000', M: 'pg_hba.conf rejects connection for host "1.2.3.4"' }, 'ask-agent'],
    [
      'a closed door in another language is recognised',
      { C: '28000', M: 'kein pg_hba.conf-Eintrag', F: 'auth.c', R: 'ClientAuthentication' },
      'ask-agent',
    ],
    [
      'an unknown role is the client’s affair',
      { C: '28000', M: 'role "x" does not exist', F: 'miscinit.c', R: 'InitializeSessionUserId' },
      'forward',
    ],
    ['a wrong password is the client’s affair', { C: '28P01', M: 'password authentication failed' }, 'forward'],
    ['too many clients is the client’s affair', { C: '53300', M: 'sorry, too many clients already' }, 'forward'],
    ['an error without a code is passed on', { M: 'odd' }, 'forward'],
  ] as const)('%s', (_claim, fields, expected) => {
    expect(judgeFirstError(new Map(Object.entries(fields)))).toBe(expected);
  });
});
