/**
 * The verdict about money. Pure; it knows operations, final rows, and no faults. Every transfer leaves a row of its own, so what came of the unknown
 * ones is known exactly, and the final balances must be just what the rows that are there make of the first ones. It must never accept a right total in
 * place of right balances: two wrong transfers can add up to it.
 */
import type { Checked, Flaw, Op } from '../workload.ts';

export type Transfer = { readonly kind: 'transfer'; readonly from: number; readonly to: number; readonly amount: number };
/** All balances in one snapshot. `mayBeStale`: asked past the proxy. Null: no answer. */
export type Look = { readonly kind: 'look'; readonly mayBeStale: boolean; readonly balances: Balances | null };
export type BankOp = Op<Transfer | Look>;
type TransferOp = Op<Transfer>;

export type Balances = ReadonlyMap<number, number>;
export type TransferRow = { readonly id: number; readonly from: number; readonly to: number; readonly amount: number };
/** In one snapshot, after everything was healed. */
export type BankEnd = { readonly balances: Balances; readonly transfers: readonly TransferRow[] };
export type BankStart = { readonly accounts: number; readonly each: number };

export function checkBank(start: BankStart, ops: readonly BankOp[], end: BankEnd): Checked {
  const transfers = ops.filter((op): op is TransferOp => op.act.kind === 'transfer');
  const present = new Map<number, number>();
  for (const { id } of end.transfers) present.set(id, (present.get(id) ?? 0) + 1);
  return {
    surfaced: transfers.filter(({ outcome, id }) => outcome === 'unknown' && present.has(id)).length,
    flaws: [...transfersThatWentWrong(transfers, end.transfers, present), ...wrongLooks(start, ops), ...wrongBalances(start, end)],
  };
}

function transfersThatWentWrong(
  transfers: readonly TransferOp[],
  rows: readonly TransferRow[],
  present: ReadonlyMap<number, number>,
): readonly Flaw[] {
  const sent = new Map(transfers.map((op) => [op.id, op]));
  const flaws: Flaw[] = [];
  for (const op of transfers) {
    const times = present.get(op.id) ?? 0;
    if (op.outcome === 'ok' && times === 0) flaws.push({ kind: 'lost', what: named(op) });
    if (op.outcome === 'failed' && times > 0) flaws.push({ kind: 'phantom', what: `rolled back: ${named(op)}` });
    if (times > 1) flaws.push({ kind: 'doubled', what: `${String(times)} times: ${named(op)}` });
  }
  for (const row of rows) {
    const op = sent.get(row.id);
    if (op === undefined) flaws.push({ kind: 'phantom', what: `never sent: transfer ${String(row.id)}` });
    else if (!isSame(op.act, row)) flaws.push({ kind: 'phantom', what: `sent otherwise, and there as ${moved(row)}: ${named(op)}` });
  }
  return flaws;
}

function isSame(act: Transfer, { from, to, amount }: TransferRow): boolean {
  return act.from === from && act.to === to && act.amount === amount;
}

/**
 * Whatever is seen is seen of one moment: the total is constant, also on a standby, however old its moment is. A standby that has not yet come as far
 * as the opening of the accounts sees none.
 */
function wrongLooks({ accounts, each }: BankStart, ops: readonly BankOp[]): readonly Flaw[] {
  return ops.flatMap((op): readonly Flaw[] => {
    const { act, outcome } = op;
    if (act.kind !== 'look' || outcome !== 'ok' || act.balances === null || (act.mayBeStale && act.balances.size === 0)) return [];
    return wrongMoney(act.balances, { accounts, each }, `read ${String(op.id)} ${placed(op)}`);
  });
}

function wrongMoney(balances: Balances, { accounts, each }: BankStart, where: string): readonly Flaw[] {
  const total = [...balances.values()].reduce((sum, balance) => sum + balance, 0);
  const negative = [...balances].filter(([, balance]) => balance < 0);
  const isTorn = total !== accounts * each || balances.size !== accounts;
  const seen = `${String(balances.size)} accounts hold ${String(total)}, ${String(accounts)} with ${String(accounts * each)} are due`;
  return [
    ...(isTorn ? [{ kind: 'torn', what: `${where}: ${seen}` } as const] : []),
    ...negative.map(
      ([account, balance]) => ({ kind: 'negative', what: `${where}: account ${String(account)} holds ${String(balance)}` }) as const,
    ),
  ];
}

function wrongBalances(start: BankStart, { balances, transfers }: BankEnd): readonly Flaw[] {
  const due = new Map(Array.from({ length: start.accounts }, (_, account) => [account, start.each]));
  for (const { from, to, amount } of transfers) {
    due.set(from, (due.get(from) ?? 0) - amount);
    due.set(to, (due.get(to) ?? 0) + amount);
  }
  const accounts = new Set([...due.keys(), ...balances.keys()]);
  const unbalanced = [...accounts]
    .filter((account) => due.get(account) !== balances.get(account))
    .map((account): Flaw => {
      const [there, owed] = [balances.get(account), due.get(account)].map((sum) => (sum === undefined ? 'nothing' : String(sum)));
      return { kind: 'unbalanced', what: `account ${String(account)} holds ${there ?? ''}, its transfers make ${owed ?? ''}` };
    });
  return [...unbalanced, ...wrongMoney(balances, start, 'at the end')];
}

function named(op: TransferOp): string {
  return `transfer ${String(op.id)} (${moved(op.act)}) ${placed(op)}`;
}

function moved({ from, to, amount }: Pick<Transfer, 'from' | 'to' | 'amount'>): string {
  return `${String(amount)} from ${String(from)} to ${String(to)}`;
}

function placed({ origin, route }: Pick<BankOp, 'origin' | 'route'>): string {
  if (origin === null) return `by ${route}`;
  return `on ${origin.node}${origin.timeline === null ? '' : `, timeline ${String(origin.timeline)}`}`;
}
