/** One session as an operator sees it. Display only; what the client called itself is taken as it came and may be anything. */
import type { WeakCommit } from '../shared/domain/commit-strength.ts';
import type { Port } from './core/admission.ts';

export type SessionInfo = {
  readonly port: Port;
  /** Address of the client. */
  readonly client: string;
  /** What the client said of itself; null while it has not, or when TLS hides it. */
  readonly user: string | null;
  readonly database: string | null;
  readonly application: string | null;
  /** `opening`: no server yet. */
  readonly state: 'opening' | 'attached';
  /** The member that it talks to; null while there is none. */
  readonly server: string | null;
  readonly weakCommit: WeakCommit | null;
  readonly ageMs: number;
};
