/**
 * Clients that move money between a few accounts, half of them at SERIALIZABLE and half with row locks, and clients that look at all balances: on the
 * leader, and past the proxy on every node, where what they see may be old but must be of one moment. A balance is computed by the client and written
 * as a number, so that a transfer that did not see another one destroys money.
 */
import { z } from 'zod';
import { monotonicMs } from '../../../shared/runtime/clock.ts';
import type { Random } from '../../../shared/runtime/random.ts';
import { directUri, type Field } from '../../faults/ground.ts';
import type { Session } from '../../ledger/session.ts';
import { runClient, type ClientOptions } from '../client-loop.ts';
import { Crew, type Member } from '../crew.ts';
import { assertPrimary, withDoor } from '../../ledger/door.ts';
import { OpLog } from '../op-log.ts';
import { transact, type Ask, type Isolation, type Wish } from '../transaction.ts';
import { verdictOf, type Workload, type WorkloadVerdict } from '../workload.ts';
import { checkBank, type Balances, type BankEnd, type BankOp, type Look, type Transfer } from './check.ts';

const START = { accounts: 8, each: 100 };
const AMOUNT_MAX = 20;
const MOVERS = 4;
const ISOLATIONS = ['SERIALIZABLE', 'READ COMMITTED'] as const;
const MOVE_PACE_MS = 60;
const LOOK_PACE_MS = 100;
const OF_APPLICATION = { patienceMs: 15_000, retryMs: 20 };
/** A session of a frozen node is to be there still when the node thaws. */
const DIRECT = { patienceMs: 120_000, retryMs: 200, paceMs: 200 };

/** Rows of transfers have no unique key on purpose: one that is there twice is to be seen. */
const CREATE = `CREATE TABLE IF NOT EXISTS pgbaton_bank_account (run integer, account integer, balance integer NOT NULL, PRIMARY KEY (run, account));
CREATE TABLE IF NOT EXISTS pgbaton_bank_transfer (run integer NOT NULL, id integer NOT NULL, "from" integer NOT NULL, "to" integer NOT NULL, amount integer NOT NULL)`;
const OPEN_ACCOUNTS = 'INSERT INTO pgbaton_bank_account SELECT $1, account, $3 FROM generate_series(0, $2 - 1) AS account';
const LOOK = 'SELECT account, balance FROM pgbaton_bank_account WHERE run = $1';
const PAIR = `${LOOK} AND account IN ($2, $3) ORDER BY account`;
/** One statement, so that it is one snapshot. */
const END = `SELECT (SELECT coalesce(json_agg(a), '[]') FROM pgbaton_bank_account a WHERE run = $1) AS balances,
  (SELECT coalesce(json_agg(t), '[]') FROM pgbaton_bank_transfer t WHERE run = $1) AS transfers`;

const balanceSchema = z.object({ account: z.number(), balance: z.number() });
const endSchema = z.object({
  balances: z.array(balanceSchema),
  transfers: z.array(z.object({ id: z.number(), from: z.number(), to: z.number(), amount: z.number() })),
});

type Mover = { readonly client: number; readonly isolation: Isolation };
type Looker = Omit<ClientOptions, 'name'> & { readonly client: number; readonly route: string; readonly mayBeStale: boolean };

export class Bank implements Workload {
  readonly name = 'bank';
  readonly #field: Field;
  readonly #run: number;
  readonly #random: Random;
  readonly #log = new OpLog<Transfer | Look>();
  readonly #crew = new Crew();

  /** `run`: no two of the same cluster have the same. */
  constructor(field: Field, run: number, random: Random) {
    this.#field = field;
    this.#run = run;
    this.#random = random;
  }

  async prepare(): Promise<void> {
    await withDoor(this.#field.uri, async (ask) => {
      await ask(CREATE);
      await ask(OPEN_ACCOUNTS, [this.#run, START.accounts, START.each]);
    });
  }

  start(): void {
    const { uri, plan } = this.#field;
    const movers = Array.from({ length: MOVERS }, (_, client): Mover => ({ client, isolation: ISOLATIONS[client % 2] ?? 'SERIALIZABLE' }));
    const ofLeader: Looker = {
      client: MOVERS,
      route: 'proxy',
      mayBeStale: false,
      ...OF_APPLICATION,
      connectionString: uri,
      paceMs: LOOK_PACE_MS,
    };
    const direct = plan.nodes.map(({ name }, at): Looker => ({
      client: MOVERS + 1 + at,
      route: name,
      mayBeStale: true,
      ...DIRECT,
      connectionString: directUri(this.#field, name),
    }));
    this.#crew.start([...movers.map((mover) => this.#mover(mover, uri)), ...[ofLeader, ...direct].map((looker) => this.#looker(looker))]);
  }

  #mover(mover: Mover, connectionString: string): Member {
    const options = { ...OF_APPLICATION, connectionString, name: nameOf(mover.client), paceMs: MOVE_PACE_MS };
    return async (endings) => runClient(options, async (session, abandon) => this.#move(session, mover, abandon), endings);
  }

  #looker(looker: Looker): Member {
    const options = { ...looker, name: nameOf(looker.client) };
    return async (endings) => runClient(options, async (session, abandon) => this.#look(session, looker, abandon), endings);
  }

  async stop(): Promise<void> {
    await this.#crew.stop();
  }

  history(): readonly BankOp[] {
    return this.#log.ops();
  }

  async judge(primaryUri: string | null): Promise<WorkloadVerdict> {
    const ops = this.history();
    const end = primaryUri === null ? null : await this.#end(primaryUri).catch(() => null);
    const checked = end === null ? null : checkBank(START, ops, end);
    return verdictOf(this.name, { ops, isWrite: ({ kind }) => kind === 'transfer', checked });
  }

  async #end(primaryUri: string): Promise<BankEnd> {
    const [row] = await withDoor(primaryUri, async (ask) => {
      await assertPrimary(ask);
      return ask(END, [this.#run]);
    });
    const { balances, transfers } = endSchema.parse(row);
    return { balances: balancesOf(balances), transfers };
  }

  async #move(session: Session, { client, isolation }: Mover, abandon: AbortSignal): Promise<boolean> {
    const act = this.#drawTransfer();
    const from = { id: this.#log.begin(), client, route: 'proxy', invokedMs: monotonicMs() };
    const done = await transact(session, { isolation, patienceMs: OF_APPLICATION.patienceMs, abandon }, async (ask) =>
      this.#transfer(ask, from.id, act, isolation),
    );
    this.#log.settle(from, done, act);
    return done.isSessionUsable;
  }

  async #transfer(ask: Ask, id: number, { from, to, amount }: Transfer, isolation: Isolation): Promise<Wish<null>> {
    const rows = await ask(isolation === 'SERIALIZABLE' ? PAIR : `${PAIR} FOR UPDATE`, [this.#run, from, to]);
    const balances = balancesOf(rows);
    const [ofFrom, ofTo] = [balances.get(from), balances.get(to)];
    if (ofFrom === undefined || ofTo === undefined || ofFrom < amount) return { kind: 'take-back', value: null };
    const after = new Map([
      [from, ofFrom - amount],
      [to, ofTo + amount],
    ]);
    // In the order of their numbers: two transfers that go opposite ways would wait for each other.
    for (const account of [from, to].toSorted((a, b) => a - b)) {
      await ask('UPDATE pgbaton_bank_account SET balance = $3 WHERE run = $1 AND account = $2', [this.#run, account, after.get(account)]);
    }
    await ask('INSERT INTO pgbaton_bank_transfer VALUES ($1, $2, $3, $4, $5)', [this.#run, id, from, to, amount]);
    return { kind: 'commit', value: null };
  }

  async #look(session: Session, { client, route, mayBeStale, patienceMs }: Looker, abandon: AbortSignal): Promise<boolean> {
    const from = { id: this.#log.begin(), client, route, invokedMs: monotonicMs() };
    const done = await transact(session, { isolation: 'READ COMMITTED', patienceMs, abandon }, async (ask) => ({
      kind: 'commit',
      value: balancesOf(await ask(LOOK, [this.#run])),
    }));
    this.#log.settle(from, done, { kind: 'look', mayBeStale, balances: done.value });
    return done.isSessionUsable;
  }

  #drawTransfer(): Transfer {
    const below = (limit: number): number => Math.floor(this.#random() * limit);
    const from = below(START.accounts);
    const to = (from + 1 + below(START.accounts - 1)) % START.accounts;
    return { kind: 'transfer', from, to, amount: 1 + below(AMOUNT_MAX) };
  }
}

function nameOf(client: number): string {
  return `pgbaton-bank-${String(client)}`;
}

function balancesOf(rows: readonly unknown[]): Balances {
  return new Map(
    z
      .array(balanceSchema)
      .parse(rows)
      .map(({ account, balance }) => [account, balance]),
  );
}
