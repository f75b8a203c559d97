/**
 * Does this proxy take new sessions, by the word of an operator? Pure. Every word has an end that needs nobody: a pause that somebody forgot must
 * not become an outage. The one exception is the end of the process itself.
 */
export type Port = 'rw' | 'ro';

export type Admission =
  | { readonly kind: 'open' }
  /** New sessions of these ports are held, as they are while there is no leader. Monotonic. */
  | { readonly kind: 'paused'; readonly ports: readonly Port[]; readonly untilMs: number }
  /** New sessions are refused; those that are there may end by themselves until `cutAtMs`. `untilMs` null: the process ends with it. */
  | { readonly kind: 'draining'; readonly cutAtMs: number; readonly untilMs: number | null };

export const OPEN: Admission = { kind: 'open' };

/** The word of then, now: what is over is over, whether or not a timer has said so. */
export function admissionAt(admission: Admission, nowMs: number): Admission {
  if (admission.kind === 'open' || admission.untilMs === null) return admission;
  return nowMs >= admission.untilMs ? OPEN : admission;
}

export function admits(admission: Admission, port: Port): 'yes' | 'hold' | 'refuse' {
  switch (admission.kind) {
    case 'open':
      return 'yes';
    case 'paused':
      return admission.ports.includes(port) ? 'hold' : 'yes';
    case 'draining':
      return 'refuse';
  }
}

/** A process that ends takes no other word. */
export function mayChange(admission: Admission): boolean {
  return admission.kind !== 'draining' || admission.untilMs !== null;
}
