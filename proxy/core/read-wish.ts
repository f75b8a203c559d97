/**
 * What a client wants of the server it reads from, said in its startup parameters: `pgbaton.after` and `pgbaton.max_staleness_ms`. Pure. A
 * wish that cannot be read is told, never dropped: whoever mistypes it would read old rows and believe in new ones.
 */
import { parseLsn } from '../../shared/domain/lsn.ts';
import { timelineId } from '../../shared/domain/timeline.ts';
import type { WalPosition } from '../../shared/domain/wal-position.ts';
import type { Setting } from './startup-options.ts';

export type ReadWish = {
  /** Everything up to here must be visible; null: no such wish. */
  readonly after: WalPosition | null;
  /** Nothing that was visible on the leader so long ago may be missing; null: no such wish. */
  readonly maxStalenessMs: number | null;
};

export type WishReading =
  | { readonly kind: 'wish'; readonly wish: ReadWish }
  | { readonly kind: 'faulty'; readonly name: string; readonly why: string };

/** The one and only: whoever wishes for nothing has this very object. */
export const NO_WISH: ReadWish = { after: null, maxStalenessMs: null };

const PREFIX = 'pgbaton.';
/** Timeline as in the name of a WAL file (eight hexadecimal digits), then the LSN as PostgreSQL prints it. */
const TOKEN = /^([0-9A-Fa-f]{8}):([0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8})$/;
/** No longer than the trail of the leader's positions reaches back (view.ts). */
export const MAX_STALENESS_MS = 60_000;

/** These are ours: the server never sees them. */
export function isWish(name: string): boolean {
  return name.startsWith(PREFIX);
}

export function readWish(settings: readonly Setting[]): WishReading {
  let wish = NO_WISH;
  for (const { name, value } of settings) {
    if (!isWish(name)) continue;
    switch (name.slice(PREFIX.length)) {
      case 'after': {
        const after = parseToken(value);
        if (after === undefined)
          return {
            kind: 'faulty',
            name,
            why: 'it must be a token such as 00000001:0/3000148: eight hexadecimal digits of the timeline, a colon, the LSN',
          };
        wish = { ...wish, after };
        break;
      }
      case 'max_staleness_ms': {
        const maxStalenessMs = parseMs(value);
        if (maxStalenessMs === undefined)
          return { kind: 'faulty', name, why: `it must be a whole number of milliseconds from 1 to ${String(MAX_STALENESS_MS)}` };
        wish = { ...wish, maxStalenessMs };
        break;
      }
      default:
        return { kind: 'faulty', name, why: 'there is no such parameter; there are pgbaton.after and pgbaton.max_staleness_ms' };
    }
  }
  return { kind: 'wish', wish: wish.after === null && wish.maxStalenessMs === null ? NO_WISH : wish };
}

/** The empty text is no wish: a template that was not filled in. Undefined: not a token. */
function parseToken(text: string): WalPosition | null | undefined {
  if (text === '') return null;
  const [, timeline, position] = TOKEN.exec(text) ?? [];
  const id = Number.parseInt(timeline ?? '', 16);
  const at = position === undefined ? null : parseLsn(position);
  return at === null || !(id >= 1) ? undefined : { timeline: timelineId(id), lsn: at };
}

function parseMs(text: string): number | null | undefined {
  if (text === '') return null;
  const ms = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  return ms >= 1 && ms <= MAX_STALENESS_MS ? ms : undefined;
}
