import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { certificateHash } from '../../../../proxy/login/certificate-hash.ts';

function certificate(...how: readonly string[]): Buffer {
  const args = ['req', '-new', '-x509', '-subj', '/CN=a', '-nodes', '-keyout', '/dev/null', '-days', '2', ...how];
  return new X509Certificate(execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })).raw;
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];

it.each([
  ['sha256', 'sha256', EC],
  ['sha384', 'sha384', EC],
  ['sha512', 'sha512', ['-newkey', 'rsa:2048']],
  ['sha1', 'sha256', ['-newkey', 'rsa:2048']],
] as const)('a certificate signed with %s is hashed with %s', (signed, hashed, key) => {
  const der = certificate(`-${signed}`, ...key);
  expect(certificateHash(der)).toEqual(createHash(hashed).update(der).digest());
});

it('one whose signature has no hash function is not bound to', () => {
  expect(certificateHash(certificate('-newkey', 'ed25519'))).toBeNull();
});

it('whatever the bytes, the answer is a hash or none', () => {
  const der = certificate('-sha256', ...EC);
  fc.assert(
    fc.property(fc.nat(der.length), fc.nat(255), fc.nat(der.length), (at, byte, length) => {
      const damaged = Buffer.from(der.subarray(0, length));
      if (at < length) damaged[at] = byte;
      const hash = certificateHash(damaged);
      expect(hash === null || hash.length >= 28).toBe(true);
    }),
  );
});
