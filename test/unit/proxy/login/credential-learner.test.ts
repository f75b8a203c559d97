import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { VerifierLook } from '../../../../proxy/core/agent-answer.ts';
import { CredentialLearner, type VerifierOf } from '../../../../proxy/login/credential-learner.ts';
import { forget } from '../../../../proxy/login/credentials.ts';
import { auth, md5Verifier, PENCIL, SASL, saslInitial, scramVerifier } from './fixture.ts';

const NEVER = new AbortController().signal;
const OK = auth(0);

function stored(verifier: string | null): VerifierOf {
  return async () => ({ kind: 'looked', verifier });
}

type Line = readonly ['server' | 'client', Uint8Array];

function hear(lines: readonly Line[]): CredentialLearner {
  const learner = new CredentialLearner();
  for (const [who, body] of lines) {
    if (who === 'server') learner.fromServer(body);
    else learner.fromClient(body);
  }
  return learner;
}

const SCRAM: readonly Line[] = [
  ['server', SASL],
  ['client', saslInitial(PENCIL.clientFirst)],
  ['server', auth(11, PENCIL.serverFirst)],
  ['client', Buffer.from(PENCIL.clientFinal)],
  ['server', auth(12, PENCIL.serverFinal)],
  ['server', OK],
];
const CLEARTEXT: readonly Line[] = [
  ['server', auth(3)],
  ['client', Buffer.from('pencil\0')],
  ['server', OK],
];
const salt = Buffer.from([1, 2, 3, 4]);
const md5 = (text: string | Buffer): string => createHash('md5').update(text).digest('hex');
const MD5: readonly Line[] = [
  ['server', auth(5, salt)],
  ['client', Buffer.from(`md5${md5(Buffer.concat([Buffer.from(md5('penciluser')), salt]))}\0`)],
  ['server', OK],
];

describe('what a login teaches', () => {
  it('SCRAM: the keys of RFC 7677, which are those of the password', async () => {
    const learned = await hear(SCRAM).credentials(stored(scramVerifier('pencil')), NEVER);
    expect(learned.kind).toBe('scram');
    if (learned.kind !== 'scram') return;
    expect(createHash('sha256').update(learned.clientKey).digest('base64')).toBe(learned.storedKey.toString('base64'));
    expect(scramVerifier('pencil')).toContain(`${learned.storedKey.toString('base64')}:${learned.serverKey.toString('base64')}`);
    forget(learned);
    expect([learned.clientKey, learned.storedKey, learned.serverKey].every((key) => key.every((byte) => byte === 0))).toBe(true);
  });

  it('SCRAM with channel binding is signed with the header the client sent', async () => {
    // Every byte of the client's last message is part of what is signed: with another header the proof does not fit.
    const lines = SCRAM.map((line, at): Line =>
      at === 1 ? ['client', saslInitial(`p=tls-server-end-point,,${PENCIL.clientFirst.slice(3)}`, 'SCRAM-SHA-256-PLUS')] : line,
    );
    expect((await hear(lines).credentials(stored(scramVerifier('pencil')), NEVER)).kind).toBe('scram');
    const changed = SCRAM.map((line, at): Line => (at === 3 ? ['client', Buffer.from(PENCIL.clientFinal.replace('biws', 'eSws'))] : line));
    expect((await hear(changed).credentials(stored(scramVerifier('pencil')), NEVER)).kind).toBe('unlearnable');
  });

  it('md5: what the server stores', async () => {
    const verifier = md5Verifier('pencil', 'user');
    expect(await hear(MD5).credentials(stored(verifier), NEVER)).toEqual({ kind: 'md5', verifier });
  });

  it('nothing asked, nothing needed, and nobody is asked either', async () => {
    const learned = await hear([['server', OK]]).credentials(() => Promise.reject(new Error('asked')), NEVER);
    expect(learned).toEqual({ kind: 'none' });
  });
});

describe('what cannot be learned', () => {
  const cases: readonly (readonly [claim: string, lines: readonly Line[], verifier: string | null])[] = [
    ['SCRAM with a verifier of another password', SCRAM, scramVerifier('other')],
    ['SCRAM with the same password and a fresh salt', SCRAM, scramVerifier('pencil', Buffer.alloc(16, 7))],
    ['SCRAM with an md5 verifier', SCRAM, md5Verifier('pencil', 'user')],
    ['a clear password, although it is the stored one', CLEARTEXT, scramVerifier('pencil')],
    ['md5 with another password', MD5, md5Verifier('other', 'user')],
    ['md5 with a SCRAM verifier', MD5, scramVerifier('pencil')],
    ['an expired role', SCRAM, null],
    ['a stored text of no known kind', SCRAM, 'pencil'],
    ['a verifier that would take minutes', SCRAM, scramVerifier('pencil').replace('4096', '999999999')],
    ['a verifier with keys of a wrong length', SCRAM, 'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$AAAA:AAAA'],
    [
      'GSSAPI',
      [
        ['server', auth(7)],
        ['client', Buffer.from('token')],
        ['server', OK],
      ],
      scramVerifier('pencil'),
    ],
    [
      'SSPI',
      [
        ['server', auth(9)],
        ['server', OK],
      ],
      scramVerifier('pencil'),
    ],
    [
      'OAuth',
      [
        ['server', auth(10, 'OAUTHBEARER\0\0')],
        ['client', saslInitial('n,,\u0001auth=Bearer x', 'OAUTHBEARER')],
        ['server', OK],
      ],
      scramVerifier('pencil'),
    ],
    [
      'a login that was asked and not answered',
      [
        ['server', auth(3)],
        ['server', OK],
      ],
      scramVerifier('pencil'),
    ],
    ['a password sent before it was asked for', [['client', Buffer.from('pencil\0')], ...CLEARTEXT], scramVerifier('pencil')],
    ['two requests', [['server', auth(3)], ...CLEARTEXT], scramVerifier('pencil')],
    [
      'a login that goes on behind its proof',
      [...SCRAM.slice(0, 4), ['client', Buffer.from('x')], ['server', OK]],
      scramVerifier('pencil'),
    ],
    [
      'a message without end',
      [
        ['server', auth(3)],
        ['client', Buffer.alloc(3_000, 65)],
        ['server', OK],
      ],
      scramVerifier('pencil'),
    ],
    ['a login under way', SCRAM.slice(0, 5), scramVerifier('pencil')],
  ];
  it.each(cases)('%s', async (_claim, lines, verifier) => {
    expect(await hear(lines).credentials(stored(verifier), NEVER)).toMatchObject({ kind: 'unlearnable', why: expect.stringMatching(/./) });
  });

  it('a look-up that failed may be repeated, what has been forgotten may not', async () => {
    const learner = hear(SCRAM);
    const answers: VerifierLook[] = [
      { kind: 'failed', why: 'no complete answer' },
      { kind: 'looked', verifier: scramVerifier('pencil') },
      { kind: 'looked', verifier: scramVerifier('pencil') },
    ];
    const ask: VerifierOf = async () => answers.shift() ?? { kind: 'looked', verifier: null };
    expect(await learner.credentials(ask, NEVER)).toEqual({ kind: 'unlearnable', why: 'no complete answer' });
    expect((await learner.credentials(ask, NEVER)).kind).toBe('scram');
    learner.forget();
    expect((await learner.credentials(ask, NEVER)).kind).toBe('unlearnable');
  });

  it('what is heard is copied: the relay writes over its buffers', async () => {
    const learner = new CredentialLearner();
    for (const [who, body] of SCRAM) {
      const lent = Uint8Array.from(body);
      if (who === 'server') learner.fromServer(lent);
      else learner.fromClient(lent);
      lent.fill(0);
    }
    expect((await learner.credentials(stored(scramVerifier('pencil')), NEVER)).kind).toBe('scram');
  });
});

describe('whatever is said', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.constantFrom(...SCRAM, ...CLEARTEXT, ...MD5).map(([, body]) => Uint8Array.from(body)),
    fc
      .tuple(fc.constantFrom(0, 3, 5, 7, 9, 10, 11, 12, 13), fc.string({ maxLength: 40 }))
      .map(([code, text]) => Uint8Array.from(auth(code, text))),
  );
  const line = fc.tuple(fc.constantFrom('server' as const, 'client' as const), piece);

  it('nothing is thrown, and keys come only of a login that fits the verifier', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 12 }),
        fc.oneof(fc.string(), fc.constant(scramVerifier('other'))),
        async (lines, verifier) => {
          const learned = await hear(lines).credentials(stored(verifier), NEVER);
          expect(['unlearnable', 'none']).toContain(learned.kind);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('one changed bit anywhere in a login leaves it unlearnable, or teaches the true keys', async () => {
    const verifier = scramVerifier('pencil');
    const expected = await hear(SCRAM).credentials(stored(verifier), NEVER);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 3 }), fc.nat(), fc.integer({ min: 0, max: 7 }), async (at, where, bit) => {
        const lines = SCRAM.map(([who, body], index): Line => {
          const copy = Uint8Array.from(body);
          if (index === at) copy[where % copy.length]! ^= 1 << bit;
          return [who, copy];
        });
        const learned = await hear(lines).credentials(stored(verifier), NEVER);
        if (learned.kind !== 'unlearnable') expect(learned).toEqual(expected);
      }),
      { numRuns: 1_000 },
    );
  });
});
