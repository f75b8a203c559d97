/*
 * Progress (PROTOCOL P11, last paragraph). At any moment the faults end; at most one node stays dead. From then on every run must come to an end, and
 * at its end a serving leader must have acknowledged everything, unless the only copies of possibly acknowledged WAL are away.
 */

/* Members that are there, for whom the largest position among them is within w's reach: w contains it, or fetches it. */
#define IS_AROUND(m)      (LIVES(m) && !node[m].lost)
#define REACHES(w, p)     (TIMELINE(p) != record.timeline || CONTAINS(w, p))
#define QUORUM_MEMBER(w, m) (IN(m, MEMBERS(record.set)) && IS_AROUND(m) && REACHES(w, POSITION(m)))
#define CAN_CLAIM(w) \
  (IS_AROUND(w) && CONTAINS(w, record.floor) && K(record.set) >= 1 \
   && QUORUM_MEMBER(w, 0) + QUORUM_MEMBER(w, 1) + QUORUM_MEMBER(w, 2) > CARDINALITY(MEMBERS(record.set)) - K(record.set))
#define CAN_CLAIM_BY_FINAL(w) \
  (IS_AROUND(w) && record.final && CONTAINS(w, record.final) && CONTAINS(w, record.floor) && RELEASED_TO(w))
#define CAN_BE_SAVED \
  (IS_AROUND(record.holder) || CAN_CLAIM(0) || CAN_CLAIM(1) || CAN_CLAIM(2) \
   || CAN_CLAIM_BY_FINAL(0) || CAN_CLAIM_BY_FINAL(1) || CAN_CLAIM_BY_FINAL(2))

#define WAITS_AT(n, id) (id <= written && HOLDS(n, id) && !IS_ACKNOWLEDGED(id))
#define IS_SERVED_BY(l) \
  (LEADS(l) && record.state == serving && IS_PROVEN(l) && ENOUGH_FLUSHED(l, node[l].file, node[l].length) \
   && !WAITS_AT(l, 1) && !WAITS_AT(l, 2) && !WAITS_AT(l, 3))

inline heal(stays_dead)
{
  d_step {
    true ->
    healed = 1;
    dead = stays_dead;
    if
    :: dead != NOBODY ->
       postgres_ends(dead);
       node[dead].upstream = NOBODY;
       forget_decision(dead);
       give_up_candidacy(dead)
    :: else
    fi;
    SAY("STEP healed: no further faults; @n%d stays dead\n", dead)
  }
}

proctype Healer()
{
  byte can_be_saved;
progress_while_there_are_faults:
  if
  :: heal(0)
  :: heal(1)
  :: heal(2)
  :: heal(NOBODY)
  fi;
  d_step { NOTHING_IN_FLIGHT -> can_be_saved = CAN_BE_SAVED };
  timeout;
  if
  :: can_be_saved && !IS_SERVED_BY(record.holder) ->
     SAY("HARM progress: the cluster stands still although it could be saved\n");
     assert(false)
  :: else
  fi
}
