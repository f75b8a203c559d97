/*
 * Who is what: predicates over one node and the record that several rules ask for. Pure expressions.
 */

#define LIVES(n) (!healed || (n) != dead)

#define FOLLOWS_NOBODY(n) (node[n].upstream == NOBODY)
/* Nothing of its own is under way: not started, not following, not a candidate. */
#define AT_REST(n) (LIVES(n) && !node[n].lost && !node[n].primary && FOLLOWS_NOBODY(n) && !node[n].decided && !node[n].ballot)
#define IS_LEADING_STATE (record.state == promoting || record.state == serving)
/* The holder whose PostgreSQL is a primary under the record's own epoch. */
#define LEADS(n) (LIVES(n) && node[n].primary && record.holder == (n) && node[n].epoch == record.epoch && IS_LEADING_STATE)

/* P7.8, I14: no directory is altered while its incarnation may be asked for what it holds. */
#define IS_OUTSIDE_RECORD(m) (!IN(m, MEMBERS(record.set)))
#define IS_OUTSIDE_SET(m)    (!IN(m, MEMBERS(node[record.holder].file)) && !IN(m, MEMBERS(node[record.holder].deciding)))
#define HOLDER_SERVES        (LEADS(record.holder) && !node[record.holder].lost)

/* P10: in the healed cluster nobody deposes a holder that is there; but one that cannot promote sits a round out (`promoteBy`). */
#define CANNOT_PROMOTE \
  (record.state != serving && OWN_TIMELINE(record.holder) != record.timeline && POSITION(record.holder) != record.floor)
#define HOLDER_IS_GONE (record.holder == dead || node[record.holder].lost || CANNOT_PROMOTE)
