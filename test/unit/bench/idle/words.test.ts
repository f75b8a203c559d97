// The words between an idle session and its server, also when they come in pieces.
import { expect, it } from 'vitest';
import { EMPTY_QUERY, hear, LOGIN_DONE, QUERY_DONE, startupPacket } from '../../../../bench/idle/words.ts';

it('hears that the server is ready, once for the login and once for the query', () => {
  expect(hear(LOGIN_DONE)).toMatchObject({ ready: 1, refused: false });
  expect(hear(Buffer.concat([LOGIN_DONE, QUERY_DONE]))).toMatchObject({ ready: 2, refused: false });
});

it('waits for the rest of a message, wherever it was cut', () => {
  for (let at = 0; at < LOGIN_DONE.length; at += 1) {
    const first = hear(LOGIN_DONE.subarray(0, at));
    expect(first.ready, String(at)).toBe(0);
    expect(hear(Buffer.concat([first.rest, LOGIN_DONE.subarray(at)])).ready, String(at)).toBe(1);
  }
});

it('hears a refusal', () => {
  expect(hear(Buffer.from([0x45, 0, 0, 0, 5, 0]))).toMatchObject({ ready: 0, refused: true });
});

it('introduces itself with the length of the whole packet', () => {
  const packet = startupPacket('ann');
  expect(packet.readUInt32BE(0)).toBe(packet.length);
  expect(packet.readUInt16BE(4)).toBe(3);
  expect(packet.includes('user\0ann\0')).toBe(true);
  expect(EMPTY_QUERY.readUInt32BE(1)).toBe(EMPTY_QUERY.length - 1);
});
