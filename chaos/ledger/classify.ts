/**
 * What a client may conclude from an error or a warning. Pure. It must never call an outcome certain that is not: a wrong `failed` would hide a
 * phantom row, and nothing here may ever answer `ok`.
 */
import type { Outcome } from './entry.ts';

/** Five characters of A–Z and 0–9 in an error's `code`; null for errors of the network or of the driver. */
export function sqlStateOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null;
  return /^[0-9A-Z]{5}$/.test(error.code) && /[0-9]/.test(error.code) ? error.code : null;
}

/**
 * A session that ends while a commit is in flight proves nothing, even when the server says goodbye: 57P01 is also sent to a backend whose
 * commit is already durable and merely waits for the standbys. Any other answer with a SQLSTATE means that the statement was rolled back.
 */
export function outcomeOfFailure(error: unknown, sent: boolean): Exclude<Outcome, 'ok'> {
  if (!sent) return 'failed';
  const state = sqlStateOf(error);
  if (state === null || state.startsWith('57P') || state.startsWith('08') || state.startsWith('XX')) return 'unknown';
  // 40003: statement completion unknown, by its own definition.
  return state === '40003' ? 'unknown' : 'failed';
}

/**
 * A commit whose wait for the standbys was cancelled is reported as a success, with a warning in the server's language. The insert of the
 * ledger gives no reason for any other warning, so every one of these two codes is taken for that: it is durable on one node only.
 */
export function isCancelledWait(notice: { readonly severity?: string | undefined; readonly code?: string | undefined }): boolean {
  return notice.severity === 'WARNING' && (notice.code === '01000' || notice.code === '57P01');
}

/** The server is a standby: nothing happened, and the session is as good as before. */
export function isReadOnlyRefusal(error: unknown): boolean {
  return sqlStateOf(error) === '25006';
}
