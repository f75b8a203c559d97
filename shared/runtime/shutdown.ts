/**
 * Signals of the operating system → one AbortSignal that every loop and wait of the process hangs on. It never ends the process: what must
 * happen before the end (fencing, handing over, flushing) is for the program to order.
 */
import type { EventEmitter } from 'node:events';

export type Shutdown = {
  /** Aborted at the first signal; the reason is the signal's name. */
  readonly signal: AbortSignal;
  /** Which signal it was; null while none came. */
  readonly cause: () => NodeJS.Signals | null;
  readonly dispose: () => void;
};

export type ShutdownOptions = {
  readonly signals?: readonly NodeJS.Signals[];
  /** A further signal: somebody is impatient. Without this it is ignored, because an ordered end is already under way. */
  readonly onAgain?: (signal: NodeJS.Signals) => void;
  readonly source?: Pick<EventEmitter, 'on' | 'off'>;
};

export function shutdownOnSignals({ signals = ['SIGTERM', 'SIGINT'], onAgain, source = process }: ShutdownOptions = {}): Shutdown {
  const controller = new AbortController();
  let cause: NodeJS.Signals | null = null;
  const onSignal = (name: NodeJS.Signals): void => {
    if (cause === null) {
      cause = name;
      controller.abort(name);
    } else {
      onAgain?.(name);
    }
  };
  for (const name of signals) source.on(name, onSignal);
  return {
    signal: controller.signal,
    cause: () => cause,
    dispose: () => {
      for (const name of signals) source.off(name, onSignal);
    },
  };
}
