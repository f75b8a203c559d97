/** How the guard's and the local server's code tell what they do. The program decides where it goes. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type Log = (level: LogLevel, event: string, fields: Readonly<Record<string, unknown>>) => void;

export const NO_LOG: Log = () => undefined;
