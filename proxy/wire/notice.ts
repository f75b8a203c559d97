/**
 * The one notice that matters to durability. When somebody cancels a statement that waits for its standbys, PostgreSQL gives up the wait,
 * warns (SQLSTATE 01000) and then reports the commit as done, although no standby may have it. A client that only reads the result believes
 * a commit that a failover can lose.
 */
import { decodeFields } from './error-response.ts';

const WARNING = '01000';
/** The function in PostgreSQL's source that warns: unlike the text, it is never translated. */
const WAIT_ROUTINE = 'SyncRepWaitForLSN';

export function saysWaitWasCancelled(body: Uint8Array): boolean {
  const fields = decodeFields(body);
  return fields.get('C') === WARNING && fields.get('R') === WAIT_ROUTINE;
}
