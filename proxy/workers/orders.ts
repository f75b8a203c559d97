/**
 * What a supervisor and its workers tell each other, over the channel that Node opens between them. It carries the configuration with its secrets, so it must
 * never become anything that others can read: no file, no argument, no variable.
 */
import type { ProxyConfig } from '../../shared/config/proxy-config.ts';
import type { ErrorCode } from '../../shared/error-codes.ts';

export type Order =
  /** First of all, to one that listens. Not read by the worker itself: after an edit of the file, workers of one proxy would differ. */
  | { readonly kind: 'start'; readonly config: ProxyConfig }
  /** Drain and end. */
  | { readonly kind: 'stop'; readonly reason: string }
  /** Cut what a drain has left. */
  | { readonly kind: 'hurry' }
  /** Read the certificate for clients again. */
  | { readonly kind: 'reload' };

export type Report =
  /** Listens. Orders that are given before are lost: Node keeps messages for nobody here, because node:cluster listens already. */
  | { readonly kind: 'listening' }
  | { readonly kind: 'started' }
  /** It could not start, and ends. */
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly detail: string };
