import { describe, expect, it } from 'vitest';
import { scramVerifier } from '../../../../agent/postgres/scram.ts';

describe('a SCRAM verifier', () => {
  it('is the one of RFC 7677, section 3', () => {
    // The password and salt of the RFC's example; keys computed from its SaltedPassword.
    const verifier = scramVerifier('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'));
    expect(verifier).toBe(
      'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
    );
  });

  it('does not show the password', () => {
    expect(scramVerifier('secret', Buffer.alloc(16))).not.toContain('secret');
  });
});
