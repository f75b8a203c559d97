/**
 * Clients that append numbers to lists and read lists, several in one transaction, at SERIALIZABLE. A read tells which appends came before it and in
 * which order, which is more than any other kind of value tells. Everything goes through the proxy: what a standby shows is in no order with the rest.
 */
import { z } from 'zod';
import { monotonicMs } from '../../../shared/runtime/clock.ts';
import type { Random } from '../../../shared/runtime/random.ts';
import type { Field } from '../../faults/ground.ts';
import type { Session } from '../../ledger/session.ts';
import { runClient } from '../client-loop.ts';
import { Crew, type Member } from '../crew.ts';
import { assertPrimary, withDoor } from '../../ledger/door.ts';
import { OpLog } from '../op-log.ts';
import { transact, type Ask, type Wish } from '../transaction.ts';
import { verdictOf, type Workload, type WorkloadVerdict } from '../workload.ts';
import { checkLists } from './check.ts';
import type { Append, ListEnd, ListOp, Read, Steps } from './history.ts';

const CLIENTS = 4;
const PACE_MS = 60;
const RETRY_MS = 20;
const PATIENCE_MS = 15_000;
/** Few enough that transactions meet. */
const LISTS = 8;
/** Then its place is taken by a new list: reads of a list that grows for ever would become the load. */
const LENGTH_MAX = 100;
const STEPS_MAX = 4;

const CREATE = 'CREATE TABLE IF NOT EXISTS pgbaton_list (run integer, key integer, list integer[] NOT NULL, PRIMARY KEY (run, key))';
const APPEND = `INSERT INTO pgbaton_list VALUES ($1, $2, ARRAY[$3::integer])
  ON CONFLICT (run, key) DO UPDATE SET list = pgbaton_list.list || excluded.list`;
const READ = 'SELECT list FROM pgbaton_list WHERE run = $1 AND key = $2';
/** One statement, so that it is one snapshot. */
const END = 'SELECT key, list FROM pgbaton_list WHERE run = $1';

const listSchema = z.object({ list: z.array(z.number()) });
const endSchema = z.array(listSchema.extend({ key: z.number() }));

export class ListAppend implements Workload {
  readonly name = 'list-append';
  readonly #field: Field;
  readonly #run: number;
  readonly #random: Random;
  readonly #log = new OpLog<Steps>();
  readonly #crew = new Crew();
  /** By place: how many appends were sent there. */
  readonly #sent = Array.from({ length: LISTS }, () => 0);
  #values = 0;

  /** `run`: no two of the same cluster have the same. */
  constructor(field: Field, run: number, random: Random) {
    this.#field = field;
    this.#run = run;
    this.#random = random;
  }

  async prepare(): Promise<void> {
    await withDoor(this.#field.uri, async (ask) => ask(CREATE));
  }

  start(): void {
    const options = { connectionString: this.#field.uri, patienceMs: PATIENCE_MS, paceMs: PACE_MS, retryMs: RETRY_MS };
    const member = (client: number): Member => {
      const act = async (session: Session, abandon: AbortSignal): Promise<boolean> => this.#act(session, client, abandon);
      return async (endings) => runClient({ ...options, name: `pgbaton-list-${String(client)}` }, act, endings);
    };
    this.#crew.start(Array.from({ length: CLIENTS }, (_, client) => member(client)));
  }

  async stop(): Promise<void> {
    await this.#crew.stop();
  }

  history(): readonly ListOp[] {
    return this.#log.ops();
  }

  async judge(primaryUri: string | null): Promise<WorkloadVerdict> {
    const ops = this.history();
    const end = primaryUri === null ? null : await this.#end(primaryUri).catch(() => null);
    const checked = end === null ? null : checkLists(ops, end);
    return verdictOf(this.name, { ops, isWrite: (steps) => steps.some(({ kind }) => kind === 'append'), checked });
  }

  async #end(primaryUri: string): Promise<ListEnd> {
    const rows = await withDoor(primaryUri, async (ask) => {
      await assertPrimary(ask);
      return ask(END, [this.#run]);
    });
    return new Map(endSchema.parse(rows).map(({ key, list }) => [key, list]));
  }

  async #act(session: Session, client: number, abandon: AbortSignal): Promise<boolean> {
    const drawn = this.#drawSteps();
    const from = { id: this.#log.begin(), client, route: 'proxy', invokedMs: monotonicMs() };
    const limits = { isolation: 'SERIALIZABLE', patienceMs: PATIENCE_MS, abandon } as const;
    const done = await transact(session, limits, async (ask) => this.#takeSteps(ask, drawn));
    this.#log.settle(from, done, done.value ?? drawn);
    return done.isSessionUsable;
  }

  async #takeSteps(ask: Ask, drawn: Steps): Promise<Wish<Steps>> {
    const taken: (Append | Read)[] = [];
    for (const step of drawn) {
      const rows = await ask(step.kind === 'append' ? APPEND : READ, [
        this.#run,
        step.key,
        ...(step.kind === 'append' ? [step.value] : []),
      ]);
      taken.push(step.kind === 'append' ? step : { ...step, list: z.array(listSchema).parse(rows)[0]?.list ?? [] });
    }
    return { kind: 'commit', value: taken };
  }

  /** At most one append of a list, so that no other transaction can lawfully see a part of them. */
  #drawSteps(): Steps {
    const steps: (Append | Read)[] = [];
    for (let left = 1 + this.#below(STEPS_MAX); left > 0; left -= 1) {
      const place = this.#below(LISTS);
      const key = this.#keyAt(place);
      const isAppend = this.#random() < 0.5 && !steps.some((step) => step.kind === 'append' && step.key === key);
      steps.push(isAppend ? { kind: 'append', key, value: this.#nextValue(place) } : { kind: 'read', key, list: null });
    }
    return steps;
  }

  #keyAt(place: number): number {
    return place + LISTS * Math.floor((this.#sent[place] ?? 0) / LENGTH_MAX);
  }

  #nextValue(place: number): number {
    this.#sent[place] = (this.#sent[place] ?? 0) + 1;
    this.#values += 1;
    return this.#values;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}
