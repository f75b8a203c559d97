/**
 * Password verifiers as PostgreSQL stores them (RFC 5802, RFC 7677), so that no clear password is ever written into SQL, a log or an argument.
 * Pure but for the salt, which the caller gives.
 */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';

/** What PostgreSQL itself uses by default. */
const ITERATIONS = 4_096;
const KEY_BYTES = 32;

export function scramVerifier(password: string, salt: Buffer): string {
  // PostgreSQL prepares passwords with SASLprep; NFKC is its visible part for everything a human types.
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, ITERATIONS, KEY_BYTES, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64');
  return `SCRAM-SHA-256$${String(ITERATIONS)}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
