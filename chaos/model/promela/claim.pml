/*
 * Taking the record over (PROTOCOL P5.3 to P5.6, T1, T2, T11). Each claim is one compare-and-swap against the revision that quorum, requirement
 * and floor were computed from. Nothing here looks at a clock: an expired lease opens no door.
 */

/* --- P5.3, P5.4: a read quorum has promised, and the claimant contains the largest position inside it. ---------------------------
 * "Contains the largest of R" is "contains each of R", so it is enough to count the members whose answer is contained. Answers on another
 * timeline than the record's require nothing: whatever was acknowledged before is in the floor. */

#define REQUIRES_NOTHING(position) (TIMELINE(position) != record.timeline)
#define COVERS(n, position) \
  ((position) != 0 && GUARD(REQUIRED, REQUIRES_NOTHING(position) || CONTAINS(n, position)))

#define READ_QUORUM \
  ((WITHOUT_HOLDER_ONLY && K(record.set) == 0) -> CARDINALITY(MEMBERS(record.set)) \
   : CARDINALITY(MEMBERS(record.set)) - K(record.set) + (WITHOUT_READ_QUORUM -> 0 : 1))

#define COVERS_MEMBER(n, m)    (IN(m, MEMBERS(record.set)) && COVERS(n, node[n].answer[m]))
#define MEMBERS_COVERED(n)     (COVERS_MEMBER(n, 0) + COVERS_MEMBER(n, 1) + COVERS_MEMBER(n, 2))
#define HOLDER_COVERED(n)      (!node[record.holder].lost && COVERS(n, node[n].answer[record.holder]))

/* The broken variant: the best of all promisers. */
#define COVERS_OR_SILENT(n, m) (!node[n].answer[m] || COVERS(n, node[n].answer[m]))
#define COVERS_EVERY_ANSWER(n) (COVERS_OR_SILENT(n, 0) && COVERS_OR_SILENT(n, 1) && COVERS_OR_SILENT(n, 2))

#define IS_FENCED(n) \
  (GUARD(FENCE, HOLDER_COVERED(n) || MEMBERS_COVERED(n) >= READ_QUORUM) && (!WITHOUT_SMALLEST_REQUIREMENT || COVERS_EVERY_ANSWER(n)))

/* --- T1 ------------------------------------------------------------------------------------------------------------------------- */

/* M' is taken from the promisers whose WAL the claimant contains. */
#define CAN_LEAD(n, m)   ((m) != (n) && !node[m].lost && node[n].answer[m] && CONTAINS(n, node[n].answer[m]))
#define PROMISERS(n)     (CAN_LEAD(n, 0) | (CAN_LEAD(n, 1) << 1) | (CAN_LEAD(n, 2) << 2))

#define MAY_CLAIM(n) \
  (LIVES(n) && !node[n].primary && !node[n].lost && MAY_SEND(n) && record.holder != n && IS_CANDIDATE(n) \
   && node[n].promised == node[n].ballot && GUARD(FRESH_PROMISES, node[n].ballot > record.epoch))

inline send_claim(n, to_epoch, new_set)
{
  copy_record_into_change(n);
  change[n].is_claim = 1;
  change[n].epoch = to_epoch;
  change[n].state = promoting;
  change[n].to = 0;
  change[n].set = new_set;
  change[n].timeline = record.timeline + 1;
  change[n].floor = POSITION(n);
  change[n].final = 0
}

inline t1_claim(n, members, k)
{
  d_step {
    MAY_CLAIM(n) && IS_FENCED(n) && GUARD(FLOOR, CONTAINS(n, record.floor)) &&
    GUARD(CLAIMED_SET, MINUS(members, PROMISERS(n)) == 0) && (!healed || (members) == PROMISERS(n)) ->
    i = MAX(node[n].ballot, record.epoch + 1);
    j = SET(members, k);
    send_claim(n, i, j);
    i = 0;
    j = 0;
    SAY("STEP T1: @n%d sends its claim: epoch %d, set @s%d, timeline %d, floor @p%d\n",
        n, change[n].epoch, change[n].set, change[n].timeline, change[n].floor)
  }
}

/* --- T2: the holder has stopped cleanly, and `final` is its promise. ------------------------------------------------------------- */

#define RELEASED_TO(n) ((record.state == handing_over && record.to == (n)) || record.state == released)
#define T2_MEMBERS(n) \
  (WITHOUT_T2_OWN_SET -> PROMISERS(n) : MINUS(MEMBERS(record.set) | ONLY(record.holder), ONLY(n)))

inline t2_claim_by_final(n)
{
  d_step {
    LIVES(n) && !node[n].primary && !node[n].lost && MAY_SEND(n) && record.holder != n && RELEASED_TO(n) &&
    record.final && GUARD(FINAL, CONTAINS(n, record.final)) && GUARD(FLOOR, CONTAINS(n, record.floor)) &&
    BALLOT(n) <= LAST_EPOCH && (!healed || record.state == handing_over || HOLDER_IS_GONE) ->
    i = BALLOT(n);
    keep_promise(n, i);
    j = SET(T2_MEMBERS(n), CONFIGURED_K(T2_MEMBERS(n)));
    send_claim(n, i, j);
    i = 0;
    j = 0;
    give_up_candidacy(n);
    SAY("STEP T2: @n%d contains `final` and sends its claim: epoch %d, set @s%d, timeline %d, floor @p%d\n",
        n, change[n].epoch, change[n].set, change[n].timeline, change[n].floor);
    if
    :: change[n].set == NO_SET && MEMBERS(record.set) != 0 ->
       SAY("HARM P1: a planned move leaves nobody who has to acknowledge, although members are there\n");
       assert(false)
    :: else
    fi
  }
}

#if FORCE
/* --- T11: without required and floor. The fence stays: every member has promised, or its incarnation is lost and declared so. ----- */

#define HAS_PROMISED_OR_IS_LOST(n, m) (!IN(m, MEMBERS(record.set)) || node[n].answer[m] || node[m].lost)

inline t11_force(n, members, k)
{
  d_step {
    MAY_CLAIM(n) && GUARD(CLAIMED_SET, MINUS(members, PROMISERS(n)) == 0) && K(record.set) >= 1 &&
    GUARD(FORCE_FENCE, HAS_PROMISED_OR_IS_LOST(n, 0) && HAS_PROMISED_OR_IS_LOST(n, 1) && HAS_PROMISED_OR_IS_LOST(n, 2)) ->
    i = MAX(node[n].ballot, record.epoch + 1);
    j = SET(members, k);
    send_claim(n, i, j);
    i = 0;
    j = 0;
    SAY("STEP T11: an operator forces @n%d: epoch %d, set @s%d, timeline %d, floor @p%d\n",
        n, change[n].epoch, change[n].set, change[n].timeline, change[n].floor)
  }
}
#endif
