/*
 * What must hold in every state (PROTOCOL P11). Harm is what a client could notice: I1 and, asserted in the steps themselves, I4 and I5. The other
 * invariants are the argument why there is no harm; a scope checks them too, a run with a guard switched off only looks for harm.
 */

/* I1: the record's holder, the same incarnation, holds every acknowledged write. */
#define I1_HOLDER_HOLDS_ALL (node[record.holder].lost || HOLDS_ALL_ACKNOWLEDGED(record.holder))

/* I2: every node that a read quorum's positions would let win holds every acknowledged write. */
#define OF_QUORUM(w, m) \
  (IN(m, MEMBERS(record.set)) && !node[m].lost && (TIMELINE(POSITION(m)) != record.timeline || CONTAINS(w, POSITION(m))))
#define COULD_WIN(w) \
  (!node[w].lost && K(record.set) >= 1 && CONTAINS(w, record.floor) \
   && OF_QUORUM(w, 0) + OF_QUORUM(w, 1) + OF_QUORUM(w, 2) > CARDINALITY(MEMBERS(record.set)) - K(record.set))
#define COULD_WIN_BY_FINAL(w) \
  (!node[w].lost && (record.state == released || record.state == handing_over) && record.final && CONTAINS(w, record.final))
#define I2_FOR(w) (HOLDS_ALL_ACKNOWLEDGED(w) || (!COULD_WIN(w) && !COULD_WIN_BY_FINAL(w)))

/* I3: every record that exists or may come to exist is safe with every set that may decide. */
#define SAFE_WITH_SETS(n, set) (IS_SAFE(set, node[n].file) && IS_SAFE(set, node[n].deciding))
#define I3_FOR(n) \
  (!LEADS(n) || (SAFE_WITH_SETS(n, record.set) && (!change[n].pending || SAFE_WITH_SETS(n, change[n].set))))

/* I5: one timeline id, one content, wherever two nodes could meet. */
#define SAME_ENTRY(v, w, l) \
  ((l) > node[v].length || (l) > node[w].length || TIMELINE_AT(v, l) != TIMELINE_AT(w, l) || node[v].wal[l] == node[w].wal[l])
#define SAME_CONTENT(v, w) \
  (SAME_ENTRY(v, w, 1) && SAME_ENTRY(v, w, 2) && SAME_ENTRY(v, w, 3) && SAME_ENTRY(v, w, 4) && \
   SAME_ENTRY(v, w, 5) && SAME_ENTRY(v, w, 6))
#define I5_ONE_CONTENT (SAME_CONTENT(0, 1) && SAME_CONTENT(0, 2) && SAME_CONTENT(1, 2))

/* I6: an epoch and a timeline id belong to one claim each; neither ever falls. */
inline assert_nothing_falls(n)
{
  if
  :: (change[n].is_claim && (change[n].epoch <= record.epoch || change[n].timeline <= record.timeline)) ||
     change[n].epoch < record.epoch || change[n].timeline < record.timeline ->
     SAY("HARM I6: the change of @n%d would take the record back\n", n);
     assert(false)
  :: else
  fi
}

/* I7: no primary, and no standby of a primary, is below its promise. */
#define I7_FOR(n) \
  ((!node[n].primary || node[n].promised <= node[n].epoch) \
   && (node[n].upstream == NOBODY || !node[node[n].upstream].primary || node[n].promised <= node[node[n].upstream].epoch))

/* I8: who has answered a candidate follows nobody below the ballot. */
#define ANSWER_HOLDS(c, m) \
  (!node[c].answer[m] || node[m].upstream == NOBODY || !node[node[m].upstream].primary || node[node[m].upstream].epoch >= node[c].ballot)
#define I8_FOR(c) (ANSWER_HOLDS(c, 0) && ANSWER_HOLDS(c, 1) && ANSWER_HOLDS(c, 2))

/* I9: a commit waits for nobody only if the record says k = 0. */
#define I9_FOR(n) (!LEADS(n) || K(record.set) == 0 || (K(node[n].file) >= 1 && K(node[n].deciding) >= 1))

/* I10: where `final` stands, nothing of the holder's PostgreSQL lives. */
#define I10_FINAL_IS_FINAL (!record.final || !node[record.holder].primary)

/* I12: the holder contains the floor. */
#define I12_HOLDER_CONTAINS_FLOOR (node[record.holder].lost || CONTAINS(record.holder, record.floor))

#define FOR_ALL(property) (property(0) && property(1) && property(2))

/* An inline as an option of the monitor's loop: it is there to be taken when something is wrong. */
inline must_hold_i1()
{
  d_step { !I1_HOLDER_HOLDS_ALL -> SAY("HARM I1: an acknowledged write is lost: the record's holder does not have it\n"); assert(false) }
}

#if INVARIANTS
inline must_hold_i2()
{
  d_step { !FOR_ALL(I2_FOR) -> SAY("HARM I2: a read quorum leads to a winner without an acknowledged write\n"); assert(false) }
}

inline must_hold_i3()
{
  d_step { !FOR_ALL(I3_FOR) -> SAY("HARM I3: a record and a set in force that are possible together are not safe\n"); assert(false) }
}

inline must_hold_i5()
{
  d_step { !I5_ONE_CONTENT -> SAY("HARM I5: two nodes hold different content under one timeline id\n"); assert(false) }
}

inline must_hold_i7()
{
  d_step { !FOR_ALL(I7_FOR) -> SAY("HARM I7: a node starts or follows below its promise\n"); assert(false) }
}

inline must_hold_i8()
{
  d_step { !FOR_ALL(I8_FOR) -> SAY("HARM I8: a node that has promised still follows the old epoch\n"); assert(false) }
}

inline must_hold_i9()
{
  d_step { !FOR_ALL(I9_FOR) -> SAY("HARM I9: commits wait for nobody although the record says k > 0\n"); assert(false) }
}

inline must_hold_i10()
{
  d_step { !I10_FINAL_IS_FINAL -> SAY("HARM I10: final stands in the record while the holder's PostgreSQL runs\n"); assert(false) }
}

inline must_hold_i12()
{
  d_step { !I12_HOLDER_CONTAINS_FLOOR -> SAY("HARM I12: the holder does not contain the floor\n"); assert(false) }
}
#endif
