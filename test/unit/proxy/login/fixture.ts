/** The example of RFC 7677 §3, and the messages of a login around it. */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import type { ScramKeys } from '../../../../proxy/login/credentials.ts';

export const PENCIL = {
  clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal: 'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
} as const;

export const SALT = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');

export function scramKeys(password: string, salt: Buffer = SALT, iterations = 4_096): ScramKeys {
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest();
  const serverKey = createHmac('sha256', salted).update('Server Key').digest();
  return { clientKey, storedKey, serverKey };
}

export function scramVerifier(password: string, salt: Buffer = SALT, iterations = 4_096): string {
  const { storedKey, serverKey } = scramKeys(password, salt, iterations);
  return `SCRAM-SHA-256$${String(iterations)}:${salt.toString('base64')}$${storedKey.toString('base64')}:${serverKey.toString('base64')}`;
}

export function md5Verifier(password: string, user: string): string {
  return `md5${createHash('md5')
    .update(password + user)
    .digest('hex')}`;
}

/** Body of an Authentication message. */
export function auth(code: number, rest: Buffer | string = ''): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(code);
  return Buffer.concat([head, Buffer.from(rest)]);
}

export function saslInitial(text: string, mechanism = 'SCRAM-SHA-256'): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(text.length);
  return Buffer.concat([Buffer.from(`${mechanism}\0`), length, Buffer.from(text)]);
}

export const SASL = auth(10, 'SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0');
