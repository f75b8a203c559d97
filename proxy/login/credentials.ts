/**
 * What it takes to log in once more as a user whose password nobody here knows. Whoever holds these can log in as that user: they live in the
 * memory of one session, are zeroed when it ends, and must never be logged, stored or sent anywhere but into a login.
 */
export type ScramKeys = { readonly clientKey: Buffer; readonly storedKey: Buffer; readonly serverKey: Buffer };

export type Credentials =
  /** The server asked for nothing. */
  | { readonly kind: 'none' }
  | ({ readonly kind: 'scram' } & ScramKeys)
  /** As the server stores it: `md5` and 32 hexadecimal digits. */
  | { readonly kind: 'md5'; readonly verifier: string };

/** The text of an md5 verifier cannot be overwritten; its last reference goes with the session. */
export function forget(credentials: Credentials): void {
  if (credentials.kind !== 'scram') return;
  for (const key of [credentials.clientKey, credentials.storedKey, credentials.serverKey]) key.fill(0);
}
