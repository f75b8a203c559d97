/**
 * What is thrown when something goes wrong in the field, and what is told of it. Match on `code`, never on message text; what each code means is written
 * in error-codes.ts.
 */
import { InvariantError } from './assert.ts';
import { ERRORS, type ErrorCode, type ErrorEntry, type ErrorExitCode } from './error-codes.ts';

export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  /** What happened here, without the title. */
  readonly detail: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly exitCode: ErrorExitCode;

  constructor(code: ErrorCode, detail: string, options: { readonly cause?: unknown } = {}) {
    const entry: ErrorEntry = ERRORS[code];
    super(detail === '' ? entry.title : `${entry.title}: ${detail}`, options);
    this.code = code;
    this.detail = detail;
    this.hint = entry.hint;
    this.retryable = entry.retryable;
    this.exitCode = entry.exitCode;
  }
}

export function appError(code: ErrorCode, detail: string, options: { readonly cause?: unknown } = {}): AppError {
  return new AppError(code, detail, options);
}

export type ErrorDescription = { readonly code: ErrorCode; readonly message: string; readonly hint: string };

/** What to tell a human or an HTTP client about anything that was thrown. Never throws itself. */
export function describeError(error: unknown): ErrorDescription {
  const { code, message, hint } = toAppError(error);
  return { code, message, hint };
}

export function exitCodeOf(error: unknown): ErrorExitCode {
  return toAppError(error).exitCode;
}

/** Wraps whatever was thrown; an AppError stays what it is. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const detail = messageOf(error);
  if (error instanceof InvariantError) return appError('PGB-1999', detail, { cause: error });
  return appError(codeOfSystemError(error) ?? 'PGB-1999', detail, { cause: error });
}

export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message === '' ? error.name : error.message;
  // Only error objects have words of their own; turning any other object into text could throw, here of all places.
  return typeof error === 'object' && error !== null ? 'an object that is no error was thrown' : String(error);
}

/** The code for an error of the operating system as Node reports it; null when the error is none, or says too little on its own. */
function codeOfSystemError(error: unknown): ErrorCode | null {
  switch (systemErrorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'PGB-1104';
    case 'EADDRINUSE':
      return 'PGB-1101';
    case 'ENOENT':
      return isSpawnError(error) ? 'PGB-1102' : 'PGB-1106';
    case 'EACCES':
    case 'EPERM':
      return 'PGB-1105';
    default:
      return null;
  }
}

/** `ENOSPC`, `EADDRINUSE` … of an error that Node made; null for any other value. */
export function systemErrorCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

// A program that is not there and a file that is not there are both ENOENT; only the system call tells them apart.
function isSpawnError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && typeof error.syscall === 'string' && error.syscall.startsWith('spawn');
}
