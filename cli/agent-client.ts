/**
 * Questions to agents over HTTP. Every one has a deadline; silence is an answer, not an exception. It never retries a request that changes
 * something: whether the first one arrived is unknown then, and a second one would be a second operation.
 */
import type { ClusterStatus, NodeStatus } from '../shared/domain/cluster-status.ts';
import { ERRORS, type ErrorCode } from '../shared/error-codes.ts';
import { appError, type AppError } from '../shared/errors.ts';
import { httpJson } from '../shared/http/client.ts';

export type Reply =
  | { readonly kind: 'answer'; readonly status: number; readonly body: unknown }
  | { readonly kind: 'silent'; readonly why: string };

export type Question = {
  readonly url: string;
  readonly method?: 'GET' | 'POST';
  readonly body?: unknown;
  readonly token?: string | null;
  readonly budgetMs: number;
};

const READ_BUDGET_MS = 2_000;
const WRITE_BUDGET_MS = 10_000;

export async function ask({ url, method = 'GET', body, token = null, budgetMs }: Question): Promise<Reply> {
  const outcome = await httpJson({
    url,
    method,
    timeoutMs: budgetMs,
    ...(body === undefined ? {} : { body }),
    ...(token === null ? {} : { token }),
  });
  return outcome.kind === 'ok' ? { kind: 'answer', status: outcome.status, body: outcome.body } : { kind: 'silent', why: outcome.why };
}

/** The first successful answer to a GET; null when nobody has one. All are asked at once: a dead node must not cost its whole deadline. */
export async function askAny(baseUrls: readonly string[], path: string, budgetMs = READ_BUDGET_MS): Promise<unknown> {
  const questions = baseUrls.map(async (base) => {
    const reply = await ask({ url: `${base}${path}`, budgetMs });
    if (reply.kind === 'answer' && reply.status === 200) return reply.body;
    throw new Error('no answer');
  });
  return Promise.any(questions).catch(() => null);
}

export type ClusterView = { readonly kind: 'seen'; readonly cluster: ClusterStatus } | { readonly kind: 'unseen'; readonly why: string };

/** What the agents say about the cluster; of several answers the best informed one. */
export async function viewCluster(baseUrls: readonly string[], budgetMs = READ_BUDGET_MS): Promise<ClusterView> {
  const replies = await Promise.all(baseUrls.map(async (base) => ({ base, reply: await ask({ url: `${base}/cluster`, budgetMs }) })));
  const views = replies.flatMap(({ reply }) =>
    reply.kind === 'answer' && reply.status === 200 && isClusterStatus(reply.body) ? [reply.body] : [],
  );
  const best = bestView(views);
  if (best !== null) return { kind: 'seen', cluster: best };
  return {
    kind: 'unseen',
    why: replies.map(({ base, reply }) => `${base}: ${reply.kind === 'silent' ? reply.why : `HTTP ${String(reply.status)}`}`).join('; '),
  };
}

export async function requireCluster(baseUrls: readonly string[]): Promise<ClusterStatus> {
  const view = await viewCluster(baseUrls);
  if (view.kind === 'seen') return view.cluster;
  throw appError('PGB-1407', view.why);
}

/** An agent that is cut off from etcd still tells what it last knew: the higher epoch is the newer knowledge, then whoever sees more nodes. */
export function bestView(views: readonly ClusterStatus[]): ClusterStatus | null {
  const epochOf = ({ leader }: ClusterStatus): bigint => (leader === null ? -1n : BigInt(leader.epoch));
  const seen = ({ nodes }: ClusterStatus): number => nodes.filter((node) => !('unreachable' in node)).length;
  return views.reduce<ClusterStatus | null>((best, view) => {
    if (best === null || epochOf(view) > epochOf(best)) return view;
    return epochOf(view) === epochOf(best) && seen(view) > seen(best) ? view : best;
  }, null);
}

export function reachableNodes(cluster: ClusterStatus): readonly NodeStatus[] {
  return cluster.nodes.filter((node): node is NodeStatus => !('unreachable' in node));
}

/** The answer to a request that changes something, or the reason why it was not done. */
export async function requireAccepted(url: string, body: unknown, token: string): Promise<unknown> {
  const reply = await ask({ url, method: 'POST', body, token, budgetMs: WRITE_BUDGET_MS });
  if (reply.kind === 'silent') throw appError('PGB-1406', `${url}: ${reply.why}`);
  if (reply.status >= 200 && reply.status < 300) return reply.body;
  throw refusalOf(reply.status, reply.body);
}

export function refusalOf(status: number, body: unknown): AppError {
  const told = body as { readonly code?: unknown; readonly message?: unknown } | null;
  const message = typeof told?.message === 'string' ? told.message : `HTTP ${String(status)}`;
  const code = typeof told?.code === 'string' && Object.hasOwn(ERRORS, told.code) ? (told.code as ErrorCode) : codeOfStatus(status);
  const { title } = ERRORS[code];
  return appError(code, message === title ? '' : message.replace(`${title}: `, ''));
}

function codeOfStatus(status: number): ErrorCode {
  switch (status) {
    case 401:
    case 403:
      return 'PGB-1601';
    case 404:
      return 'PGB-1603';
    case 409:
      return 'PGB-1401';
    default:
      return 'PGB-1999';
  }
}

function isClusterStatus(body: unknown): body is ClusterStatus {
  return typeof body === 'object' && body !== null && 'nodes' in body && Array.isArray(body.nodes) && 'leader' in body;
}
