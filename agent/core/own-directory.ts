/**
 * Is what lies in the data directory what this node put there? A changed mount or path can bring somebody else's database into our place while
 * our own notes still say that all is well; started, rewound or cloned over, it would be gone. Looked at before anything else is decided.
 */
import type { Facts } from './facts.ts';

/** Null: it is ours, or nothing lies there, or it cannot be told now. `recorded`: the system identifier in the leader record. */
export function whyNotOurs(facts: Facts, recorded: string | null): string | null {
  const { file, server, self, job } = facts;
  // While a job remakes the directory, what was seen before says nothing about what our notes say now.
  if (server.state.kind !== 'stopped' || job !== null || file.dir === 'absent') return null;
  const { systemId, marker } = server.state;
  const expected = file.dir === 'ok' ? file.systemId : recorded;
  if (expected !== null && systemId !== expected)
    return `the data directory holds system ${systemId}, this node's is ${expected}: it is not touched`;
  if (file.dir === 'ok' && marker !== undefined && marker !== null && marker !== self.member)
    return `the data directory is that of ${marker}, this node is ${self.member}: it is not touched`;
  return null;
}

/**
 * A directory that this very incarnation made and put in its place, and then ended before it could note it down. Nothing was ever recorded of it, so
 * it may go; left there, it would pass for somebody's database for ever.
 */
export function isOurUnnoted({ file, server, self, job }: Facts): boolean {
  if (server.state.kind !== 'stopped' || job !== null || file.dir !== 'absent' || file.accepted !== null) return false;
  return server.state.marker === self.member;
}
