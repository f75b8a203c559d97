/*
 * States that must be reachable. A model in which nothing bad can happen because nothing can happen passes every search; each of these states shows
 * that a part of the protocol really comes to act. -DSEEK=NAME ends the search at the first such state. chaos/model/reachable.ts lists the same names.
 */

/* Two old leaders still run, and the newest one acknowledges. */
#define REACHED_THREE_PRIMARIES (node[0].primary && node[1].primary && node[2].primary)

/* Three writes, each begun after the epoch before had acknowledged something, and the third epoch has acknowledged too. */
#define REACHED_ACKS_IN_THREE_EPOCHS (invoked_after[2] == 1 && invoked_after[3] == 2 && newest_ack == 3)

#define LACKS_ONLY_FLOOR(n) (MAY_CLAIM(n) && IS_FENCED(n) && !CONTAINS(n, record.floor))
#define REACHED_REFUSED_BY_FLOOR ANY_NODE(LACKS_ONLY_FLOOR)

#define ANSWERED(n, m) (IN(m, MEMBERS(record.set)) && node[n].answer[m])
#define LACKS_ONLY_REQUIRED(n) \
  (MAY_CLAIM(n) && CONTAINS(n, record.floor) && K(record.set) >= 1 && !IS_FENCED(n) \
   && ANSWERED(n, 0) + ANSWERED(n, 1) + ANSWERED(n, 2) >= READ_QUORUM)
#define REACHED_REFUSED_BY_REQUIRED ANY_NODE(LACKS_ONLY_REQUIRED)

/* The deposed holder alone is a read quorum, where the members' promises would not do. */
#define CLAIMS_BY_HOLDER(n) (MAY_CLAIM(n) && HOLDER_COVERED(n) && MEMBERS_COVERED(n) < READ_QUORUM && CONTAINS(n, record.floor))
#define REACHED_CLAIM_BY_PROMISE_OF_HOLDER ANY_NODE(CLAIMS_BY_HOLDER)

/* Decided long ago, deposed since, and about to promote all the same. */
#define PROMOTES_LATE(n) \
  (!node[n].primary && node[n].decided_timeline && node[n].decided < record.epoch && node[n].promised <= node[n].decided)
#define REACHED_LATE_PROMOTION ANY_NODE(PROMOTES_LATE)

/* The record may still become `serving` for a holder that has crashed. */
#define OUTLIVES_SENDER(n) (change[n].pending && record.state == promoting && change[n].state == serving && !node[n].primary)
#define REACHED_CHANGE_OUTLIVES_SENDER ANY_NODE(OUTLIVES_SENDER)

/* A tail that was never acknowledged has been rewound away. */
#define REACHED_TAIL_IS_GONE (written && !HOLDS(0, 1) && !HOLDS(1, 1) && !HOLDS(2, 1))

#define REACHED_RE_ENLISTED (LEADS(0) && record.epoch == 2 && node[1].upstream == 0 && node[1].promised == 2)

#define REACHED_RELEASE_TAKEN_UP (record.state == released && change[record.holder].pending)
#define CLAIMS_RELEASED_BY_VOTE(n) (record.state == released && record.final == 0 && MAY_CLAIM(n) && IS_FENCED(n) && CONTAINS(n, record.floor))
#define REACHED_VOTE_AFTER_RELEASE ANY_NODE(CLAIMS_RELEASED_BY_VOTE)
/* The old holder is a member of the new one: only a claim by `final` writes that set. */
#define REACHED_SWITCHED_OVER (record.state == serving && record.holder != 0 && switchovers == 1 && record.set == SET(ALL_BUT_HOLDER, FIRST_K))
#define ALL_BUT_HOLDER MINUS(7, ONLY(record.holder))
#define REACHED_ABORT_ON_ITS_WAY (record.state == handing_over && change[record.holder].pending)

/* k = 0: a commit that no other node has. */
#define REACHED_ACKNOWLEDGED_ALONE (IS_ACKNOWLEDGED(1) && HOLDS(0, 1) && !HOLDS(1, 1) && !HOLDS(2, 1))
#define REACHED_BACK_FROM_ALONE (K(record.set) == 0 && record.holder == 0 && change[0].pending && K(change[0].set) >= 1)
#define REACHED_SET_CHANGE_WHILE_PROMOTING \
  (record.state == promoting && change[record.holder].pending && change[record.holder].state == promoting \
   && change[record.holder].set != record.set)
#define REACHED_WALSENDERS_DISAGREE \
  (node[0].primary && !IS_PROVEN(0) && IN(1, node[0].switched) && !IN(2, node[0].switched) && IN(2, MEMBERS(node[0].older)))

/* Lost, left the set, joined as a new incarnation, caught up and enlisted. */
#define REACHED_NEW_INCARNATION_IS_MEMBER \
  (disk_losses == 1 && !node[0].lost && !node[1].lost && !node[2].lost && CARDINALITY(MEMBERS(record.set)) == 2 && node[1].upstream == 0 \
   && node[2].upstream == 0 && record.epoch == 1)
#define OUTLIVES_DISK(n) (change[n].is_claim && node[n].lost)
#define REACHED_CLAIM_OF_LOST_NODE ANY_NODE(OUTLIVES_DISK)

#define COLLECTS(n) (node[n].ballot && !node[n].answer[n] && (node[n].answer[0] || node[n].answer[1] || node[n].answer[2]))
#define REACHED_PUSHED_ANSWER ANY_NODE(COLLECTS)

/* T11 may lose acknowledged writes; that is what an operator forces. */
#define REACHED_FORCED_LOSS (!node[record.holder].lost && !HOLDS_ALL_ACKNOWLEDGED(record.holder))

#ifdef SEEK
#define PASTE(a, b)   a##b
#define REACHED(name) PASTE(REACHED_, name)

inline ends_when_reached()
{
  d_step { REACHED(SEEK) -> SAY("REACHED\n"); assert(false) }
}
#endif
