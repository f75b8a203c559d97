/** Which HTTP status an error code travels with. Clients match on the code; the status is for proxies, balancers and humans with curl. */
import { ERRORS, type ErrorCode, type ErrorEntry } from '../error-codes.ts';

const EXCEPTIONS: Readonly<Partial<Record<ErrorCode, number>>> = {
  'PGB-1405': 503,
  'PGB-1408': 404,
  'PGB-1601': 401,
  'PGB-1602': 400,
  'PGB-1603': 404,
  'PGB-1604': 413,
};

export function httpStatusOf(code: ErrorCode): number {
  const exception = EXCEPTIONS[code];
  if (exception !== undefined) return exception;
  const entry: ErrorEntry = ERRORS[code];
  switch (entry.exitCode) {
    case 1:
      return entry.retryable ? 503 : 500;
    case 2:
      return 400;
    case 3:
      return 409;
    case 4:
      return 504;
  }
}
