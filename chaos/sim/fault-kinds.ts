/** The names of what can go wrong; each states its mechanism. */

/** What befalls one node, and how often that is the leader whatever the dice say. */
export const LEADERS_SHARE = {
  'postmaster-kill': 0,
  'leader-postmaster-kill': 1,
  'agent-kill': 0.5,
  'guard-kill': 0.5,
  'machine-loss': 0,
  'leader-machine-loss': 1,
  'node-freeze': 0,
  'leader-freeze': 1,
  'machine-pause': 0.5,
  'agent-freeze': 0,
  'leader-agent-freeze': 1,
  'postgres-freeze': 0.5,
  'postmaster-freeze': 0.7,
  'node-partition': 0,
  'leader-partition': 1,
  'store-cut': 0.5,
  'disk-hang': 0.5,
  'disk-slow': 0.3,
  'replay-pause': 0,
  'replay-slow': 0,
  'checkpointer-busy': 1,
  'walsenders-slow': 1,
  'start-refused': 0.7,
  'promote-by-hand': 0,
  switchover: 0,
} as const;

export type NodeFault = keyof typeof LEADERS_SHARE;

const STORE_FAULTS = ['store-outage', 'store-slow', 'store-late-commits', 'watch-breaks', 'restart-in-outage'] as const;

export type StoreFault = (typeof STORE_FAULTS)[number];

/** Any seed may draw any of them. A kind more among them changes what every seed draws. */
export const DRAWN_KINDS = [
  ...(Object.keys(LEADERS_SHARE) as NodeFault[]),
  ...STORE_FAULTS,
  'one-way-cut',
  'link-cut',
  'bad-network',
  'disk-loss',
  'proxy-kill',
  'proxy-partition',
  'double-kill',
  'store-restore',
  'agent-dies-at-failpoint',
  'machine-dies-at-failpoint',
  'act-fails',
  'act-is-late',
  'change-outlives-agent',
  'claimant-loss',
  'claimant-freeze',
  'member-returns',
  'asked-while-replaying',
  'hand-made-and-leader-kill',
  'move-to-laggard',
  'operator-force',
] as const;

/** Each aims at one moment that needs several things at once; they are drawn by a stream of their own, into seeds that have hardly anything else (options.ts). */
export const AIMED_KINDS = ['heir-held-up', 'promiser-loses-disk'] as const;

export const FAULT_KINDS = [...DRAWN_KINDS, ...AIMED_KINDS] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

export function isNodeFault(kind: FaultKind): kind is NodeFault {
  return kind in LEADERS_SHARE;
}

export function isStoreFault(kind: FaultKind): kind is StoreFault {
  return STORE_FAULTS.some((one) => one === kind);
}
