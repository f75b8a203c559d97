import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ScramClient } from '../../../../proxy/login/scram-client.ts';
import { clientProof, isServerSignature, keysOfProof } from '../../../../proxy/login/scram-keys.ts';
import { parseClientFinal, parseVerifier, serverSignatureOf } from '../../../../proxy/login/scram-text.ts';
import { PENCIL, scramKeys, scramVerifier } from './fixture.ts';

const verifier = parseVerifier(scramVerifier('pencil'));
if (verifier?.kind !== 'scram') throw new Error('the fixture is no verifier');

const KEYS = scramKeys('pencil');
const AUTH_MESSAGE = `n=user,r=rOprNGfwEbeRWgbNEkqO,${PENCIL.serverFirst},${PENCIL.clientFinal.split(',p=')[0] ?? ''}`;
const MECHANISMS = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'];
const HASH = Buffer.alloc(32, 9);

describe('the keys', () => {
  it('make the proof of RFC 7677 and know its signature', async () => {
    expect(clientProof(KEYS, AUTH_MESSAGE).toString('base64')).toBe(PENCIL.clientFinal.split(',p=')[1]);
    expect(isServerSignature(serverSignatureOf(PENCIL.serverFinal)!, KEYS, AUTH_MESSAGE)).toBe(true);
    expect(isServerSignature(Buffer.alloc(32), KEYS, AUTH_MESSAGE)).toBe(false);
  });
});

describe('a login with keys', () => {
  it('proves the user and believes a server that proves itself, once', async () => {
    const client = ScramClient.begin(KEYS, { mechanisms: MECHANISMS, certificateHash: null }, 'abc')!;
    expect(client.first()).toEqual({ mechanism: 'SCRAM-SHA-256', text: 'n,,n=,r=abc' });
    const serverFirst = 'r=abcdef,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096';
    const final = parseClientFinal(client.final(serverFirst)!)!;
    const authMessage = `n=,r=abc,${serverFirst},${final.withoutProof}`;
    expect(final.withoutProof).toBe('c=biws,r=abcdef');
    expect(keysOfProof(final.proof, authMessage, verifier)).toEqual(KEYS);
    expect(client.proven).toBe(false);
    expect(client.check(`v=${Buffer.alloc(32).toString('base64')}`)).toBe(false);
    const signature = createHmac('sha256', KEYS.serverKey).update(authMessage).digest('base64');
    expect(client.check(`v=${signature}`)).toBe(true);
    expect(client.proven).toBe(true);
    expect(client.final(serverFirst)).toBeNull();
  });

  it('is bound to the certificate where that is offered, and never says that it could have been', async () => {
    const first = async (mechanisms: readonly string[], certificateHash: Buffer | null): Promise<string | undefined> =>
      ScramClient.begin(KEYS, { mechanisms, certificateHash }, 'abc')?.first().text.split(',')[0];
    expect(await first(MECHANISMS, HASH)).toBe('p=tls-server-end-point');
    expect(await first(['SCRAM-SHA-256'], HASH)).toBe('n');
    expect(await first(MECHANISMS, null)).toBe('n');
    expect(await first(['SCRAM-SHA-256-PLUS'], null)).toBeUndefined();
    expect(await first(['OAUTHBEARER'], HASH)).toBeUndefined();
    const bound = ScramClient.begin(KEYS, { mechanisms: MECHANISMS, certificateHash: HASH }, 'abc')!;
    const said = parseClientFinal(bound.final('r=abcd,s=AAAA,i=1')!)!.withoutProof;
    expect(said).toBe(`c=${Buffer.concat([Buffer.from('p=tls-server-end-point,,'), HASH]).toString('base64')},r=abcd`);
  });

  it.each(['r=abc,s=AAAA,i=4096', 'r=xyzabc,s=AAAA,i=4096', 'r=abcd', 'r=abcd,s=AAAA,i=0', 'm=x,r=abcd,s=AAAA,i=1', '', 'e=other-error'])(
    'is not answered to %j',
    async (serverFirst) => {
      const client = ScramClient.begin(KEYS, { mechanisms: MECHANISMS, certificateHash: null }, 'abc')!;
      expect(client.final(serverFirst)).toBeNull();
    },
  );

  it('believes no signature that was not made for it', async () => {
    const client = ScramClient.begin(KEYS, { mechanisms: MECHANISMS, certificateHash: null }, 'abc')!;
    client.final('r=abcd,s=AAAA,i=1');
    const forged = fc.oneof(
      fc.string(),
      fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => `v=${Buffer.from(bytes).toString('base64')}`),
    );
    fc.assert(fc.property(forged, (text) => !client.check(text)));
  });
});
