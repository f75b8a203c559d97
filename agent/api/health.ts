/**
 * The health paths that load balancers know from other failover managers: 200 means "send it here", 503 "do not". Pure: a status in, a code
 * out. An answer of 200 on /primary rests on the lease, not on what PostgreSQL believes of itself.
 */
import type { NodeStatus } from '../../shared/domain/cluster-status.ts';

export const HEALTH_PATHS = ['/primary', '/read-write', '/leader', '/replica', '/read-only', '/health', '/liveness', '/readiness'] as const;
export type HealthPath = (typeof HEALTH_PATHS)[number];

export type HealthQuestion = {
  readonly path: HealthPath;
  /** Largest lag a replica may have; null: any. */ readonly lagBytesMax: number | null;
};

export function isHealthy(status: NodeStatus, { path, lagBytesMax }: HealthQuestion): boolean {
  const { postgres } = status;
  const primary = status.leadership === 'leader' && postgres.kind === 'primary' && postgres.open && status.healthy;
  const replica =
    postgres.kind === 'standby' &&
    postgres.streaming &&
    (lagBytesMax === null || (status.lagBytes !== null && status.lagBytes <= lagBytesMax));
  switch (path) {
    case '/primary':
    case '/read-write':
    case '/leader':
      return primary;
    case '/replica':
      return replica;
    case '/read-only':
      return primary || replica;
    case '/health':
      return postgres.kind === 'primary' || postgres.kind === 'standby';
    case '/liveness':
      // The agent answers, so it lives; restarting it would not help anything that is wrong elsewhere.
      return true;
    case '/readiness':
      return primary || replica;
  }
}

const UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 };

/** `lag=16MB`, `lag=1048576`; null for "any", undefined when it cannot be read. */
export function parseLag(text: string | undefined): number | null | undefined {
  if (text === undefined || text === '') return null;
  const match = /^(\d{1,15})\s*([kmg]?b)?$/i.exec(text.trim());
  const unit = UNITS[(match?.[2] ?? '').toLowerCase()];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}
