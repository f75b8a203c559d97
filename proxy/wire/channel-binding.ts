/**
 * A server with TLS offers SCRAM with channel binding. A client without TLS must not be shown that offer: libpq takes it for an attack and ends
 * the connection. This is the only message of a server that is ever changed, and only on the way from TLS to the clear.
 */
import { FROM_SERVER } from '../core/message-types.ts';
import { encodeSaslMechanisms, parseAuthRequest } from '../login/authentication.ts';
import { afterNegotiation, hasWholeMessage } from './error-response.ts';

const HEADER_BYTES = 5;
const BOUND = /-PLUS$/;

/** Enough to find the offer in: the first message is there to its end. */
export function isWhole(bytes: Buffer): boolean {
  const rest = afterNegotiation(bytes);
  return rest !== null && hasWholeMessage(rest);
}

/** The server's first words without the offer; the same bytes when there is none. */
export function withoutChannelBinding(bytes: Buffer): Buffer {
  const rest = afterNegotiation(bytes);
  if (rest === null || !hasWholeMessage(rest) || rest[0] !== FROM_SERVER.authentication) return bytes;
  const end = 1 + rest.readUInt32BE(1);
  const request = parseAuthRequest(rest.subarray(HEADER_BYTES, end));
  if (request.kind !== 'sasl' || !request.mechanisms.some((name) => BOUND.test(name))) return bytes;
  const plain = encodeSaslMechanisms(request.mechanisms.filter((name) => !BOUND.test(name)));
  return Buffer.concat([bytes.subarray(0, bytes.length - rest.length), plain, rest.subarray(end)]);
}
