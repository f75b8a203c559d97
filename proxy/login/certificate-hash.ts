/**
 * The hash that binds a login to the certificate of the server (tls-server-end-point, RFC 5929 §4.1): made with the hash function of the
 * certificate's own signature, or with SHA-256 where that is MD5 or SHA-1. Pure. Reads as much of the certificate as names its signature.
 */
import { createHash } from 'node:crypto';

const OIDS: Readonly<Record<string, string>> = {
  // RSA PKCS#1: MD5, SHA-1, SHA-256, SHA-384, SHA-512, SHA-224.
  '2a864886f70d010104': 'sha256',
  '2a864886f70d010105': 'sha256',
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a864886f70d01010e': 'sha224',
  // ECDSA: SHA-1, SHA-224, SHA-256, SHA-384, SHA-512.
  '2a8648ce3d0401': 'sha256',
  '2a8648ce3d040301': 'sha224',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
};

type Element = { readonly body: Buffer; readonly rest: Buffer };

const SEQUENCE = 0x30;
const OBJECT_IDENTIFIER = 0x06;

/** Null: the signature has no hash function of its own (Ed25519), or one that servers do not agree on; such a login cannot be bound. */
export function certificateHash(der: Buffer): Buffer | null {
  const certificate = element(der, SEQUENCE);
  const signed = certificate === null ? null : element(certificate.body, SEQUENCE);
  const algorithm = signed === null ? null : element(signed.rest, SEQUENCE);
  const oid = algorithm === null ? null : element(algorithm.body, OBJECT_IDENTIFIER);
  const hash = oid === null ? undefined : OIDS[oid.body.toString('hex')];
  return hash === undefined ? null : createHash(hash).update(der).digest();
}

/** The DER element at the beginning of `bytes`; null when it is not whole or another one. */
function element(bytes: Buffer, tag: number): Element | null {
  const first = bytes[1];
  if (bytes[0] !== tag || first === undefined) return null;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const bodyAt = 2 + lengthBytes;
  if (lengthBytes > 4 || bytes.length < bodyAt || first === 0x80) return null;
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(2, lengthBytes);
  if (bytes.length < bodyAt + length) return null;
  return { body: bytes.subarray(bodyAt, bodyAt + length), rest: bytes.subarray(bodyAt + length) };
}
