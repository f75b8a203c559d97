/**
 * Speaks to the proxies of the cluster about a planned move: those that are listed in the store are told that it comes, and asked to park their
 * clients before the leader stops. Silence is an answer, and nothing here throws: a proxy that is away must never keep a leader from moving.
 */
import { Agent } from 'node:http';
import { z } from 'zod';
import type { Dcs } from '../../shared/dcs/dcs.ts';
import type { Keys } from '../../shared/dcs/keys.ts';
import { decodeProxy } from '../../shared/dcs/records.ts';
import { httpJson } from '../../shared/http/client.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import type { AskOf, Parked } from '../machine/asks.ts';

export type ProxyClientOptions = { readonly dcs: Dcs; readonly keys: Keys; readonly token: string };

/** More than anybody runs; bounds what a store full of rubbish sets off. */
const PROXIES_MAX = 64;
/** What the way to a proxy and back may take on top of the time that the proxy itself is given. */
const WAY_MS = 250;
const LIST_MS = 400;

const parked = z.object({ sessions: z.number().int().min(0) });

export class ProxyClient {
  readonly #options: ProxyClientOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8, scheduling: 'lifo' });
  /** Who was told of this operation. Listing them again would cost a moment in which clients wait. */
  #told: { readonly operation: string; readonly urls: readonly string[] } | null = null;

  constructor(options: ProxyClientOptions) {
    this.#options = options;
  }

  async park({ operation, phase, deadlineMs }: AskOf<'park-clients'>, signal: AbortSignal): Promise<Parked> {
    const { id, from, to, epoch } = operation;
    const untilMs = monotonicMs() + deadlineMs;
    const urls = this.#told?.operation === id ? this.#told.urls : await this.#list(signal);
    this.#told = { operation: id, urls };
    const withinMs = Math.max(1, Math.round(untilMs - monotonicMs()));
    const body = { operation: id, from, to, epoch: epoch.toString(), withinMs };
    const answers = await Promise.all(urls.map(async (url) => this.#post(`${url}/move/${phase}`, body, withinMs + WAY_MS, signal)));
    const heard = answers.filter((sessions) => sessions !== null);
    return { proxies: heard.length, sessions: heard.reduce((sum, sessions) => sum + sessions, 0) };
  }

  close(): void {
    this.#agent.destroy();
  }

  async #list(signal: AbortSignal): Promise<readonly string[]> {
    const { dcs, keys } = this.#options;
    const outcome = await dcs.read([keys.proxies], { budgetMs: LIST_MS, signal });
    if (outcome.kind === 'unavailable') return [];
    return outcome.records.slice(0, PROXIES_MAX).flatMap(({ value }) => {
      const decoded = decodeProxy(value);
      return decoded.kind === 'ok' ? [decoded.value.url] : [];
    });
  }

  async #post(url: string, body: object, timeoutMs: number, signal: AbortSignal): Promise<number | null> {
    const { token } = this.#options;
    const reply = await httpJson({ url, method: 'POST', body, token, timeoutMs, signal, agent: this.#agent });
    const decoded = parked.safeParse(reply.kind === 'ok' && reply.status === 200 ? reply.body : null);
    return decoded.success ? decoded.data.sessions : null;
  }
}
