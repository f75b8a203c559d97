/** Message types of the protocol as they stand in its first byte. Pure. The same letter means different things in the two directions. */
const code = (character: string): number => character.charCodeAt(0);

export const FROM_CLIENT = {
  parse: code('P'),
  bind: code('B'),
  describe: code('D'),
  execute: code('E'),
  close: code('C'),
  flush: code('H'),
  sync: code('S'),
  query: code('Q'),
  functionCall: code('F'),
  copyData: code('d'),
  copyDone: code('c'),
  copyFail: code('f'),
  /** Passwords and SASL answers, all of one type. */
  loginAnswer: code('p'),
  terminate: code('X'),
} as const;

export const FROM_SERVER = {
  parseComplete: code('1'),
  bindComplete: code('2'),
  closeComplete: code('3'),
  noData: code('n'),
  rowDescription: code('T'),
  commandComplete: code('C'),
  emptyQuery: code('I'),
  portalSuspended: code('s'),
  functionResult: code('V'),
  error: code('E'),
  copyIn: code('G'),
  copyOut: code('H'),
  copyBoth: code('W'),
  readyForQuery: code('Z'),
  dataRow: code('D'),
  parameterStatus: code('S'),
  notice: code('N'),
  notification: code('A'),
  authentication: code('R'),
  backendKey: code('K'),
  negotiation: code('v'),
} as const;

/** The server messages that change what a session is owed, besides ReadyForQuery, of which the body matters too. */
export const COUNTED_ANSWERS: readonly number[] = [
  FROM_SERVER.parseComplete,
  FROM_SERVER.bindComplete,
  FROM_SERVER.closeComplete,
  FROM_SERVER.noData,
  FROM_SERVER.rowDescription,
  FROM_SERVER.commandComplete,
  FROM_SERVER.emptyQuery,
  FROM_SERVER.portalSuspended,
  FROM_SERVER.functionResult,
  FROM_SERVER.error,
  FROM_SERVER.copyIn,
  FROM_SERVER.copyOut,
  FROM_SERVER.copyBoth,
];
