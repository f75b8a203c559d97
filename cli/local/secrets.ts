/**
 * The secrets of a local cluster: random, one a file, mode 0600 in a directory of mode 0700. They are never put on a command line, where
 * everybody on the machine could read them.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { appError, messageOf } from '../../shared/errors.ts';
import type { Layout } from './layout.ts';

export const SECRET_NAMES = ['superuser-password', 'replication-password', 'monitor-password', 'rewind-password', 'peer-token'] as const;
export type SecretName = (typeof SECRET_NAMES)[number];

export function writeSecrets(layout: Layout): void {
  mkdirSync(layout.secrets, { recursive: true, mode: 0o700 });
  for (const name of SECRET_NAMES) writeFileSync(layout.secret(name), `${randomBytes(24).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
}

export function readLocalSecret(layout: Layout, name: SecretName): string {
  try {
    return readFileSync(layout.secret(name), 'utf8').trim();
  } catch (error) {
    throw appError('PGB-1003', messageOf(error), { cause: error });
  }
}
