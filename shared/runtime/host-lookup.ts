/**
 * Names to addresses for every connection to another machine. A name server that does not answer costs one of libuv's few threads for five
 * seconds a question, and file calls wait for the same threads: asked at every attempt to reach a lost node, four questions stop the whole
 * process. So a name is asked for once at a time, and while the answer is late the last one is good enough. It must never answer from memory
 * when the name server does: a restarted node may have another address.
 */
import { lookup as askSystem } from 'node:dns/promises';
import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { systemErrorCode } from '../errors.ts';
import { monotonicMs } from './clock.ts';
import { withDeadline } from './deadline.ts';

/** An answer that takes longer is late. Name servers in the same house answer in a few milliseconds. */
const PATIENCE_MS = 100;
/** Far more than a cluster has nodes; the oldest goes first. */
const NAMES_MAX = 256;

export type AskSystem = (host: string) => Promise<readonly LookupAddress[]>;

export class HostLookup {
  readonly #ask: AskSystem;
  readonly #names = new Map<string, Name>();

  constructor(ask: AskSystem = (host) => askSystem(host, { all: true })) {
    this.#ask = ask;
  }

  /** Rejects as the system does, when it answers that there is no such name, or does not answer and never has. */
  async addresses(host: string): Promise<readonly LookupAddress[]> {
    const name = this.#nameOf(host);
    name.asking ??= this.#askOnce(host, name);
    const { asking, last } = name;
    if (last === null) return asking.answer;
    // A question that is late already keeps nobody waiting any more.
    const inTime = await withDeadline(async () => asking.answer, PATIENCE_MS - (monotonicMs() - asking.sinceMs));
    return inTime.kind === 'done' ? inTime.value : last;
  }

  #nameOf(host: string): Name {
    const known = this.#names.get(host);
    if (known !== undefined) return known;
    const name: Name = { last: null, asking: null };
    this.#names.set(host, name);
    const [oldest] = this.#names.keys();
    if (this.#names.size > NAMES_MAX && oldest !== undefined) this.#names.delete(oldest);
    return name;
  }

  #askOnce(host: string, name: Name): Asking {
    const answer = this.#ask(host)
      .then(
        (found) => (name.last = found),
        (error: unknown) => {
          const isAnswer = systemErrorCode(error) !== 'EAI_AGAIN';
          if (isAnswer) name.last = null;
          if (name.last === null) throw error;
          return name.last;
        },
      )
      .finally(() => {
        name.asking = null;
      });
    return { answer, sinceMs: monotonicMs() };
  }
}

type Asking = { readonly answer: Promise<readonly LookupAddress[]>; readonly sinceMs: number };
type Name = { last: readonly LookupAddress[] | null; asking: Asking | null };

const ofThisProcess = new HostLookup();

/** For everything that keeps its own connections. */
export function addressesOfHost(host: string): Promise<readonly LookupAddress[]> {
  return ofThisProcess.addresses(host);
}

/** The `lookup` option of sockets and HTTP requests. */
export const lookupHost: LookupFunction = (host, { all, family }, callback) => {
  ofThisProcess.addresses(host).then(
    (found) => {
      const wanted = family === 4 || family === 6 ? found.filter((address) => address.family === family) : found;
      const [first] = wanted;
      if (first === undefined) callback(Object.assign(new Error(`${host} has no such address`), { code: 'ENOTFOUND' }), '', 0);
      else if (all === true) callback(null, [...wanted]);
      else callback(null, first.address, first.family);
    },
    (error: NodeJS.ErrnoException) => {
      callback(error, '', 0);
    },
  );
};
